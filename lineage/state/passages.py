"""When data passed along an edge, as the runs of the job tell."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from lineage.graph.content import BySpans
from lineage.graph.port import OPEN, Edge, Spans
from lineage.graph.rows import listed, normal_spans
from lineage.state.closings import Closings
from lineage.state.runs import BITS

__all__ = ["RunPassages"]

RUNS: Final = 32
"""Runs told apart per edge and interval; with more of them data may have passed at any moment."""

_ENDED: Final = BITS["FAIL"] | BITS["ABORT"] | BITS["COMPLETE"]

FEW: Final = 64
"""Runs of a shape that are read once and kept; of more, those are read that a question needs."""

# A job that touches both ends and writes the target may have moved data between them.
_SHAPES: Final = (
    "select wanted.key, o.shape_id from json_each(?) as wanted cross join shape_io o"
    " on o.entity_key = wanted.value ->> 0 and o.role = 'out' and o.owner = wanted.value ->> 1"
    " where exists (select 1 from shape_io i where i.entity_key = wanted.value ->> 2"
    "               and i.shape_id = o.shape_id and i.role in ('in', 'out', 'via'))"
)
_HOMES: Final = (
    "select wanted.value, e.parent from json_each(?) as wanted"
    " cross join entity e on e.key = wanted.value"
)
_FIRST: Final = "select first, last, seen from run where shape_id = ? limit ?"
_READ: Final = (
    "select first, last, seen from run where shape_id = ? and first < ? and last >= ? limit ?"
)
_KEPT: Final = (
    "select first, last, seen from run where shape_id = ? and first <= ?"
    " and (last >= ? or seen & 14 = 0) limit ?"  # 14: completed, failed or aborted
)


_Run = tuple[int, int, int]
_Ends = tuple[str, str, str]


class RunPassages:
    """Answers from runs and shapes; made for one question, on one thread's connection.

    A run reads while it lasts, and one that has not ended, or a static event, from its beginning
    on. What it wrote stays until the next proven closing.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._closings = Closings(db)
        self._spans = BySpans()
        self._datasets: dict[str, str] = {}
        self._shapes: dict[_Ends, list[int]] = {}
        self._kept: dict[int, list[_Run] | None] = {}

    def prepare(self, edges: Sequence[Edge]) -> None:
        """Look up at once what will be asked about edge by edge."""
        keys = {key for edge in edges for key in (edge.src, edge.dst)}
        fresh = sorted(keys - self._datasets.keys())
        self._datasets |= {key: key for key in fresh}
        rows = self._db.execute(_HOMES, (listed(fresh),)) if fresh else ()
        self._datasets |= {key: parent for key, parent in rows if parent}
        self._closings.prepare(sorted({self._dataset(edge.dst) for edge in edges}))
        ends = list({self._ends(edge) for edge in edges} - self._shapes.keys())
        self._shapes |= {one: [] for one in ends}
        for number, shape in self._db.execute(_SHAPES, (listed(ends),)) if ends else ():
            self._shapes[ends[number]].append(shape)

    def read(self, edge: Edge, wanted: Spans) -> Spans:
        """When the source held what was inside the target during ``wanted``."""
        shapes = self._shapes_of(edge)
        if not shapes:
            return self._spans.read(edge, wanted)
        target = self._dataset(edge.dst)
        # What is wanted since the same closing is read until the last moment of it.
        since_closing: dict[int, list[tuple[int, int]]] = {}
        for span in wanted:
            if self._spans.read(edge, (span,)):
                opened = self._closings.last(target, span[0])
                since_closing.setdefault(-OPEN if opened is None else opened, []).append(span)
        found: list[tuple[int, int]] = []
        for begun, spans in since_closing.items():
            found += self._read(edge, shapes, begun, spans)
        return normal_spans(found)

    def _read(
        self, edge: Edge, shapes: Sequence[int], begun: int, spans: Sequence[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        until = max(until for _, until in spans)
        runs = self._runs(shapes, _READ, _reading(until, begun), until, begun)
        if runs is None and len(spans) > 1:
            # Until earlier moments they may be few enough.
            return [one for span in spans for one in self._read(edge, shapes, begun, [span])]
        if runs is None:
            return [*self._spans.read(edge, tuple(spans))]
        # What ended in the millisecond in which the run began may have been read.
        return [
            (first - 1, min(last + 1 if seen & _ENDED else OPEN, until))
            for first, last, seen in runs
        ]

    def kept(self, edge: Edge, held: Spans) -> Spans:
        """When the target held what was inside the source during ``held``."""
        shapes = self._shapes_of(edge)
        if not shapes:
            return self._spans.kept(edge, held)
        target = self._dataset(edge.dst)
        found: list[tuple[int, int]] = []
        for since, until in held:
            runs = self._runs(shapes, _KEPT, _keeping(until, since), until, since)
            if runs is None:
                found += self._spans.kept(edge, ((since, until),))
                continue
            for first, last, seen in runs:
                if not seen & _ENDED:
                    found += self._spans.kept(edge, ((max(since, first), until),))
                closed = self._closings.next(target, last)
                found.append((max(since, first), OPEN if closed is None else closed))
        return normal_spans(found)

    def replaced(self, key: str, after: int) -> int | None:
        """When the first run behind a moment began that left nothing of a dataset's content."""
        return self._closings.replaced(self._dataset(key), after)

    def _runs(
        self, shapes: Sequence[int], statement: str, fits: Callable[[_Run], bool], *bounds: int
    ) -> list[_Run] | None:
        """Runs of the shapes within bounds; None where they are too many to tell apart."""
        found: list[_Run] = []
        for shape in shapes:
            kept = self._few(shape)
            if kept is not None:
                found += filter(fits, kept)
            else:
                found += self._db.execute(statement, (shape, *bounds, RUNS + 1 - len(found)))
            if len(found) > RUNS:
                return None
        return found

    def _few(self, shape: int) -> list[_Run] | None:
        """All runs of a shape; None where they are too many to keep."""
        if shape not in self._kept:
            runs = self._db.execute(_FIRST, (shape, FEW + 1)).fetchall()
            self._kept[shape] = runs if len(runs) <= FEW else None
        return self._kept[shape]

    def _shapes_of(self, edge: Edge) -> list[int]:
        known = self._shapes.get(self._ends(edge))
        if known is None:
            self.prepare([edge])
            known = self._shapes[self._ends(edge)]
        return known

    def _ends(self, edge: Edge) -> _Ends:
        return (self._dataset(edge.dst), edge.owner, self._dataset(edge.src))

    def _dataset(self, key: str) -> str:
        """The dataset of a column; anything else is its own."""
        known = self._datasets.get(key)
        if known is None:
            [known] = [
                parent or key for _, parent in self._db.execute(_HOMES, (listed([key]),))
            ] or [key]
            self._datasets[key] = known
        return known


def _reading(until: int, begun: int) -> Callable[[_Run], bool]:
    """As ``_READ`` asks."""
    return lambda run: run[0] < until and run[1] >= begun


def _keeping(until: int, since: int) -> Callable[[_Run], bool]:
    """As ``_KEPT`` asks."""
    return lambda run: run[0] <= until and (run[1] >= since or not run[2] & _ENDED)
