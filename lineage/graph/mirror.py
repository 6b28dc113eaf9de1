"""The mirror: keeps Neo4j equal to the SQL graph, behind it in time, never in its way.

Each step asks where the target stands and brings it one batch nearer. The target is filled anew
where pulling changes cannot make it equal: it is empty, it is ahead (an older state was restored),
or the digest that it remembers is not the one that the source had at that position (another state,
or what was dropped meanwhile is forgotten). While Neo4j cannot be reached the mirror waits longer
and longer; ingest does not know of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from lineage.errors import TraceholdError
from lineage.graph.port import Edge, GraphDiff, Node
from lineage.graph.sql import SqlGraph
from lineage.graph.walk import OutOfTime

__all__ = ["Mirror", "MirrorStatus", "MirrorTarget"]

BATCH: Final = 5_000
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0


class MirrorTarget(Protocol):
    """What the mirror needs of the engine that it fills."""

    def meta(self) -> tuple[int, str]:
        """Position, and the digest of the source there; ``(0, "")`` where it was never filled."""
        ...

    def apply(self, diff: GraphDiff, position: int) -> None:
        """Write a diff and the position in one transaction."""
        ...

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge], position: int) -> None:
        """Replace everything."""
        ...

    def digest(self) -> str:
        """Digest of everything, read back."""
        ...


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """What is known of the mirror; asking costs nothing and never waits.

    Attributes:
        reachable: Whether the last contact succeeded.
        position: Position of the target at the last contact; None before the first.
        lag: Facts that the target was behind the source then; None before the first contact.
        last_error: What went wrong at the last contact; empty where nothing did.
        activity: ``starting``, ``filling``, ``following``, ``level`` or ``waiting``.
        fills: How often the target was filled anew by this mirror.
    """

    reachable: bool = False
    position: int | None = None
    lag: int | None = None
    last_error: str = ""
    activity: str = "starting"
    fills: int = 0


class Mirror:
    """Brings a target up to the source, step by step; one thread at a time, others wait."""

    def __init__(
        self,
        source: Callable[[], SqlGraph],
        target: MirrorTarget,
        *,
        batch: int = BATCH,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not contact the target yet.

        Args:
            source: Opens the graph for reading, on a connection that the mirror may close.
            target: The engine to fill.
            batch: Rows per step.
            monotonic: Clock for waiting, in seconds.
        """
        self._source = source
        self._target = target
        self._batch = batch
        self._monotonic = monotonic
        self._status = MirrorStatus()
        self._wait = FIRST_WAIT
        self._retry_at = float("-inf")
        self._turn = threading.Lock()

    def status(self) -> MirrorStatus:
        """What is known; from any thread."""
        return self._status

    def step(self) -> bool:
        """Bring the target one batch nearer.

        Returns:
            True where more is to do at once; False when level, waiting, or out of reach.
        """
        if self._monotonic() < self._retry_at:
            return False
        return self._guarded(self._advance)

    def fill(self) -> bool:
        """Fill the target anew, whatever it holds.

        Returns:
            True where it is filled; ``status`` says why not otherwise.
        """
        return self._guarded(self._fill)

    def verify(self) -> bool:
        """Whether the target, read back in full, equals the source; both must be at one position.

        Raises:
            Unavailable: The target cannot be reached.
        """
        source = self._source()
        try:
            with source.snapshot():
                return (
                    self._target.meta()[0] == source.position()
                    and self._target.digest() == source.digest()
                )
        finally:
            source.close()

    def run(self, stop: threading.Event, *, pause: float = 0.25) -> None:
        """Step until ``stop`` is set, with ``pause`` seconds in between when there is no more."""
        while not stop.is_set():
            if not self.step():
                stop.wait(pause)

    def _guarded(self, act: Callable[[SqlGraph], bool]) -> bool:
        # An act of a person can ask for a fill while the server's own thread follows.
        with self._turn:
            return self._act(act)

    def _act(self, act: Callable[[SqlGraph], bool]) -> bool:
        source = self._source()
        try:
            more = act(source)
        except TraceholdError as error:
            self._retry_at = self._monotonic() + self._wait
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            known = self._status.position
            self._status = replace(
                self._status,
                reachable=isinstance(error, OutOfTime),
                lag=None if known is None else max(source.position() - known, 0),
                last_error=str(error),
                activity="waiting",
            )
            return False
        finally:
            source.close()
        self._wait = FIRST_WAIT
        self._retry_at = float("-inf")
        return more

    def _advance(self, source: SqlGraph) -> bool:
        position, remembered = self._target.meta()
        if not remembered or source.mark(position) != remembered:
            return self._fill(source)
        if position == source.position():
            self._reached(source, position)
            return False
        self._note("following", position, source)
        diff, upto = source.changes(position, self._batch)
        self._target.apply(diff, upto)
        self._reached(source, upto)
        return upto < source.position()

    def _fill(self, source: SqlGraph) -> bool:
        self._note("filling", 0, source)
        with source.snapshot():
            position = source.position()
            self._target.load(source.all_nodes(), source.all_edges(), position)
        self._status = replace(self._status, fills=self._status.fills + 1)
        self._reached(source, position)
        return True

    def _reached(self, source: SqlGraph, position: int) -> None:
        level = position >= source.position()
        self._note("level" if level else "following", position, source)

    def _note(self, activity: str, position: int, source: SqlGraph) -> None:
        self._status = MirrorStatus(
            reachable=True,
            position=position,
            lag=max(source.position() - position, 0),
            activity=activity,
            fills=self._status.fills,
        )
