"""What follows the state by position reads here: which things changed, and how they are used.

A follower asks what changed behind the position that it knows. It may be told of more than that; it
is never told of less. Nothing of this stands in the way of the fold but one row per thing of which
a text changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from lineage.graph.rows import listed
from lineage.state.tables import COLUMN_OF_WANTED

__all__ = [
    "TEXTS", "changed_since", "count_fields", "every_thing", "fields_of", "last_used", "uses_of",
]  # fmt: skip

TEXTS: Final = frozenset({"schema", "documentation", "tags", "ownership"})
"""Aspects that hold text; what changes in them alone leaves no trace in the graph."""

_EVERY: Final = (
    "select id, key from node where live = 1 and id > ? and label in ('Dataset', 'Job', 'Model')"
    " order by id limit ?"
)
_CHANGED: Final = """
select entity_key from restated where position > ?1
union select coalesce(entity.parent, node.key) from node
    left join entity on entity.key = node.key where node.changed_at > ?1
union select node.key from edge cross join node on node.id in (edge.src, edge.dst)
    where edge.changed_at > ?1 and edge.type = 'FEEDS'
"""
_FIELDS: Final = f"""
select entity.parent, entity.parts from json_each(?) as wanted
cross join entity on {COLUMN_OF_WANTED}
"""  # noqa: S608 - of constants
_COUNTED: Final = f"""
select wanted.value, count(*) from json_each(?) as wanted
cross join entity on {COLUMN_OF_WANTED} group by wanted.value
"""  # noqa: S608 - of constants
_USES: Final = """
select node.key, node.feeds from json_each(?) as wanted
cross join node on node.key = wanted.value where node.feeds > 0
"""
_LAST: Final = """
select wanted.value, max(
    coalesce((select max(first) from run where job_key = wanted.value), 0),
    coalesce((select max((select max(first) from run where job_key = shown.owner)) from (
        select owner from shape_io where entity_key = wanted.value limit 50) as shown), 0))
from json_each(?) as wanted
"""


def changed_since(db: sqlite3.Connection, position: int) -> list[str]:
    """Keys of things of which node, columns, texts or edges changed behind a position."""
    return [key for (key,) in db.execute(_CHANGED, (position,))]


def every_thing(db: sqlite3.Connection, size: int) -> Iterator[list[str]]:
    """Keys of all datasets, jobs and models, at most ``size`` at once."""
    last = 0
    while rows := db.execute(_EVERY, (last, size)).fetchall():
        yield [key for _, key in rows]
        last = rows[-1][0]


def fields_of(db: sqlite3.Connection, datasets: Sequence[str]) -> dict[str, list[str]]:
    """Names of all columns that were ever known of datasets, sorted."""
    found: dict[str, list[str]] = {}
    for parent, parts in db.execute(_FIELDS, (listed(datasets),)):
        found.setdefault(parent, []).append(msgspec.json.decode(parts, type=list[str])[2])
    return {key: sorted(names) for key, names in found.items()}


def count_fields(db: sqlite3.Connection, datasets: Sequence[str]) -> dict[str, int]:
    """How many columns were ever known of datasets: far cheaper than their names."""
    return dict(db.execute(_COUNTED, (listed(datasets),)))


def uses_of(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, int]:
    """How many edges of lineage begin or end at things; without those that have none."""
    return dict(db.execute(_USES, (listed(keys),)))


def last_used(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, int]:
    """When a run of a job, or one that reads or writes a dataset, last began; epoch ms.

    A dataset of more than fifty shapes is judged by fifty of them.
    """
    return {key: at for key, at in db.execute(_LAST, (listed(keys),)) if at}
