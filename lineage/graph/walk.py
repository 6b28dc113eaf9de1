"""Breadth-first reachability under limits. Pure; both engines share it.

What a limit leaves out does not depend on the engine: levels are taken in order, and within the
level that is cut short the smallest keys stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Generic, TypeVar

from lineage.errors import TraceholdError
from lineage.graph.port import Direction, Edge, Limits, View

__all__ = ["Deadline", "OutOfTime", "expander", "walk"]

K = TypeVar("K", bound=Hashable)
P = TypeVar("P")


class OutOfTime(TraceholdError):
    """A question ran into its time limit; the walk ends with what it has."""

    code = "out-of-time"
    exit_code = 3
    http_status = 503


class Deadline:
    """A moment on a monotonic clock, or the moment at which nobody waits any more."""

    def __init__(
        self,
        seconds: float,
        monotonic: Callable[[], float],
        stopped: Callable[[], bool] | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._at = monotonic() + seconds
        self._stopped = stopped

    def remaining(self) -> float:
        """Seconds left; zero or less once it has passed."""
        return self._at - self._monotonic()

    def abandoned(self) -> bool:
        """Whether nobody waits any more."""
        return self._stopped is not None and self._stopped()

    def passed(self) -> bool:
        """Whether it has passed."""
        return self.abandoned() or self.remaining() <= 0

    def again(self, seconds: float) -> Deadline:
        """Another one, that long from now."""
        return Deadline(seconds, self._monotonic, self._stopped)

    def rest(self, limits: Limits) -> Limits:
        """The limits with the time that is left."""
        return replace(limits, seconds=max(self.remaining(), 0.0), stopped=self._stopped)


class Walked(Generic[K, P]):
    """Result of a walk: distance per node, what the expansions carried, limits reached."""

    def __init__(self) -> None:
        self.depths: dict[K, int] = {}
        self.payloads: list[P] = []
        self.truncated: list[str] = []

    def limit(self, name: str) -> None:
        """Note that a limit was reached."""
        if name not in self.truncated:
            self.truncated.append(name)


def walk(
    starts: Iterable[K],
    expand: Callable[[Sequence[K], int], list[tuple[K, P]]],
    *,
    limits: Limits,
    deadline: Deadline,
    order: Callable[[Collection[K]], list[K]],
) -> Walked[K, P]:
    """Nodes reached from ``starts`` level by level, and the edges among them.

    Args:
        starts: Where to begin; distance 0, known or not.
        expand: Gives for a level the edges that stand there, as (far end, payload), as many of
            them as the number says where there are more. It may raise ``OutOfTime``.
        limits: Nodes include the starts. At the depth limit edges among known nodes still count.
        deadline: Checked before each level.
        order: Sorts nodes by key; called only where a level must be cut short.
    """
    result: Walked[K, P] = Walked()
    found: list[tuple[K, P]] = []

    def fit(candidates: Collection[K]) -> list[K]:
        room = limits.nodes - len(result.depths)
        if len(candidates) <= room:
            return list(candidates)
        result.limit("nodes")
        return order(candidates)[: max(room, 0)]

    level = fit(dict.fromkeys(starts))
    depth = 0
    while level:
        result.depths.update(dict.fromkeys(level, depth))
        if deadline.passed():
            result.limit("time")
            break
        try:
            room = limits.edges - len(found)
            edges = expand(level, room + 1)
        except OutOfTime:
            result.limit("time")
            break
        if len(edges) > room:
            result.limit("edges")
            break
        found += edges
        fresh = {far for far, _ in edges if far not in result.depths}
        if fresh and depth >= limits.depth:
            result.limit("depth")
            break
        level = fit(fresh)
        depth += 1
    depths = result.depths
    result.payloads = [payload for far, payload in found if far in depths]
    return result


def expander(
    edges: Iterable[Edge], direction: Direction, view: View, as_of: int
) -> Callable[[Sequence[str], int], list[tuple[str, Edge]]]:
    """An ``expand`` over edges held in memory, those that count at a moment in a view."""
    table: dict[str, list[tuple[str, Edge]]] = {}
    for edge in edges:
        if edge.counts_at(view, as_of):
            near, far = (edge.dst, edge.src) if direction == "up" else (edge.src, edge.dst)
            table.setdefault(near, []).append((far, edge))
    return lambda level, most: list(
        islice((hit for key in level for hit in table.get(key, ())), most)
    )
