"""The columns of a dataset through time, from what was said about its schema. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as member

from lineage.facts import Json
from lineage.graph.port import OPEN, Spans
from lineage.identity import Identity
from lineage.state.resolve import StoredPoint, timeline

__all__ = ["Column", "columns"]


@dataclass(slots=True)
class Column:
    """A column: when it was there, and how it looked last."""

    field: str
    spans: Spans = ()
    props: dict[str, Json] = member(default_factory=dict)


def columns(
    namespace: str, name: str, points: Sequence[StoredPoint], identity: Identity
) -> dict[str, Column]:
    """Columns by key.

    Args:
        namespace: Namespace of the dataset.
        name: Name of the dataset.
        points: Points of its aspect ``schema``.
        identity: Derives the keys.
    """
    found: dict[str, Column] = {}
    for point in points:
        # Also columns of a schema that lost: what was named once stays known, in any order.
        for column_name, _ in _fields(point.value):
            key = identity.key("Column", namespace, name, column_name)
            found.setdefault(key, Column(column_name))
    moments = timeline("schema", points)
    for number, (at, values) in enumerate(moments):
        until = moments[number + 1][0] if number + 1 < len(moments) else OPEN
        for place, (column_name, type_) in enumerate(_fields(values[0].value if values else None)):
            column = found[identity.key("Column", namespace, name, column_name)]
            if column.spans and column.spans[-1][1] == at:
                column.spans = (*column.spans[:-1], (column.spans[-1][0], until))
            elif not column.spans or column.spans[-1][1] != until:
                column.spans = (*column.spans, (at, until))
            column.props = {"ordinal": place}
            if type_ is not None:
                column.props["type"] = type_
    for column in found.values():
        if not column.spans or column.spans[-1][1] != OPEN:
            column.props["removed"] = True
    return found


def _fields(value: Json) -> list[tuple[str, str | None]]:
    """Names and types of the columns of a schema."""
    fields = value.get("fields") if isinstance(value, dict) else None
    return [
        (said["name"], said["type"] if isinstance(said.get("type"), str) else None)
        for said in (fields if isinstance(fields, list) else ())
        if isinstance(said, dict) and isinstance(said.get("name"), str) and said["name"]
    ]
