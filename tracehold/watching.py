"""Watching over decisions: late facts that touch one make it stale, and that is put on record."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from catalog.events import DecisionStale, kind_of
from lineage.errors import TraceholdError
from lineage.graph.content import Aliases
from lineage.graph.port import OPEN, Direction, Limits
from lineage.refs import parse_ref
from lineage.state.port import AspectValue
from tracehold.decisions import Decision, Review, Reviewer, decisions
from tracehold.faults import describe
from tracehold.services import Services

__all__ = ["ACTOR", "STREAM", "Watch"]

ACTOR: Final = "tracehold"
STREAM: Final = "decision"
CHECKED: Final = "decisions.checked"
"""File in the data folder: position up to which all decisions were looked at."""

_QUIET_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 30.0
_DIRECTIONS: Final[tuple[Direction, ...]] = ("up", "down")
_LIMITS: Final = Limits(depth=1000, nodes=100_000, seconds=10.0)
_log = logging.getLogger(__name__)


class Watch:
    """Looks at decisions again where late facts reach them. Used from one thread."""

    def __init__(
        self, services: Services, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin where the last watch ended; without one, look at every decision once."""
        self._services = services
        self._monotonic = monotonic
        self._path = services.settings.storage.data / CHECKED
        self._keys: set[str] = set()
        self._all = _read(self._path) != services.state.position()
        self._natives, self._losses = -1, services.state.late.losses
        self._first = self._last = monotonic()
        self._followed: set[str] = set()
        self.follow()

    def follow(self) -> set[str]:
        """Let the fold note what touches decisions as they are now.

        Returns:
            The subjects of decisions that are new: what came between them and now is not noted.
        """
        state = self._services.state
        if state.late.losses != self._losses:
            self._all, self._losses = True, state.late.losses
        if state.late.natives == self._natives:
            return set()
        self._natives = state.late.natives
        standing = decisions(state)
        state.late.watch(max((one.as_of for one in standing), default=None))
        new = [one for one in standing if one.fact not in self._followed]
        self._followed = {one.fact for one in standing}
        return {key for one in new for key in self._subjects(one)}

    def run(self, stop: threading.Event) -> None:
        """Look whenever late facts have come and it has been quiet for a moment."""
        while not stop.wait(_QUIET_SECONDS / 2):
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 - the watch must never end the server
                _log.error("the watch over decisions met a fault\n%s", describe(error))
        self.leave()

    def step(self) -> int:
        """Look once, if it is time; returns how many findings were recorded."""
        fresh = self.follow()
        now = self._monotonic()
        fresh |= self._services.state.late.take()
        if fresh:
            if not self._keys:
                self._first = now
            self._keys |= fresh
            self._last = now
        waiting = self._keys or self._all
        quiet = now - self._last >= _QUIET_SECONDS or now - self._first >= _LONGEST_SECONDS
        return self.look() if waiting and quiet else 0

    def look(self) -> int:
        """Look now at every decision that what is noted can reach, and record what is stale."""
        keys, everything = self._keys | self._services.state.late.take(), self._all
        self._keys, self._all = set(), False
        standing = decisions(self._services.state)
        if not everything:
            reached = self._reached(keys)
            if reached is not None:
                standing = [one for one in standing if self._subjects(one) & reached]
        reviewer = Reviewer(self._services)
        return sum(self._record(reviewer, one) for one in standing)

    def leave(self) -> None:
        """Remember how far all was looked at, unless something is still waiting."""
        self._keys |= self.follow()
        if not self._keys and not self._all and not self._services.state.late.take():
            self._path.write_text(f"{self._services.state.position()}\n")

    def _subjects(self, decision: Decision) -> set[str]:
        refs = {decision.ref, str(decision.value.get("subject") or decision.ref)}
        refs |= {str(ref) for ref in decision.value.get("targets", ())}
        return {parse_ref(ref).key(self._services.identity) for ref in refs}

    def _reached(self, keys: Collection[str]) -> set[str] | None:
        """Everything that what came late can bear on; None where that is too much to find out."""
        graph = self._services.sql_graph()
        aliases = Aliases(graph, same_as=self._services.state.same_as)
        reached: set[str] = set()
        for direction in _DIRECTIONS:
            there: set[str] = set()
            frontier = aliases.of(keys)
            while frontier:
                closure = graph.closure(
                    sorted(frontier), direction, edge_type="FEEDS", view="content",
                    as_of=OPEN - 1, limits=_LIMITS,
                )  # fmt: skip
                if closure.truncated:
                    return None
                there |= closure.depths.keys() | frontier
                frontier = aliases.of(closure.depths) - there
            reached |= there
        return reached

    def _record(self, reviewer: Reviewer, decision: Decision) -> int:
        try:
            review = reviewer.review(decision)
        except TraceholdError as error:
            _log.warning("a decision cannot be looked at again: %s", error.what)
            return 0
        if not self._is_news(review):
            return 0
        fact = DecisionStale(
            decision.ref, decision.question, decision.fact, review.known_at,
            list(review.then), list(review.now),
        )  # fmt: skip
        self._services.record(ACTOR, kind_of(fact), fact, STREAM)
        return 1

    def _is_news(self, review: Review) -> bool:
        decision = review.decision
        key = parse_ref(decision.ref).key(self._services.identity)
        said = self._services.state.aspects([key], ["stale"]).get(key, {}).get("stale", [])
        last = next((one for one in said if _is_of(one, decision)), None)
        if last is None:
            return review.stale
        known = (tuple(last.value["then"]), tuple(last.value["now"]))
        return known != (review.then, review.now)


def _is_of(finding: AspectValue, decision: Decision) -> bool:
    same = finding.slot == decision.question
    return same and finding.value.get("decision") == decision.fact


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
