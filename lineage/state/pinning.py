"""Which versions of its inputs a run read, exactly where the producer says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from lineage.graph.rows import listed
from lineage.state.port import RunRow

__all__ = ["Pinned", "facts_of_run", "maker_of", "pinned_inputs"]

_SAID: Final = """
select p.entity_key, p.value from sighting s
cross join (select value as key from json_each(?)) as wanted
cross join point p on p.entity_key = wanted.key and p.aspect = 'version' and p.slot = ''
  and p.source in ('facet', 'import')
  and ((p.time = s.first_time and p.rank = s.first_rank || ':version')
    or (p.time = s.last_time and p.rank = s.last_rank || ':version'))
where s.run_key = ? order by p.time, p.rank
"""
_MAKER: Final = "select run_key from version where dataset_key = ? and version = ?"
# The writer that had ended last when the run began; of each shape the newest by their beginning are
# looked at, for runs of one job seldom overtake each other by more.
_WRITER: Final = """
select r.key, r.run_id, r.ended from shape_io io cross join run r on r.key in (
  select key from run where shape_id = io.shape_id and first <= ?2 and last <= ?2
  and seen & 8 and not seen & 70 and key <> ?3 order by first desc limit 8)
where io.entity_key = ?1 and io.role = 'out' order by r.ended desc, r.key limit 1
"""
_NAMED: Final = "select max(version) from version where dataset_key = ? and run_key = ?"


@dataclass(frozen=True, slots=True)
class Pinned:
    """The version of one input that a run read.

    Attributes:
        dataset_key: The input.
        version: Name of the version; for one that nobody named, the id of the run that wrote it.
            None where nothing is known of a version.
        run_key: The run that wrote it, where that is known.
        how: ``said``: the run's own event names it; ``inferred``: what the last run wrote that had
            ended when this one began; ``unknown``: no run that wrote it is known.
    """

    dataset_key: str
    version: str | None
    run_key: str | None
    how: Literal["said", "inferred", "unknown"]


def pinned_inputs(db: sqlite3.Connection, run: RunRow) -> list[Pinned]:
    """The inputs of a run with their versions, in the order of the run's inputs."""
    began = db.execute("select first from run where key = ?", (run.key,)).fetchone()
    said = {
        key: msgspec.json.decode(value)
        for key, value in db.execute(_SAID, (listed(run.inputs), run.key))
    }
    return [_pin(db, run, key, said.get(key), int(began[0])) for key in run.inputs]


def _pin(db: sqlite3.Connection, run: RunRow, key: str, said: object, began: int) -> Pinned:
    # A dataset that is read and written in one run shows the version that came of it.
    if isinstance(said, str) and key not in run.outputs:
        return Pinned(key, said, maker_of(db, key, said), "said")
    writer = db.execute(_WRITER, (key, began, run.key)).fetchone()
    if writer is None:
        return Pinned(key, None, None, "unknown")
    run_key, run_id, _ = writer
    [named] = db.execute(_NAMED, (key, run_key)).fetchone()
    return Pinned(key, named or run_id, run_key, "inferred")


def maker_of(db: sqlite3.Connection, key: str, version: str) -> str | None:
    """The run that made a named version of a dataset; None where that is not known."""
    maker = db.execute(_MAKER, (key, version)).fetchone()
    return maker[0] if maker else None


def facts_of_run(db: sqlite3.Connection, run_key: str) -> Sequence[int]:
    """Positions of the facts that a run's row cites, one per distinct event, in their order."""
    rows = db.execute("select position from sighting where run_key = ? order by 1", (run_key,))
    return [position for (position,) in rows]
