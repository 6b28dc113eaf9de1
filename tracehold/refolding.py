"""Folding the state anew beside the one that serves, in the background or while somebody waits."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from lineage.errors import TraceholdError, Unavailable
from lineage.identity import Identity
from lineage.journal.erasure import finish_erasures
from lineage.journal.sqlite import SqliteJournal
from lineage.state.generations import current, remove
from lineage.state.rebuild import Rebuilt, Refold, not_folded
from lineage.state.registry import Registry
from lineage.state.store import SqlState, is_foreign, open_state
from tracehold.advancing import Advancer, Folds
from tracehold.faults import describe, summary

__all__ = ["Cause", "RefoldStatus", "Refolder", "cause_to_refold", "open_beside"]

_log = logging.getLogger(__name__)

Cause = Literal["missing", "damaged", "ahead", "tables", "fold version", "erasure", "rebuild"]
"""Why the state is folded anew: it is not there, is no database, stands ahead of its journal, has
the tables of another release, was folded by another one, holds what was erased, or somebody asked.
"""

UNREADABLE: Final = frozenset({"missing", "damaged", "ahead", "tables"})
"""Causes that leave nothing to answer from meanwhile."""

_NEAR: Final = 200
"""Facts that may be left to fold while nobody else folds."""
_IDLE_SECONDS: Final = 0.2
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True, slots=True)
class RefoldStatus:
    """How far it is; asking costs nothing.

    Attributes:
        running: Whether the state is being folded anew, or waits for it.
        cause: Why; empty where it is not.
        done: Facts folded so far.
        of: Facts to fold.
        completed: How often it was done by this process.
        last: What came of the last time.
        trouble: Why the last attempt failed, in one line; empty where it did not.
    """

    running: bool = False
    cause: str = ""
    done: int = 0
    of: int = 0
    completed: int = 0
    last: Rebuilt | None = None
    trouble: str = ""


def cause_to_refold(path: Path, journal: SqliteJournal, version: str) -> Cause | None:
    """Why the state that is there must be folded anew before it can advance; None where it can.

    Args:
        path: The state as it is named.
        journal: What it is folded from.
        version: Fold version of this release.
    """
    try:
        if not current(path).exists():
            return "missing" if journal.head().size else None
        if is_foreign(path):
            return "tables"
        state = open_state(path, read_only=True)
    except (sqlite3.Error, Unavailable):
        return "damaged"
    try:
        if state.position() > journal.head().size:
            # The journal was restored, or lost its end: what the state says more is not so.
            return "ahead"
        return "fold version" if state.needs_rebuild(version) else None
    except sqlite3.Error:
        return "damaged"
    finally:
        state.close()


def open_beside(path: Path) -> SqlState:
    """The state to serve until the first refold is done: the old one, or refusals.

    It is refused where ``Refolder.begin`` is told a cause that leaves nothing to read.
    """
    return SqlState(path, read_only=True)


class Refolder:
    """Folds the state anew and lets it take over. Safe to share between threads."""

    def __init__(
        self,
        journal: SqliteJournal,
        state: SqlState,
        registry: Registry,
        identity: Identity,
        advancer: Advancer,
        *,
        open_folder: Callable[[], Folds],
    ) -> None:
        """Does nothing yet; the advancer folds into ``state``, or into nothing before the first.

        ``open_folder`` gives what folds into a state that has just taken over.
        """
        self._journal = journal
        self._state = state
        self._registry = registry
        self._identity = identity
        self._advancer = advancer
        self._open_folder = open_folder
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._causes: list[Cause] = []
        self._working = False
        self._status = RefoldStatus()
        self.swapped: Callable[[], None] = lambda: None

    def status(self) -> RefoldStatus:
        """How far it is."""
        return self._status

    def ask(self, cause: Cause) -> int:
        """Have it done by the thread that runs ``run``.

        Returns:
            What ``completed`` will at least be once it is done.
        """
        with self._lock:
            now = self._status
            if cause not in self._causes:
                self._causes.append(cause)
            if not now.running:
                self._status = replace(now, running=True, cause=cause, done=0)
            self._wanted.set()
            return now.completed + len(self._causes) + self._working

    def begin(
        self,
        cause: Cause | None,
        *,
        background: bool,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """At the start of a process: catch up, and see to it that the state is as it must be.

        Args:
            cause: Why the state there cannot be folded on; None where it can.
            background: Whether ``run`` does what is to be done, later.
            progress: Told the position meanwhile.
        """
        if cause in UNREADABLE:
            self._state.connections.refuse(self._refusal)
        if cause is None:
            if not self._level():
                self._advancer.catch_up()
            cause = "erasure" if self._state.standing().erased_inside else None
        self._advancer.erased = lambda: self.ask("erasure")
        if cause is None:
            return
        if background:
            self.ask(cause)
        else:
            self.now(cause, progress)

    def _level(self) -> bool:
        """Whether there is nothing to fold, so that a start need not wait for who folds."""
        try:
            return self._state.position() == self._journal.head().size
        except sqlite3.Error:
            return False  # there is no state yet

    def _refusal(self) -> Unavailable:
        now = self._status
        return Unavailable(
            f"the state is being made anew ({now.cause})", where=f"fact {now.done} of {now.of}",
            advice="try again in a while; what is sent is kept meanwhile",
        )  # fmt: skip

    def now(self, cause: Cause, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """Do it and wait.

        Raises:
            TraceholdError: It cannot be done now.
        """
        outcome = self._refold(cause, progress or (lambda _: None), threading.Event())
        while self._state.standing().erased_inside:
            # Something was erased meanwhile that the shadow had taken by then.
            outcome = self._refold("erasure", progress or (lambda _: None), threading.Event())
        assert outcome is not None  # noqa: S101 - nobody could stop it
        return outcome

    def run(self, stop: threading.Event) -> None:
        """Do what is asked, until ``stop`` is set; what is unfinished then is left undone."""
        pause = _FIRST_PAUSE
        while not stop.is_set():
            if not self._wanted.wait(_IDLE_SECONDS):
                continue
            try:
                if not self._step(stop):
                    continue
                pause = _FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - the loop must outlive any fault
                self._complain(error)
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _step(self, stop: threading.Event) -> bool:
        """Do the first thing asked; False where there was none."""
        with self._lock:
            if not self._causes:
                self._wanted.clear()
                return False
            cause = self._causes.pop(0)
            self._working = True
        done = False
        try:
            # What was erased may have been left out by what ran when it was asked.
            if cause == "erasure" and not self._state.standing().erased_inside:
                self._done(self._status.last)
                done = True
            else:
                done = self._refold(cause, lambda _: None, stop) is not None
            if done and self._state.standing().erased_inside:
                # Erased when the shadow had taken it, and met by nobody who would ask.
                self.ask("erasure")
        finally:
            with self._lock:
                self._working = False
                if not done:
                    self._causes.insert(0, cause)
        return True

    def _refold(
        self, cause: Cause, tell: Callable[[int], None], stop: threading.Event
    ) -> Rebuilt | None:
        with self._turn:
            finish_erasures(self._journal)
            refold = Refold(self._journal, self._state.path, self._registry, self._identity)
            try:
                while (head := self._journal.head().size) - refold.position > _NEAR:
                    if stop.is_set():
                        return None
                    refold.advance()
                    self._note(cause, refold.position, head)
                    tell(refold.position)
                former = self._state.connections.file
                outcome = self._advancer.exchange(lambda folder: self._take_over(refold, folder))
            except sqlite3.Error as error:
                raise not_folded(error, self._state.path) from error
            finally:
                refold.discard()
            for file in {former, refold.beside}:
                remove(file)
            self._state.connections.waiting()
            self._done(outcome)
        if outcome.divergence:
            _log.error("the state was not what its journal says: %s", outcome.divergence)
        self.swapped()
        return outcome

    def _take_over(self, refold: Refold, folder: Folds | None) -> tuple[Folds, Rebuilt]:
        """While nobody folds: bring both to one fact, compare, and go on with the new state."""
        if folder is None:
            while refold.advance():
                pass
        else:
            upto = folder.catch_up().position
            while refold.advance(upto=upto):
                pass
            refold.compare(self._state.standing())
        outcome = refold.finish()
        if folder is not None:
            folder.close()
        self._state.connections.reopen()
        return self._open_folder(), outcome

    def _note(self, cause: Cause, done: int, of: int) -> None:
        with self._lock:
            now = self._status
            self._status = replace(now, running=True, cause=cause, done=done, of=of, trouble="")

    def _done(self, outcome: Rebuilt | None) -> None:
        with self._lock:
            left = self._causes[0] if self._causes else ""
            self._status = RefoldStatus(
                bool(left), left, completed=self._status.completed + 1, last=outcome
            )

    def _complain(self, error: Exception) -> None:
        trouble = str(error) if isinstance(error, TraceholdError) else summary(error)
        if trouble != self._status.trouble:
            _log.error("the state is not folded anew: %s\n%s", trouble, describe(error))
        with self._lock:
            self._status = replace(self._status, trouble=trouble)
