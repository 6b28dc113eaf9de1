"""What is searched of a dataset, a job or a version of a model: one document of texts each.

A column is no document of its own: it is found with its table. A catalog of a million columns has
some ten thousands of documents therefore, and a column costs a few bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lineage.facts import Json
from lineage.identity import Label
from lineage.state.following import count_fields, fields_of, uses_of
from lineage.state.port import AspectValue
from lineage.state.store import SqlState

__all__ = ["LABELS", "Document", "documents"]

LABELS: Final[tuple[Label, ...]] = ("Dataset", "Job", "Model")

_ASPECTS: Final = ("schema", "documentation", "tags", "ownership")
_LONGEST: Final = 4_000
"""Characters of a description that are searched."""


@dataclass(frozen=True, slots=True)
class Document:
    """The texts of one thing, as people wrote them.

    Attributes:
        key: Its key in the graph.
        label: What it is.
        namespace: Its namespace; empty for a model.
        name: Its name.
        fields: Its columns, in the order of their names.
        tags: Tags as ``key value``, those of columns too.
        owners: Names of owners.
        notes: Descriptions, of itself and of its columns.
        uses: How many ways data takes through it.
    """

    key: str
    label: Label
    namespace: str
    name: str
    fields: Sequence[str] = ()
    tags: Sequence[str] = ()
    owners: Sequence[str] = ()
    notes: Sequence[str] = ()
    uses: int = 0


def documents(state: SqlState, keys: Sequence[str]) -> Iterator[Document]:
    """The documents of those keys that have one, as the state is now."""
    nodes = {key: node for key, node in state.nodes(keys).items() if node.label in LABELS}
    held = state.aspects(list(nodes), _ASPECTS)
    db = state.connection()
    uses = uses_of(db, list(nodes))
    fields = _fields(db, {key: _values(held.get(key, {}).get("schema", ())) for key in nodes})
    for key, node in nodes.items():
        said = {name: _values(values) for name, values in held.get(key, {}).items()}
        yield Document(
            key=key,
            label=node.label,
            namespace=str(node.props.get("namespace") or ""),
            name=str(node.props.get("name") or ""),
            fields=fields.get(key, ()),
            tags=[text for value in said.get("tags", ()) for text in _tags(value)],
            owners=[text for value in said.get("ownership", ()) for text in _owners(value)],
            notes=[
                *(text for value in said.get("documentation", ()) for text in _text(value)),
                *(text for value in said.get("schema", ()) for text in _of_fields(value)),
            ],
            uses=uses.get(key, 0),
        )


def _fields(
    db: sqlite3.Connection, schemas: Mapping[str, Sequence[Json]]
) -> dict[str, Sequence[str]]:
    """Names of all columns; read one by one only where there are others than the schema lists."""
    counts = count_fields(db, list(schemas))
    named = {
        key: sorted({one["name"] for value in values for one in value["fields"] if one["name"]})
        for key, values in schemas.items()
        if values
    }
    others = [key for key, count in counts.items() if count != len(named.get(key, ()))]
    return {**named, **fields_of(db, others)}


def _values(values: Iterable[AspectValue]) -> list[Json]:
    return [value.value for value in values]


def _text(value: Json) -> Iterator[str]:
    said = value.get("description") if isinstance(value, dict) else None
    if isinstance(said, str) and said:
        yield said[:_LONGEST]


def _of_fields(value: Json) -> Iterator[str]:
    fields = value.get("fields") if isinstance(value, dict) else None
    for one in fields if isinstance(fields, list) else ():
        yield from _text(one)


def _tags(value: Json) -> Iterator[str]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            pair = [one.get("key"), one.get("value")]
            yield " ".join(text for text in pair if isinstance(text, str))


def _owners(value: Json) -> Iterator[str]:
    owners = value.get("owners") if isinstance(value, dict) else None
    for one in owners if isinstance(owners, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one["name"]
