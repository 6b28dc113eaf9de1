"""Who sees what, by the rules of the workspace: from a person to what the person may see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from lineage.identity import Identity
from lineage.state.store import SqlState
from lineage.state.words import said_of, saying
from lineage.trace.coverage import KeptCoverage
from privacy.sensitivity import ASPECTS, sensitive
from tracehold.access import Looker
from tracehold.seeing import EVERYTHING, Seeing, Sight
from tracehold.settings import AccessSettings

__all__ = ["ALL_SEEING", "KeptMarks", "Sights"]

ALL_SEEING: Final = frozenset({"privacy-officer", "planner", "auditor", "approver", "executor"})
"""Roles whose duties need the whole picture; who builds or administers needs grants."""
_KINDS: Final = 64
"""Different sights whose coverage of the estate is kept."""


class Sights:
    """What each person may see of one workspace. Safe to share between threads."""

    def __init__(self, rules: AccessSettings) -> None:
        """``rules`` are those of the workspace."""
        self._rules = rules
        self._marks = KeptMarks()
        self._lock = threading.Lock()
        self._coverages: dict[Sight, KeptCoverage] = {}

    def of(self, person: Looker, state: SqlState, identity: Identity, now: int) -> Seeing:
        """What a person may see now.

        Args:
            person: Who looks, with roles and grants.
            state: The whole state.
            identity: Derives keys.
            now: Epoch milliseconds; a grant that is over by then opens nothing.
        """
        sight = self.sight(person, now)
        if sight.everything:
            return EVERYTHING
        marks = self._marks.at(state, self._rules.guarded)
        return Seeing(sight, marks, identity, person.id)

    def sight(self, person: Looker, now: int) -> Sight:
        """The rule for a person at a moment, epoch milliseconds."""
        if ALL_SEEING.intersection(person.roles):
            return Sight(everything=True)
        return Sight(self._rules.open, tuple(person.grants_at(now)))

    def coverage(self, sight: Sight) -> KeptCoverage:
        """Where the coverage of what a sight shows is kept."""
        with self._lock:
            if sight not in self._coverages and len(self._coverages) >= _KINDS:
                self._coverages.clear()
            return self._coverages.setdefault(sight, KeptCoverage())


class KeptMarks:
    """Guarded classes by key, looked up anew where more was said of what they follow from.

    While facts come in fast, what a costly look said serves for some seconds more. Safe to share
    between threads.
    """

    _CHEAP: Final = 0.005
    _SHARE: Final = 50
    _LONGEST: Final = 10.0
    """Seconds, however costly a look was."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        """Look at nothing yet.

        Args:
            monotonic: A clock in seconds.
            spent: Seconds that the thread had a processor: where a look had to wait for one, what
                is hidden must not wait longer.
        """
        self._monotonic, self._spent = monotonic, spent
        self._lock = threading.Lock()
        self._marks: Mapping[str, frozenset[str]] = {}
        self._known_at = -1
        self._said: object = None
        self._good_until = 0.0

    def at(self, state: SqlState, classes: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The marks now, or a moment ago."""
        if not classes:
            return {}
        with self._lock:
            position = state.position()
            if position == self._known_at or self._monotonic() < self._good_until:
                return self._marks
            began = self._spent()
            db = state.connection()
            said = said_of(db, ASPECTS)
            if said != self._said:
                self._marks = sensitive(state, partial(saying, db), classes)
            self._known_at, self._said = position, said
            cost = self._spent() - began
            lasts = cost * self._SHARE if cost > self._CHEAP else 0.0
            self._good_until = self._monotonic() + min(lasts, self._LONGEST)
            return self._marks
