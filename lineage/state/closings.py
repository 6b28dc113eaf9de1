"""Proven ends of former content of a dataset: overwrites, truncations, drops and purges."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from lineage.graph.port import OPEN
from lineage.graph.rows import listed
from lineage.state.point_table import read_points, stored_point
from lineage.state.precedence import rank
from lineage.state.resolve import StoredPoint, resolve
from lineage.state.runs import BITS, STATIC, proven

__all__ = ["Closings", "Writing", "declared_modes", "purges"]

EMPTYING: Final = frozenset({"TRUNCATE", "DROP"})
"""Lifecycle changes that leave nothing, whatever the run read."""

LOOKED_AT: Final = 50
"""Runs of one shape looked at for the next or the last closing; beyond it none is known."""
SHAPES: Final = 200
"""Shapes that write one dataset and are looked at."""

_SAID: Final = (
    "select p.entity_key, p.aspect, p.slot, p.source, p.time, p.rank, p.fact_id, p.position,"
    " p.actor, p.value from json_each(?) as wanted cross join point p"
    " on p.entity_key = wanted.value and p.aspect in ('write_mode', 'terms', 'purged')"
)
_WRITERS: Final = (
    "select o.shape_id, o.change, o.mode, exists (select 1 from shape_io i"
    " where i.entity_key = o.entity_key and i.role = 'in' and i.shape_id = o.shape_id)"
    " from shape_io o where o.entity_key = ? and o.role in ('out', 'drop') limit ?"
)
_BEFORE: Final = (
    "select first, seen, last, ended from run where shape_id = ? and first <= ?"
    " order by first desc limit ?"
)
_BEHIND: Final = (
    "select first, seen, last, ended from run where shape_id = ? and first >= ?"
    " order by first limit ?"
)


def declared_modes(db: sqlite3.Connection, dataset: str) -> list[StoredPoint]:
    """Natively declared write modes of a dataset; facets stand with the shape."""
    return _modes(read_points(db, dataset, "write_mode"), read_points(db, dataset, "terms"))


def _modes(modes: Sequence[StoredPoint], terms: Sequence[StoredPoint]) -> list[StoredPoint]:
    return [
        *modes,
        *(
            _with(point, point.value.get("write_mode"))
            for point in terms
            if point.source != "facet" and isinstance(point.value, dict)
        ),
    ]


def write_mode(declared: Sequence[StoredPoint], facet: str | None, at: int) -> str | None:
    """The write mode in force for a run, from what is declared and what its own facet says."""
    if not declared:
        return facet
    found = resolve("write_mode", declared, at)
    if found and isinstance(found[0].value, str):
        ours = rank("write_mode", found[0].source)
        if facet is None or ours < rank("write_mode", "facet"):
            return found[0].value
    return facet


@dataclass(frozen=True, slots=True)
class Writing:
    """What the shape of a run says of one output.

    Attributes:
        change: Lifecycle change that its facet names.
        mode: Write mode that its facet names.
        reads: Whether the same run reads it, and so may write back what was in it.
    """

    change: str | None
    mode: str | None
    reads: bool

    def closes(self, seen: int, at: int | None, modes: Sequence[StoredPoint]) -> bool:
        """Whether a run proved that it left nothing of the former content.

        Args:
            seen: What its events were, as bits.
            at: When it ended; for a static event its moment.
            modes: Declared write modes.
        """
        if at is None or not proven(seen) or not self.may_close(modes):
            return False
        if self.change is not None:
            return True
        completed = bool(seen & BITS["COMPLETE"])
        return completed and write_mode(modes, self.mode, at) == "overwrite"

    def may_close(self, modes: Sequence[StoredPoint]) -> bool:
        """Whether any run can have: most datasets are never overwritten, whatever ran when."""
        if self.change in EMPTYING:
            return True
        overwrites = self.mode == "overwrite" or any(one.value == "overwrite" for one in modes)
        return not self.reads and (self.change is not None or overwrites)


def purges(db: sqlite3.Connection, dataset: str) -> list[int]:
    """When a dataset was purged, as another package recorded it."""
    return sorted(p.time for p in read_points(db, dataset, "purged") if p.value is not None)


class Closings:
    """Looks for the closing next to a moment, at a cost that does not grow with the runs.

    Made for one question. Where it does not look far enough it knows of no closing, and content
    counts as there for longer.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._modes: dict[str, list[StoredPoint]] = {}
        self._writers: dict[str, list[tuple[int, Writing]]] = {}
        self._purges: dict[str, list[int]] = {}

    def prepare(self, datasets: Sequence[str]) -> None:
        """Look up at once what is asked of each of many datasets."""
        fresh = [dataset for dataset in datasets if dataset not in self._purges]
        points: dict[tuple[str, str], list[StoredPoint]] = {}
        for key, aspect, *row in self._db.execute(_SAID, (listed(fresh),)) if fresh else ():
            points.setdefault((key, aspect), []).append(stored_point(tuple(row)))
        for dataset in fresh:
            said = points.get((dataset, "purged"), ())
            self._purges[dataset] = sorted(p.time for p in said if p.value is not None)
            terms = points.get((dataset, "terms"), ())
            self._modes[dataset] = _modes(points.get((dataset, "write_mode"), ()), terms)

    def last(self, dataset: str, at: int) -> int | None:
        """When the last run began that had closed at a moment; what came in before it is gone."""
        times = [moment for moment in self._purged(dataset) if moment <= at]
        for number, writing in self._closing_writers(dataset):
            rows = self._db.execute(_BEFORE, (number, at, LOOKED_AT))
            closed = self._closed(dataset, writing, rows)
            times += islice((began for began, ended in closed if ended <= at), 1)
        return max(times, default=None)

    def next(self, dataset: str, after: int) -> int | None:
        """The first closing by a run that began behind a moment."""
        best = min((moment for moment in self._purged(dataset) if moment > after), default=OPEN)
        # What came in while the run began may remain.
        ends = (ended for _, ended in self._behind(dataset, after, after + 1))
        best = min(best, min(ends, default=OPEN))
        return None if best == OPEN else best

    def replaced(self, dataset: str, after: int) -> int | None:
        """When the first run behind a moment began that proved to leave nothing of the content."""
        return min((began for began, _ in self._behind(dataset, after, after)), default=None)

    def _behind(self, dataset: str, after: int, since: int) -> Iterator[tuple[int, int]]:
        """(began, ended) of runs of each writer, until those that follow ended no sooner.

        They ended behind ``after``, and began at ``since`` or later.
        """
        for number, writing in self._closing_writers(dataset):
            rows = self._db.execute(_BEHIND, (number, since, LOOKED_AT))
            first_end = OPEN
            for began, ended in self._closed(dataset, writing, rows):
                if began >= first_end:
                    break
                if ended > after:
                    first_end = min(first_end, ended)
                    yield began, ended

    def _closed(
        self, dataset: str, writing: Writing, rows: Iterable[tuple[int, int, int, int | None]]
    ) -> Iterator[tuple[int, int]]:
        """(began, ended) of the runs that closed."""
        modes = self._modes[dataset]
        for first, seen, last, end in rows:
            at = last if seen & STATIC else end
            if at is not None and writing.closes(seen, at, modes):
                yield first, at

    def _closing_writers(self, dataset: str) -> list[tuple[int, Writing]]:
        known = self._writers.get(dataset)
        if known is None:
            self.prepare([dataset])
            modes = self._modes[dataset]
            rows = self._db.execute(_WRITERS, (dataset, SHAPES))
            writers = [(row[0], Writing(row[1], row[2], bool(row[3]))) for row in rows]
            known = self._writers[dataset] = [one for one in writers if one[1].may_close(modes)]
        return known

    def _purged(self, dataset: str) -> list[int]:
        if dataset not in self._purges:
            self.prepare([dataset])
        return self._purges[dataset]


def _with(point: StoredPoint, value: object) -> StoredPoint:
    return StoredPoint(
        point.slot, point.source, point.time, point.rank,
        point.fact_id, point.position, point.actor, value,
    )  # fmt: skip
