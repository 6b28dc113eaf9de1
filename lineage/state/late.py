"""What came late: entities that facts speak of whose time lies before a moment of interest."""

from __future__ import annotations

import threading
from collections.abc import Iterable

__all__ = ["Late"]


class Late:
    """Filled by the fold, emptied by whoever decided something that late facts could touch.

    Safe to share between threads.

    Attributes:
        natives: Counts the points of native facts; a decision can only come with one.
        losses: Counts how often what was noted was lost.
    """

    def __init__(self) -> None:
        """Nothing is of interest yet."""
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self._before: int | None = None
        self.natives = 0
        self.losses = 0

    def watch(self, before: int | None) -> None:
        """Take note of facts that hold at this moment or before it; None for none."""
        with self._lock:
            self._before = before

    @property
    def before(self) -> int | None:
        """The moment of ``watch``."""
        return self._before

    def add(self, keys: Iterable[str], *, natives: int) -> None:
        """What another process noted for this one, and how many points of native facts it saw."""
        with self._lock:
            self._keys.update(keys)
            self.natives += natives

    def lose(self) -> None:
        """Whoever noted for this one ended before it could tell."""
        with self._lock:
            self.losses += 1

    def note(self, when: int, keys: Iterable[str]) -> None:
        """A fact about these entities holds at a moment."""
        before = self._before
        if before is not None and when <= before:
            with self._lock:
                self._keys.update(keys)

    def take(self) -> set[str]:
        """Everything noted since the last time."""
        with self._lock:
            keys, self._keys = self._keys, set()
            return keys
