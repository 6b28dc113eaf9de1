"""Event times as producers really send them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from lineage.facts import Json
from lineage.openlineage.forms.common import DATE_TIME

__all__ = ["LATEST", "event_time"]

LATEST = 7_258_118_400_000
"""2200-01-01: a later event time is a defect of the producer, not a date."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RFC_3339 = re.compile(DATE_TIME)


def event_time(value: Json) -> tuple[int | None, str | None]:
    """Epoch milliseconds of an ``eventTime`` and the finding about it, if any.

    A time without a zone is read as UTC; digits behind milliseconds are cut off. Missing,
    unreadable and absurd times (before 1970, after 2199) are None, which orders them first.

    A leap second is the second before it.

    Returns:
        The time or None, and one of the ``time-…`` codes or None.
    """
    if value is None:
        return None, "time-missing"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None, "time-unreadable"
    if not isinstance(value, str):
        if not 0 <= value < LATEST:
            return None, "time-unreadable"
        # Ten digits are seconds until the year 2286, thirteen are milliseconds.
        return int(value * 1000) if value < 10_000_000_000 else int(value), "time-numeric"
    formed = _RFC_3339.fullmatch(value) is not None
    text = value.strip().upper().replace(":60", ":59", 1) if formed else value.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None, "time-unreadable"
    finding = None if formed else "time-form"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
        finding = "time-without-zone"
    millis = (moment - _EPOCH) // _MILLISECOND
    if not 0 <= millis < LATEST:
        return None, finding or "time-absurd"
    return millis, finding
