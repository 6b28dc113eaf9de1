"""The fold at work: one folder, advanced by whoever needs it, one at a time."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from lineage.errors import Fault, TraceholdError, Unavailable
from lineage.facts import Receipt
from lineage.state.advance import Advanced
from tracehold.faults import OF_THE_DISK, describe, summary

__all__ = ["Advancer", "Folds"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 1.0
_REST_SECONDS: Final = 0.05
"""Between two rounds: what comes meanwhile is folded together, which costs less than one by one
(a START and its COMPLETE settle once), and whoever accepts has the interpreter to itself."""
_PAUSE_AFTER_FAULT_SECONDS: Final = 2.0
_PRUNE_EVERY: Final = 5000
_REFUSED: Final = (*OF_THE_DISK, "SQLITE_READONLY")


class Folds(Protocol):
    """What folds into one state: a ``Folder``, here or in a process of its own."""

    @property
    def position(self) -> int:
        """Where the state stands."""

    @property
    def erased_inside(self) -> bool:
        """Whether the state holds what was erased after it had been folded."""

    def catch_up(self) -> Advanced:
        """Advance until the journal's head."""

    def forget_dropped(self, upto: int) -> int:
        """Forget what was dropped from the graph at a position or before."""

    def close(self) -> None:
        """Fold no more."""


class Advancer:
    """Brings the state up to the journal.

    Attributes:
        trouble: Why the last step failed, in one line; empty while all is well.
        erased: Called when the state holds what was erased after it had been folded.
    """

    def __init__(
        self,
        folder: Folds | None,
        *,
        followed: Callable[[], int | None] | None = None,
        prune_every: int = _PRUNE_EVERY,
    ) -> None:
        """Does not fold yet.

        Args:
            folder: Folds into the state; None while the state is made anew.
            followed: Where the mirror stands, None while it does not know; no function where
                nothing follows the graph.
            prune_every: Facts between two times at which the graph forgets what was dropped.
        """
        self._folder = folder
        self._followed = followed
        self._prune_every = prune_every
        self._pruned = 0
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._position = 0
        self.trouble = ""
        self.erased: Callable[[], object] = lambda: None

    def wake(self) -> None:
        """There are new facts."""
        self._news.set()

    def catch_up(self) -> int:
        """Fold everything that is durable now; returns the position.

        Raises:
            Unavailable: The disk does not take it, or the state is being made anew.
        """
        with self._lock:
            if self._folder is None:
                raise Unavailable(
                    "the state is being made anew", where="state",
                    advice="try again in a while; /health says how far it is",
                )  # fmt: skip
            try:
                done = self._folder.catch_up()
            except sqlite3.Error as error:
                name = getattr(error, "sqlite_errorname", "")
                if not name.startswith(_REFUSED):
                    raise
                raise Unavailable(
                    f"the state cannot be written ({name})",
                    where="state",
                    advice="free disk space, or check the disk; it then follows by itself",
                ) from error
            self.trouble = ""
            self._position = done.position
            if done.folded and self._folder.erased_inside:
                self.erased()
            return done.position

    def exchange(self, act: Callable[[Folds | None], tuple[Folds, T]]) -> T:
        """Fold with another folder from now on; nothing is folded while ``act`` makes it."""
        with self._lock:
            self._folder, outcome = act(self._folder)
            self._position = self._pruned = self._folder.position
            self.trouble = ""
        return outcome

    def until(self, receipt: Receipt) -> None:
        """Return once the state holds the fact of a receipt.

        Raises:
            Unavailable: The disk does not take the state, or it is being made anew; the fact
                itself is safe.
            Fault: It cannot be folded; the fact itself is safe.
        """
        if receipt.position is not None and receipt.position <= self._position:
            return
        try:
            self.catch_up()
        except Unavailable as error:
            raise Unavailable(
                f"the fact is kept, but {error.what}",
                where=receipt.fact_id,
                advice=error.advice,
            ) from error
        except sqlite3.Error as error:
            raise Fault(
                f"the fact is kept, but the state cannot take it ({summary(error)})",
                where=receipt.fact_id,
                advice="rebuild the state: tracehold journal rebuild",
            ) from error

    def run(self, stop: threading.Event) -> None:
        """Fold whenever there is news, until ``stop`` is set; then once more, to the end."""
        while not stop.is_set():
            self._news.wait(_IDLE_SECONDS)
            self._news.clear()
            stop.wait(_REST_SECONDS if self._step() else _PAUSE_AFTER_FAULT_SECONDS)
        self._step()

    def close(self) -> None:
        """Fold no more, here or in a process of its own."""
        if self._folder is not None:
            self._folder.close()

    def _step(self) -> bool:
        if self._folder is None:
            return True
        try:
            self.catch_up()
            self._prune()
        except TraceholdError as error:
            self._complain(str(error), error)
            return False
        except Exception as error:  # noqa: BLE001 - the loop must outlive any fault
            self._complain(summary(error), error)
            return False
        return True

    def _prune(self) -> None:
        """Forget tombstones that the mirror has passed, once in a while."""
        with self._lock:
            if self._position - self._pruned < self._prune_every:
                return
            upto = self._position if self._followed is None else self._followed()
            if upto is not None and self._folder is not None:
                self._folder.forget_dropped(min(upto, self._position))
                self._pruned = self._position

    def _complain(self, trouble: str, error: Exception) -> None:
        if trouble != self.trouble:
            _log.error("the state does not advance: %s\n%s", trouble, describe(error))
        self.trouble = trouble
