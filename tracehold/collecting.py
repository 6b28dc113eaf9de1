"""The garbage collector in processes that make many objects and few cycles."""

from __future__ import annotations

import gc
from typing import Final

__all__ = ["collect_seldom"]

_THRESHOLDS: Final = (50_000, 20, 20)
"""Objects before the collector looks for cycles: a fold makes thousands that are in none."""


def collect_seldom() -> None:
    """Look for cycles seldom, and never in what is there by now: call it once all is set up."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
