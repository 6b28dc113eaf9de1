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
    moments = timeline("schema", points)
    for number, (at, values) in enumerate(moments):
        until = moments[number + 1][0] if number + 1 < len(moments) else OPEN
        value = values[0].value if values else None
        fields = value.get("fields") if isinstance(value, dict) else None
        for place, said in enumerate(fields if isinstance(fields, list) else ()):
            column_name = said.get("name") if isinstance(said, dict) else None
            if not isinstance(column_name, str) or not column_name:
                continue
            key = identity.key("Column", namespace, name, column_name)
            column = found.setdefault(key, Column(column_name))
            if column.spans and column.spans[-1][1] == at:
                column.spans = (*column.spans[:-1], (column.spans[-1][0], until))
            elif not column.spans or column.spans[-1][1] != until:
                column.spans = (*column.spans, (at, until))
            column.props = {"ordinal": place}
            if isinstance(said.get("type"), str):
                column.props["type"] = said["type"]
    for column in found.values():
        if column.spans[-1][1] != OPEN:
            column.props["removed"] = True
    return found
