"""The timelines of owners: which must be derived again after a batch, and deriving them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lineage.graph.port import OPEN, Edge, Node, Spans
from lineage.identity import Identity
from lineage.state.closings import Writing, declared_modes, purges
from lineage.state.picture import short
from lineage.state.resolve import StoredPoint
from lineage.state.run_table import Update
from lineage.state.runs import BITS, STATIC, RunState, contradicted, state_of
from lineage.state.shape_table import ShapeInfo, ShapeTable
from lineage.state.spans import Occurrence, derive, seen_first
from lineage.state.wiring import Wiring

__all__ = ["TROUBLED_RUNS", "Timelines", "troubled"]

TROUBLED_RUNS: Final = 10
"""Failed, aborted or contradicted runs per job that stand in the graph, the newest first."""

_CACHED: Final = 50_000
_FAILED: Final = BITS["FAIL"] | BITS["ABORT"]

_CLOSINGS: Final = (
    "select r.first, r.seen, r.last, r.ended, io.change, io.mode, exists (select 1"
    " from shape_io i where i.entity_key = io.entity_key and i.role = 'in'"
    " and i.shape_id = io.shape_id) from shape_io io"
    " join run r on r.shape_id = io.shape_id"
    " where io.entity_key = ? and io.role in ('out', 'drop')"
)


_MEANT: Final = "select target from dropped where entity_key = ? and target is not null"


@dataclass(frozen=True, slots=True)
class _Steady:
    """An owner whose whole wiring stands open; the same shape again changes nothing."""

    shape: int
    since: tuple[int, str]


@dataclass(frozen=True, slots=True)
class _Closings:
    """Proven ends of former content of one dataset."""

    times: tuple[tuple[int, int], ...] = ()
    """(ended, began) of the runs that closed it."""
    drops: tuple[int, ...] = ()


class Timelines:
    """Keeps the edges of every owner in step with its runs."""

    def __init__(self, db: sqlite3.Connection, shapes: ShapeTable, identity: Identity) -> None:
        self._db = db
        self._shapes = shapes
        self._identity = identity
        self._steady: dict[str, _Steady] = {}
        self._declared: dict[str, list[StoredPoint]] = {}
        self.dirty: set[str] = set()
        self.troubled: set[str] = set()

    def updated(self, update: Update) -> None:
        """Take note of what an event changed; the cheap way out is an unchanged shape."""
        if not update.changed:
            return
        state, shape = update.after
        before = update.before[0] if update.before else None
        failed = state.seen & _FAILED
        if failed and (before is None or before != state):
            self.troubled.add(state.job_key)
        if not self._unmoved(update):
            self.dirty.add(state.job_key)
        if update.before is None:
            old: dict[str, tuple[int, str | None, int]] = {}
        else:
            old = self._closes(*update.before)
        new = self._closes(state, shape)
        for dataset in {k for k in old.keys() | new.keys() if old.get(k) != new.get(k)}:
            dropped = "DROP" in (old.get(dataset, (0, "", 0))[1], new.get(dataset, (0, "", 0))[1])
            self.touch(dataset, readers=dropped, but=state.job_key)
            if dropped:
                for (meant,) in self._db.execute(_MEANT, (dataset,)).fetchall():
                    self.touch(meant, readers=True, but=state.job_key)

    def touch(self, dataset: str, *, readers: bool, but: str | None = None) -> None:
        """Mark the owners that write a dataset, with ``readers`` all that touch it."""
        role = "" if readers else " and role = 'out'"
        rows = self._db.execute(
            f"select distinct owner from shape_io where entity_key = ?{role}",  # noqa: S608
            (dataset,),
        )
        self.dirty.update(owner for (owner,) in rows if owner != but)

    def declared(self, dataset: str) -> None:
        """Something was declared that can say when content of a dataset ends."""
        self._declared.pop(dataset, None)
        self.touch(dataset, readers=False)

    def forget(self) -> None:
        """Empty the caches, after a transaction was rolled back."""
        self._steady.clear()
        self._declared.clear()
        self.dirty.clear()
        self.troubled.clear()

    def _unmoved(self, update: Update) -> bool:
        state, shape = update.after
        steady = self._steady.get(state.job_key)
        if not shape.wiring.moves_data and (
            update.before is None or not update.before[1].wiring.moves_data
        ):
            # Only timeless edges can come from a shape without datasets.
            return not shape.wiring.edges and not shape.wiring.cause
        if steady is None or shape.id != steady.shape or (state.first, state.key) <= steady.since:
            return False
        if update.before is None:
            return True
        old, old_shape = update.before
        if old.seen & (BITS["COMPLETE"] | STATIC | _FAILED):
            return False
        return old_shape.id == shape.id or not old_shape.wiring.moves_data

    def _modes(self, dataset: str) -> list[StoredPoint]:
        known = self._declared.get(dataset)
        if known is None:
            if len(self._declared) > _CACHED:
                self._declared.clear()
            known = self._declared[dataset] = declared_modes(self._db, dataset)
        return known

    def _closes(self, state: RunState, shape: ShapeInfo) -> dict[str, tuple[int, str | None, int]]:
        """What a run ends: dataset → (time, lifecycle change or None for an overwrite, began)."""
        at = state.closing_time
        if at is None:
            return {}
        wiring = shape.wiring
        found: dict[str, tuple[int, str | None, int]] = {}
        for dataset in wiring.outputs:
            change = wiring.changes.get(dataset)
            writing = Writing(change, wiring.modes.get(dataset), dataset in wiring.inputs)
            if writing.closes(state.seen, at, self._modes(dataset)):
                found[dataset] = (at, change, state.first)
        return found

    def _closings(self, dataset: str) -> _Closings:
        times = {(at, at) for at in purges(self._db, dataset)}
        drops: set[int] = set()
        modes = self._modes(dataset)
        sql = _CLOSINGS
        if not modes:
            sql += " and (io.change is not null or io.mode is not null)"
        for first, seen, last, ended, change, mode, reads in self._db.execute(sql, (dataset,)):
            at = last if seen & STATIC else ended
            if Writing(change, mode, bool(reads)).closes(seen, at, modes):
                times.add((at, first))
                if change == "DROP":
                    drops.add(at)
        return _Closings(tuple(sorted(times)), tuple(sorted(drops)))

    def edges(
        self, owner: str
    ) -> tuple[dict[tuple[str, str, str, str, str], Edge], list[Node], str]:
        """All edges of an owner, datasets that its SQL alone names, and why some are missing."""
        rows = self._db.execute(
            "select key, seen, first, last, started, ended, shape_id from run where job_key = ?",
            (owner,),
        )
        occurrences: list[Occurrence] = []
        wirings: dict[int, Wiring] = {}
        causes: set[str] = set()
        for key, seen, first, last, started, ended, number in rows:
            if number not in wirings:
                wirings[number] = self._shapes.by_id(number).wiring
            wiring = wirings[number]
            if wiring.cause:
                causes.add(wiring.cause)
            state = RunState(key, owner, "", seen, first, last, started, ended)
            effect = state.effect if wiring.moves_data else "none"
            occurrences.append(Occurrence(first, last, key, effect, number))
        if any(wiring.imported for wiring in wirings.values()):
            occurrences = seen_first(occurrences, wirings)
        touched = {
            key for wiring in wirings.values() for w in wiring.edges.values() for key in w.ends
        }
        closings = {key: self._closings(key) for key in touched}
        drops = [(at, key) for key, c in closings.items() for at in c.drops]
        edges = derive(
            owner,
            occurrences,
            wirings,
            {key: c.times for key, c in closings.items() if c.times},
            drops,
        )
        dropped = max((at for at, _ in drops), default=None)
        self._settle(owner, occurrences, wirings, edges.values(), dropped)
        parsed = {key: name for wiring in wirings.values() for key, name in wiring.parsed.items()}
        nodes = [
            Node(key, "Dataset", {"namespace": namespace, "name": short(name)})
            for key, (namespace, name) in parsed.items()
            if any(key in (edge.src, edge.dst) for edge in edges.values())
        ]
        return edges, nodes, min(causes, default="")

    def _settle(
        self,
        owner: str,
        occurrences: list[Occurrence],
        wirings: dict[int, Wiring],
        edges: Iterable[Edge],
        dropped: int | None,
    ) -> None:
        """Remember an owner whose newest shape stands open in both views.

        A DROP behind it ended all of that: what a later run opened again begins where that run
        does, and that can still move.
        """
        self._steady.pop(owner, None)
        if len(self._steady) > _CACHED:
            self._steady.clear()
        replacing = [o for o in occurrences if o.effect == "replace"]
        newest = max(replacing, key=lambda o: (o.first, o.key), default=None)
        if newest is None or (dropped is not None and dropped > newest.first):
            return
        after = {
            o.wiring
            for o in occurrences
            if o.effect == "add" and (o.first, o.key) > (newest.first, newest.key)
        }
        if after - {newest.wiring}:
            return
        wiring = wirings[newest.wiring]
        standing = {(e.type, e.src, e.dst, e.kind): e for e in edges}
        for key, wired in wiring.edges.items():
            edge = standing.get(key)
            if wired.timeless:
                continue
            if edge is None or not _open_since(edge.structural, newest.first):
                return
            if wired.into is not None and not _open_since(edge.content, newest.first):
                return
        # An overwriting run could end contributions of edges beside its own shape, or end them
        # sooner than one that began before it and ended behind it.
        for key, edge in standing.items():
            if key not in wiring.edges and edge.content and edge.content[-1][1] > newest.first:
                return
        self._steady[owner] = _Steady(newest.wiring, (newest.first, newest.key))


def _open_since(spans: Spans, at: int) -> bool:
    """Whether something stands open from a moment or before."""
    return bool(spans) and spans[-1][1] == OPEN and spans[-1][0] <= at


def troubled(
    db: sqlite3.Connection, job_key: str, job: tuple[str, ...], owner: str
) -> tuple[list[Node], list[Edge]]:
    """The newest failed, aborted or contradicted runs of a job as nodes."""
    rows = db.execute(
        "select key, run_id, seen, started, ended from run where job_key = ? and seen & 6 != 0"
        " order by first desc, key desc limit ?",
        (job_key, TROUBLED_RUNS),
    )
    nodes, edges = [], []
    for key, run_id, seen, started, ended in rows:
        props = {
            "namespace": job[0],
            "job": job[1],
            "name": run_id,
            "state": state_of(seen),
            "started": started,
            "ended": ended,
            "contradicted": contradicted(seen),
        }
        nodes.append(Node(key, "Run", props))
        edges.append(Edge("RUN_OF", key, job_key, owner, "run"))
    return nodes, edges
