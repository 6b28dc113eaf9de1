"""When data passed along an edge, as the runs of the job tell."""

from __future__ import annotations

import sqlite3
from typing import Final

from lineage.graph.content import BySpans
from lineage.graph.port import OPEN, Edge, Spans
from lineage.graph.rows import normal_spans
from lineage.state.closings import Closings
from lineage.state.runs import BITS

__all__ = ["RunPassages"]

RUNS: Final = 32
"""Runs told apart per edge and interval; with more of them data may have passed at any moment."""

_ENDED: Final = BITS["FAIL"] | BITS["ABORT"] | BITS["COMPLETE"]

# A job that touches both ends and writes the target may have moved data between them.
_SHAPES: Final = (
    "select o.shape_id from shape_io o where o.entity_key = ? and o.role = 'out' and o.owner = ?"
    " and exists (select 1 from shape_io i where i.entity_key = ? and i.shape_id = o.shape_id"
    "             and i.role in ('in', 'out', 'via'))"
)
_READ: Final = (
    "select first, last, seen from run where shape_id = ? and first < ? and last >= ? limit ?"
)
_KEPT: Final = (
    "select first, last, seen from run where shape_id = ? and first <= ?"
    " and (last >= ? or seen & 14 = 0) limit ?"  # 14: completed, failed or aborted
)


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
        self._shapes: dict[tuple[str, str, str], list[int]] = {}

    def read(self, edge: Edge, wanted: Spans) -> Spans:
        """When the source held what was inside the target during ``wanted``."""
        shapes = self._shapes_of(edge)
        if not shapes:
            return self._spans.read(edge, wanted)
        found: list[tuple[int, int]] = []
        for since, until in wanted:
            roughly = self._spans.read(edge, ((since, until),))
            if not roughly:
                continue
            opened = self._closings.last(self._dataset(edge.dst), since)
            runs = self._runs(shapes, _READ, until, -OPEN if opened is None else opened)
            if runs is None:
                found += roughly
                continue
            for first, last, seen in runs:
                end = last + 1 if seen & _ENDED else OPEN
                # What ended in the millisecond in which the run began may have been read.
                found.append((first - 1, min(end, until)))
        return normal_spans(found)

    def kept(self, edge: Edge, held: Spans) -> Spans:
        """When the target held what was inside the source during ``held``."""
        shapes = self._shapes_of(edge)
        if not shapes:
            return self._spans.kept(edge, held)
        target = self._dataset(edge.dst)
        found: list[tuple[int, int]] = []
        for since, until in held:
            runs = self._runs(shapes, _KEPT, until, since)
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
        self, shapes: list[int], statement: str, *bounds: int
    ) -> list[tuple[int, int, int]] | None:
        """Runs of the shapes within bounds; None where they are too many to tell apart."""
        found: list[tuple[int, int, int]] = []
        for shape in shapes:
            found += self._db.execute(statement, (shape, *bounds, RUNS + 1 - len(found)))
            if len(found) > RUNS:
                return None
        return found

    def _shapes_of(self, edge: Edge) -> list[int]:
        ends = (self._dataset(edge.dst), edge.owner, self._dataset(edge.src))
        known = self._shapes.get(ends)
        if known is None:
            known = self._shapes[ends] = [n for (n,) in self._db.execute(_SHAPES, ends)]
        return known

    def _dataset(self, key: str) -> str:
        """The dataset of a column; anything else is its own."""
        known = self._datasets.get(key)
        if known is None:
            sql = "select parent from entity where key = ?"
            row = self._db.execute(sql, (key,)).fetchone()
            known = self._datasets[key] = row[0] if row and row[0] else key
        return known
