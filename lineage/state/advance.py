"""Advancing the state: a batch of facts, one transaction, position and digest with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lineage.errors import Fault
from lineage.facts import Fact
from lineage.identity import Identity
from lineage.journal.port import Journal
from lineage.state.erasures import INSIDE
from lineage.state.folding import Folding
from lineage.state.registry import Registry
from lineage.state.store import SqlState

__all__ = ["FACTS", "Advanced", "Folder"]

FACTS: Final = 250
"""Facts folded in one transaction while the state is near the head of the journal."""
_FAR_BEHIND: Final = 4 * FACTS
"""Facts in one transaction while it is not: a page that many of them change is written once. Larger
ones would make the write-ahead log grow, and would not be cheaper."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one step did.

    Attributes:
        position: Where the state stands now.
        folded: Facts folded by this step.
        seconds: Time per stage: ``read``, ``fold``, ``settle``, ``graph``, ``commit``.
    """

    position: int
    folded: int
    seconds: Mapping[str, float] = field(default_factory=dict)


class Folder:
    """Folds facts behind the state's position. One per state file, used from one thread."""

    def __init__(
        self,
        journal: Journal,
        state: SqlState,
        registry: Registry,
        identity: Identity,
        *,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Join a journal and a state.

        Raises:
            Fault: The state was made by another fold version; rebuild it first.
        """
        self._journal = journal
        self._state = state
        self._monotonic = monotonic
        self._db = state.writer()
        state.claim_version(registry.version)
        if state.fold_version() != registry.version:
            raise Fault(
                "the state was made by another fold version",
                where=state.fold_version(),
                advice="rebuild it: tracehold journal rebuild",
            )
        graph = state.writer_graph()
        self._folding = Folding(self._db, graph, registry, identity, state.late)
        self._position = state.position()

    @property
    def position(self) -> int:
        """Where the state stands."""
        return self._position

    @property
    def erased_inside(self) -> bool:
        """Whether the state holds what was erased after it had been folded."""
        row = self._db.execute("select 1 from meta where key = ?", (INSIDE,)).fetchone()
        return row is not None

    def advance(self, limit: int = FACTS) -> Advanced:
        """Fold at most ``limit`` facts, in one transaction."""
        start = self._monotonic()
        facts = self._journal.read(self._position, limit)
        read = self._monotonic() - start
        if not facts:
            return Advanced(self._position, 0, {"read": read})
        seconds = self.fold(facts)
        seconds["read"] = read
        return Advanced(self._position, len(facts), seconds)

    def catch_up(self, limit: int = FACTS) -> Advanced:
        """Advance until the journal's head; the seconds are summed.

        Args:
            limit: Facts of the first transaction, at most.
        """
        folded, seconds = 0, dict[str, float]()
        while (step := self.advance(limit)).folded:
            folded += step.folded
            if step.folded == limit:
                limit = max(limit, min(2 * limit, _FAR_BEHIND))
            for stage, spent in step.seconds.items():
                seconds[stage] = seconds.get(stage, 0.0) + spent
        return Advanced(self._position, folded, seconds)

    def close(self) -> None:
        """Nothing: the state closes what was opened for it."""

    def forget_dropped(self, upto: int) -> int:
        """Forget what was dropped from the graph at a position or before; see ``SqlGraph.prune``.

        Returns:
            How many tombstones went.
        """
        return self._state.writer_graph().prune(upto)

    def fold(self, facts: Sequence[Fact]) -> dict[str, float]:
        """Fold these facts, in one transaction; the last one's position is the state's then.

        Returns:
            Seconds per stage.
        """
        marks = [self._monotonic()]
        self._db.execute("begin immediate")
        try:
            for fact in facts:
                self._folding.take(fact)
            marks.append(self._monotonic())
            diff = self._folding.settle()
            marks.append(self._monotonic())
            position = max(self._position, facts[-1].position)
            self._folding.finish(diff, position)
            marks.append(self._monotonic())
            self._db.execute("commit")
        except BaseException:
            self._folding.forget()
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
        marks.append(self._monotonic())
        self._position = position
        stages = ("fold", "settle", "graph", "commit")
        return {s: marks[n + 1] - marks[n] for n, s in enumerate(stages)}
