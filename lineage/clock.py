"""Time is passed in, never fetched in the middle of a computation."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

__all__ = ["Clock", "format_millis", "parse_millis", "system_clock"]

_DAY: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()

Clock = Callable[[], int]
"""Milliseconds since the Unix epoch, UTC."""


def system_clock() -> int:
    """The machine's wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def format_millis(millis: int) -> str:
    """Epoch milliseconds as RFC 3339 with a ``Z``, for example ``2026-03-01T00:00:00.000Z``."""
    # By hand, because a list has hundreds, and most of one day.
    day, rest = divmod(millis, _DAY)
    seconds, rest = divmod(rest, 1000)
    minutes = seconds // 60
    return f"{_date(day)}T{minutes // 60:02d}:{minutes % 60:02d}:{seconds % 60:02d}.{rest:03d}Z"


@lru_cache(maxsize=10_000)
def _date(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()


def parse_millis(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 date or date-time; without a zone it is read as UTC.

    Raises:
        ValueError: The text is neither.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
