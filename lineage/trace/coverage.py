"""How much of the estate has lineage, an owner and a retention class."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from lineage.state.port import StateReader
from lineage.trace.model import Coverage

__all__ = ["KeptCoverage", "estate_coverage"]

CHEAP: Final = 0.005
"""Seconds of counting that are always worth it."""
SHARE: Final = 50
"""A count that took longer serves for so many times as long as it took."""


def estate_coverage(state: StateReader) -> Coverage:
    """Counts over all datasets; the same for every question at one position of the state."""
    position, counts = state.position(), state.estate()
    return Coverage(
        datasets=counts.datasets,
        without_lineage=counts.datasets - counts.linked,
        without_owner=counts.datasets - counts.owned,
        without_class=counts.datasets - counts.classed,
        files=counts.files,
        files_without_lineage=counts.files - counts.files_linked,
        known_at=position,
    )


class KeptCoverage:
    """The coverage, counted anew where the state has moved on.

    Counting costs as much as the estate holds, not as much as the answer does. So while facts
    come in, what was counted a moment ago serves a little longer, and says for which position.
    Safe to share between threads.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` is a clock in seconds."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: Coverage | None = None
        self._good_until = 0.0

    def at(self, state: StateReader) -> Coverage:
        """The coverage now, or a moment ago."""
        with self._lock:
            kept = self._kept
            if kept is not None and kept.known_at == state.position():
                return kept
            began = self._monotonic()
            if kept is not None and began < self._good_until:
                return kept
            self._kept = estate_coverage(state)
            ended = self._monotonic()
            took = ended - began
            self._good_until = ended + (took * SHARE if took > CHEAP else 0.0)
            return self._kept
