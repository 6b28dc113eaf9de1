"""The mirror: keeps Neo4j equal to the SQL graph, behind it in time, never in its way.

Each step asks where the target stands and brings it one batch nearer. Where pulling changes cannot
make it equal it is filled: it is empty, it is ahead (an older state was restored), or the digest
that it remembers is not the one that the source had at that position (the state was folded again,
or what was dropped meanwhile is forgotten). An empty target is loaded; another is compared range by
range, and only what differs is written. While Neo4j cannot be reached the mirror waits longer and
longer; ingest does not know of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Protocol

from lineage.errors import TraceholdError, Unavailable
from lineage.graph.difference import difference
from lineage.graph.mirror_status import MirrorStatus, State
from lineage.graph.port import Edge, GraphDiff, Node
from lineage.graph.refusal import GraphRefused
from lineage.graph.sql import SqlGraph
from lineage.graph.walk import OutOfTime

__all__ = ["Mirror", "MirrorTarget", "Verified", "state_after", "verify"]

BATCH: Final = 5_000
RANGE: Final = 1_000
"""Nodes compared at once, each with the edges that begin at it."""
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
VERIFY_TRIES: Final = 8
VERIFY_PAUSE: Final = 0.5
GATHERED_SECONDS: Final = 0.25
"""Changes gather for so long between two writes: what changes often is then written once."""


class MirrorTarget(Protocol):
    """What the mirror needs of the engine that it fills."""

    def meta(self) -> tuple[int, str]:
        """Position, and the digest of the source there; ``(0, "")`` where it was never filled."""
        ...

    def apply(self, diff: GraphDiff, position: int) -> None:
        """Write a diff and the position in one transaction."""
        ...

    def begin(self, *, anew: bool = False, take_over: bool = False) -> bool:
        """Claim the target, mark it as not filled, empty it where told; whether it is empty."""
        ...

    def add(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """Write what is not there yet."""
        ...

    def rows(self, low: str, high: str) -> tuple[list[Node], list[Edge]]:
        """The nodes whose keys lie in ``[low, high)``, and the edges that begin at them."""
        ...

    def digest(self) -> str:
        """Digest of everything, read back."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Mirror:
    """Brings a target up to the source, step by step; one thread at a time, others wait."""

    def __init__(
        self,
        source: Callable[[], SqlGraph],
        target: MirrorTarget,
        *,
        batch: int = BATCH,
        max_lag: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not contact the target yet.

        Args:
            source: Opens the graph for reading, on a connection that the mirror may close.
            target: The engine to fill.
            batch: Rows per step.
            max_lag: Facts that it may be behind without being called ``behind``.
            monotonic: Clock for waiting, in seconds.
        """
        self._source = source
        self._target = target
        self._batch = batch
        self._max_lag = max_lag
        self._monotonic = monotonic
        self._status = MirrorStatus()
        self._level_at = monotonic()
        self._wait = FIRST_WAIT
        self._retry_at = float("-inf")
        self._turn = threading.Lock()
        self._asked: bool | None = None

    def status(self) -> MirrorStatus:
        """What is known; from any thread, at once."""
        status = self._status
        if status.lag == 0:
            return status
        return replace(status, seconds_behind=self._monotonic() - self._level_at)

    def step(self) -> bool:
        """Bring the target one batch nearer, or fill it where that was asked for.

        Returns:
            True where more is to do at once; False when level, waiting, or out of reach.
        """
        asked, self._asked = self._asked, None
        if asked is not None:
            return self.fill(take_over=asked)
        if self._monotonic() < self._retry_at:
            return False
        return self._guarded(self._advance)

    def ask_to_fill(self, *, take_over: bool = False) -> None:
        """Let the thread that steps fill the target anew, next; see ``fill``."""
        self._status = replace(self._status, state="filling", last_error="", done=0, total=0)
        self._asked = take_over

    def fill(self, *, take_over: bool = False) -> bool:
        """Empty the target and fill it anew, whatever it holds.

        Args:
            take_over: Even where it is the graph of another workspace.

        Returns:
            True where it is filled; ``status`` says why not otherwise.
        """
        return self._guarded(lambda source: self._fill(source, anew=True, take_over=take_over))

    def verify(self) -> bool:
        """Whether the target, read back in full, equals the source; see ``verify``.

        Raises:
            Unavailable: The target cannot be reached, or changes all the while.
        """
        source = self._source()
        try:
            return verify(source, self._target).equal
        finally:
            source.close()

    def close(self) -> None:
        """Let go of the target."""
        self._target.close()

    def run(self, stop: threading.Event, *, pause: float = GATHERED_SECONDS) -> None:
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
            self._failed(error, source.position())
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
        head = source.position()
        if position >= head:
            self._reached(position, remembered, head)
            return False
        self._note("following", position, remembered, head)
        diff, upto = source.changes(position, self._batch)
        self._target.apply(diff, upto)
        self._reached(upto, diff.digest, source.position())
        return upto < head

    def _fill(self, source: SqlGraph, *, anew: bool = False, take_over: bool = False) -> bool:
        total, done = source.pages().count(), 0
        self._filling(source, done, total)
        empty = self._target.begin(anew=anew, take_over=take_over)
        begun = source.position()
        for size in self._load(source) if empty else self._compare(source):
            done += size
            self._filling(source, min(done, total), total)
        self._follow(source, begun)
        return True

    def _load(self, source: SqlGraph) -> Iterator[int]:
        pages = source.pages()
        pieces = chain(
            ((nodes, ()) for nodes in pages.nodes(self._batch)),
            (((), edges) for edges in pages.edges(self._batch)),
        )
        # One piece is read while the one before is written.
        with ThreadPoolExecutor(1, thread_name_prefix="mirror-load") as writer:
            writing: Future[None] | None = None
            for nodes, edges in pieces:
                if writing is not None:
                    writing.result()
                writing = writer.submit(self._target.add, nodes, edges)
                yield len(nodes) + len(edges)
            if writing is not None:
                writing.result()

    def _compare(self, source: SqlGraph) -> Iterator[int]:
        for low, high in source.pages().ranges(RANGE):
            found = self._target.rows(low, high)
            wanted = source.pages().between(low, high)
            diff = difference(wanted, *found)
            if diff:
                self._target.apply(diff, 0)
            yield len(wanted)

    def _follow(self, source: SqlGraph, begun: int) -> None:
        """Write what changed while a fill went on; until then the target counts as not filled."""
        end = source.position()
        while True:
            diff, upto = source.changes(begun, self._batch)
            if upto >= end:
                break
            self._target.apply(replace(diff, digest=""), 0)
            begun = upto
        self._target.apply(diff, upto)
        self._status = replace(self._status, fills=self._status.fills + 1)
        self._reached(upto, diff.digest, source.position())

    def _filling(self, source: SqlGraph, done: int, total: int) -> None:
        self._note("filling", 0, "", source.position(), done=done, total=total)

    def _reached(self, position: int, digest: str, head: int) -> None:
        if position >= head:
            self._level_at = self._monotonic()
        state: State = "following" if head - position <= self._max_lag else "behind"
        self._note(state, position, digest, head)

    def _note(
        self, state: State, position: int, digest: str, head: int, *, done: int = 0, total: int = 0
    ) -> None:
        self._status = MirrorStatus(
            state=state,
            reachable=True,
            position=position,
            digest=digest,
            lag=max(head - position, 0),
            fills=self._status.fills,
            done=done,
            total=total,
        )

    def _failed(self, error: TraceholdError, head: int) -> None:
        known = self._status.position
        self._status = replace(
            self._status,
            state=state_after(error),
            reachable=isinstance(error, OutOfTime),
            lag=None if known is None else max(head - known, 0),
            last_error=str(error),
        )


def state_after(error: TraceholdError) -> State:
    """The state that a failed contact leaves the mirror in."""
    if isinstance(error, GraphRefused):
        return "refused"
    return "behind" if isinstance(error, OutOfTime) else "unreachable"


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading everything back has shown.

    Attributes:
        equal: Whether the target holds what the source held at that position.
        position: Where the target stands.
        digest: Of what it holds.
    """

    equal: bool
    position: int
    digest: str


def verify(source: SqlGraph, target: MirrorTarget) -> Verified:
    """Read the target back in full, and compare it with the source at its position.

    Raises:
        Unavailable: The target cannot be reached, or was behind or changing all the while.
    """
    for _ in range(VERIFY_TRIES):
        position, remembered = target.meta()
        digest = target.digest()
        if digest == remembered == source.mark(position):
            return Verified(True, position, digest)
        # Behind, or while it is written, it holds something of several moments.
        if target.meta() == (position, remembered) and position in (0, source.position()):
            return Verified(False, position, digest)
        time.sleep(VERIFY_PAUSE)
    raise Unavailable(
        "the graph changes faster than it can be read back",
        where="graph",
        advice="verify when fewer events come in",
    )
