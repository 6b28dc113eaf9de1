"""Runs and versions as they are answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from lineage.graph.port import Node
from lineage.graph.rows import listed
from lineage.state.port import RunRow, VersionRow
from lineage.state.runs import contradicted, state_of

__all__ = ["current_span", "list_runs", "read_run", "read_runs", "run_node", "versions_of"]

_COLUMNS: Final = (
    "select r.key, r.job_key, r.run_id, r.seen, r.started, r.ended, r.facets, r.last,"
    " s.inputs, s.outputs"
)
_SELECT: Final = f"{_COLUMNS} from run r join shape s on s.id = r.shape_id where r.seen & 64 = 0"
_OF_KEYS: Final = (
    f"{_COLUMNS} from json_each(?) as wanted cross join run r on r.key = wanted.value"
    " cross join shape s on s.id = r.shape_id where r.seen & 64 = 0"
)


def _row(row: tuple[Any, ...]) -> RunRow:
    key, job_key, run_id, seen, started, ended, facets, last, inputs, outputs = row
    return RunRow(
        key=key,
        job_key=job_key,
        run_id=run_id,
        state=state_of(seen),
        started=started,
        ended=ended,
        contradicted=contradicted(seen),
        inputs=tuple(msgspec.json.decode(inputs)),
        outputs=tuple(msgspec.json.decode(outputs)),
        facets={name: said[2] for name, said in msgspec.json.decode(facets).items()},
        last=last,
    )


def read_run(db: sqlite3.Connection, key: str) -> RunRow | None:
    """One run by key."""
    row = db.execute(f"{_SELECT} and r.key = ?", (key,)).fetchone()
    return None if row is None else _row(row)


def read_runs(db: sqlite3.Connection, keys: Sequence[str]) -> list[RunRow]:
    """The runs of the keys that exist, in their order."""
    found = {row[0]: row for row in db.execute(_OF_KEYS, (listed(keys),))}
    return [_row(found[key]) for key in keys if key in found]


def list_runs(db: sqlite3.Connection, job_key: str | None, limit: int) -> list[RunRow]:
    """Runs of one job or of all, newest first."""
    order = "order by r.first desc, r.key desc limit ?"
    if job_key is None:
        rows = db.execute(f"{_SELECT} {order}", (limit,))
    else:
        rows = db.execute(f"{_SELECT} and r.job_key = ? {order}", (job_key, limit))
    return [_row(row) for row in rows]


def run_node(db: sqlite3.Connection, key: str) -> Node | None:
    """A run as a node, for references and traces; most runs do not stand in the graph."""
    run = read_run(db, key)
    if run is None:
        return None
    parts = db.execute("select parts from entity where key = ?", (run.job_key,)).fetchone()
    namespace, job = msgspec.json.decode(parts[0])
    props = {
        "namespace": namespace,
        "job": job,
        "name": run.run_id,
        "state": run.state,
        "started": run.started,
        "ended": run.ended,
        "contradicted": run.contradicted,
    }
    return Node(key, "Run", {k: v for k, v in props.items() if v is not None})


def versions_of(db: sqlite3.Connection, dataset_key: str, limit: int) -> list[VersionRow]:
    """Named versions, and the completed runs that wrote the dataset without naming one."""
    named = [
        VersionRow(dataset_key, *row)
        for row in db.execute(
            "select version, first, last, run_key from version where dataset_key = ?"
            " order by last desc, version limit ?",
            (dataset_key, limit),
        )
    ]
    # Of each shape the newest runs alone: a table may have been written a hundred thousand times.
    rows = db.execute(
        "select r.run_id, r.ended, r.key from shape_io io cross join run r on r.key in ("
        "  select key from run where shape_id = io.shape_id and seen & 8 and not seen & 70"
        "  order by ended desc, run_id limit ?2)"
        " where io.entity_key = ?1 and io.role = 'out'"
        " and not exists (select 1 from version v where v.dataset_key = io.entity_key"
        "                 and v.run_key = r.key)"
        " order by r.ended desc, r.run_id limit ?2",
        (dataset_key, limit),
    )
    unnamed = [VersionRow(dataset_key, run_id, at, at, key) for run_id, at, key in rows]
    everything = sorted([*named, *unnamed], key=lambda v: (-v.last, v.version))
    return everything[:limit]


def current_span(
    db: sqlite3.Connection, dataset_key: str, version: str
) -> tuple[int, int | None] | None:
    """When a named version was first seen, and when the next one was; None where it never was."""
    row = db.execute(
        "select first from version where dataset_key = ? and version = ?", (dataset_key, version)
    ).fetchone()
    if row is None:
        return None
    # What began later was last seen later too, which is what the index knows.
    [after] = db.execute(
        "select min(first) from version where dataset_key = ?1 and last > ?2 and first > ?2",
        (dataset_key, row[0]),
    ).fetchone()
    return int(row[0]), after
