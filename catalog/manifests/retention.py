"""The manifest of a retention class (``kind: retention``)."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from typing import Annotated, Final, Literal

import msgspec

__all__ = ["Period", "RetentionClass", "keeps_longer_than"]

_PARTS: Final = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")

Period = Annotated[
    str,
    msgspec.Meta(
        pattern="^P(?=[0-9])([0-9]{1,3}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?([0-9]{1,5}D)?$",
        description="an ISO 8601 period of days or longer, for example P3Y, P6M or P30D",
    ),
]


class RetentionClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deletion class: clock start, period and method (ISO/IEC 27555; REQ-56).

    Attributes:
        name: Name of the class.
        description: What it is for.
        clock_start: What starts the clock: the last day of collection, the day of ingest, or the
            last day on which it was read.
        period: Keep no longer than this.
        action: What is done when due: delete, or have a person look.
        min_keep: Keep at least this long.
        legal_basis: Why this period; without one nothing is deleted by itself.
        source: Where the legal basis can be read.
        review_by: Day on which somebody must read the source again.
    """

    name: Annotated[
        str,
        msgspec.Meta(
            pattern="^[A-Za-z_][A-Za-z0-9_-]{0,127}$",
            description="letters, digits, underscores and hyphens",
        ),
    ]
    description: str = ""
    clock_start: Literal["collection_end", "ingested", "last_use"]
    period: Period
    action: Literal["delete", "review"] = "delete"
    min_keep: Period | None = None
    legal_basis: str
    source: str
    review_by: dt.date


def keeps_longer_than(keep: str, limit: str) -> bool:
    """Whether a duty to keep outlasts a limit, counted from some day.

    Months and days do not compare by number; they do from a given day on, so a common and a leap
    year are tried.
    """
    starts = (dt.date(2023, 1, 31), dt.date(2024, 2, 29))
    return any(_last_day(keep, start) > _last_day(limit, start) for start in starts)


def _last_day(period: str, start: dt.date) -> dt.date:
    match = _PARTS.fullmatch(period)
    years, months, weeks, days = (int(part or 0) for part in match.groups()) if match else (0,) * 4
    year, month = divmod(start.year * 12 + start.month - 1 + 12 * years + months, 12)
    month += 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return dt.date(year, month, day) + dt.timedelta(days=7 * weeks + days)
