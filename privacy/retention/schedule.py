"""Periods on dates.

A period of months or years that starts on a date ends with the last hour of the same date of the
last month, or of that month's last day where the date does not occur (Regulation (EEC, Euratom)
No 1182/71, Article 3(2)(c)). Six months are therefore not 180 days, and a period that starts on
29 February ends on 28 February in common years.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from lineage.errors import InvalidInput

__all__ = ["Period", "first_due_day", "parse_day"]

_FORM = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")


@dataclass(frozen=True, slots=True)
class Period:
    """An ISO 8601 period of whole days or longer.

    Attributes:
        months: Years and months, in months.
        days: Weeks and days, in days.
    """

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read ``P3Y``, ``P6M``, ``P2W``, ``P1Y2M10D``; ``P0D`` is no time at all.

        Raises:
            InvalidInput: Not such a period, or longer than a thousand years.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None or not any(match.groups()):
            raise InvalidInput(
                f"{text!r} is not a period",
                where=text,
                advice="write an ISO 8601 period of days or longer, for example P3Y, P6M or P30D",
            )
        years, months, weeks, days = (int(part or 0) for part in match.groups())
        period = cls(12 * years + months, 7 * weeks + days)
        if period.months > 12_000 or period.days > 365_250:
            raise InvalidInput("the period is longer than a thousand years", where=text)
        return period

    def last_day(self, start: date) -> date:
        """The last day of a period that starts on ``start``; 31 December 9999 at the latest."""
        month = start.year * 12 + start.month - 1 + self.months
        year, month = divmod(month, 12)
        if year > date.max.year:
            return date.max
        month += 1
        day = min(start.day, calendar.monthrange(year, month)[1])
        try:
            return date(year, month, day) + timedelta(days=self.days)
        except OverflowError:
            return date.max


def first_due_day(start: date, period: Period) -> date:
    """The first day on which the period is over: the day after its last."""
    last = period.last_day(start)
    return last if last == date.max else last + timedelta(days=1)


def parse_day(text: str) -> date:
    """The date of an ISO 8601 date or date-time.

    Raises:
        InvalidInput: The text is neither.
    """
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise InvalidInput(
            f"{text!r} is not a date", where=text, advice="write it as YYYY-MM-DD"
        ) from None
