"""Runs and sightings as stored: merged in memory within a batch, written once at its end."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import msgspec

from lineage.state.digest import RollingDigest
from lineage.state.runs import RunState, Sighting
from lineage.state.shape_table import ShapeInfo, ShapeTable
from lineage.state.shapes import merge

__all__ = ["Run", "RunTable", "Update"]

_CACHED: Final = 2000
_encode = msgspec.json.Encoder(order="deterministic").encode
_COLUMNS: Final = "key, job_key, run_id, seen, first, last, started, ended, shape_id, facets"


@dataclass(slots=True)
class Run:
    """A run in memory: its state, its shape, what it showed, and the digest row on disk."""

    state: RunState
    shape: ShapeInfo
    sightings: dict[int, Sighting]
    row: tuple[object, ...] | None = None
    unsaved: set[int] = field(default_factory=set)
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """What an event changed on its run; ``before`` is None for a new run."""

    before: tuple[RunState, ShapeInfo] | None
    after: tuple[RunState, ShapeInfo]

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        if self.before is None:
            return True
        (state, shape), (new_state, new_shape) = self.before, self.after
        return state != new_state or shape.id != new_shape.id


class RunTable:
    """Merges events into runs."""

    def __init__(self, db: sqlite3.Connection, shapes: ShapeTable, digest: RollingDigest) -> None:
        self._db = db
        self._shapes = shapes
        self._digest = digest
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._dirty: dict[str, Run] = {}

    def see(self, state: RunState, shape: ShapeInfo, sighting: Sighting) -> Update:
        """Merge one event into its run."""
        run = self._load(state.key)
        if run is None:
            run = Run(state, shape, {shape.id: sighting}, None, {shape.id}, True)
            self._runs[state.key] = self._dirty[state.key] = run
            return Update(None, (state, shape))
        before = (run.state, run.shape)
        known = run.sightings.get(shape.id)
        joined = sighting if known is None else known.joined(sighting)
        if joined != known:
            run.sightings[shape.id] = joined
            run.unsaved.add(shape.id)
            self._dirty[state.key] = run
            if len(run.sightings) > 1:
                run.shape = self._merged(run.sightings)
        after = run.state.joined(state)
        if after != run.state or run.shape.id != before[1].id:
            run.state = after
            run.changed = True
            self._dirty[state.key] = run
        return Update(before, (run.state, run.shape))

    def flush(self) -> None:
        """Write what changed since the last flush."""
        runs, sightings = [], []
        for key, run in self._dirty.items():
            if run.changed:
                row = _row(run)
                if row != run.row:
                    if run.row is not None:
                        self._digest.remove("run", *run.row)
                    self._digest.add("run", *row)
                    run.row = row
                    runs.append((*row[:8], run.shape.id, row[9]))
                run.changed = False
            for number in run.unsaved:
                s = run.sightings[number]
                sightings.append((key, number, *s.first, *s.last, s.fact_id, s.position, s.actor))
            run.unsaved.clear()
        self._db.executemany(
            f"insert or replace into run ({_COLUMNS}) values (?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            runs,
        )
        self._db.executemany(
            "insert or replace into sighting values (?,?,?,?,?,?,?,?,?)", sightings
        )
        self._dirty.clear()
        while len(self._runs) > _CACHED:
            self._runs.popitem(last=False)

    def forget(self) -> None:
        """Empty the cache, after a transaction was rolled back."""
        self._runs.clear()
        self._dirty.clear()

    def _merged(self, sightings: dict[int, Sighting]) -> ShapeInfo:
        order = sorted(sightings, key=lambda number: sightings[number].last)
        shape = merge([self._shapes.by_id(number).shape for number in order])
        return self._shapes.intern(shape, {})[0]

    def _load(self, key: str) -> Run | None:
        run = self._runs.get(key)
        if run is not None:
            return run
        row = self._db.execute(f"select {_COLUMNS} from run where key = ?", (key,)).fetchone()  # noqa: S608
        if row is None:
            return None
        facets = {k: (v[0], v[1], v[2]) for k, v in msgspec.json.decode(row[9]).items()}
        seen = self._db.execute(
            "select shape_id, first_time, first_rank, last_time, last_rank, fact_id, position,"
            " actor from sighting where run_key = ?",
            (key,),
        )
        sightings = {s[0]: Sighting((s[1], s[2]), (s[3], s[4]), s[5], s[6], s[7]) for s in seen}
        key, job_key, run_id, seen_bits, first, last, started, ended = row[:8]
        state = RunState(key, job_key, run_id, seen_bits, first, last, started, ended, facets)
        run = Run(state, self._shapes.by_id(row[8]), sightings)
        run.row = _row(run)
        self._runs[key] = run
        return run


def _row(run: Run) -> tuple[object, ...]:
    s = run.state
    return (
        s.key, s.job_key, s.run_id, s.seen, s.first, s.last, s.started, s.ended,
        run.shape.digest, _encode(s.facets).decode() if s.facets else "{}",
    )  # fmt: skip
