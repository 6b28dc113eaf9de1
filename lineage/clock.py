"""Time is passed in, never fetched in the middle of a computation."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "format_millis", "parse_millis", "system_clock"]

Clock = Callable[[], int]
"""Milliseconds since the Unix epoch, UTC."""


def system_clock() -> int:
    """The machine's wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def format_millis(millis: int) -> str:
    """Epoch milliseconds as RFC 3339 with a ``Z``, for example ``2026-03-01T00:00:00.000Z``."""
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_millis(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 date or date-time; without a zone it is read as UTC.

    Raises:
        ValueError: The text is neither.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
