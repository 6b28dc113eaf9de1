"""Periods on dates."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import InvalidInput
from privacy.retention.schedule import Period, first_due_day, parse_day

DATES = st.dates(date(1950, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize(
    ("start", "period", "last"),
    [
        ("2024-08-31", "P6M", "2025-02-28"),
        ("2023-08-31", "P6M", "2024-02-29"),
        ("2024-02-29", "P1Y", "2025-02-28"),
        ("2024-02-29", "P4Y", "2028-02-29"),
        ("2024-01-31", "P1M", "2024-02-29"),
        ("2024-01-01", "P180D", "2024-06-29"),
        ("2024-01-01", "P6M", "2024-07-01"),
        ("2024-01-01", "P2W", "2024-01-15"),
        ("2024-01-01", "P0D", "2024-01-01"),
        ("2023-11-30", "P1Y2M10D", "2025-02-09"),
        ("9990-01-01", "P100Y", "9999-12-31"),
    ],
)
def test_month_ends_and_leap_years(start: str, period: str, last: str) -> None:
    assert Period.parse(period).last_day(parse_day(start)).isoformat() == last


@given(DATES, st.integers(0, 1200), st.integers(0, 4000))
def test_the_first_due_day_is_the_day_after_the_last(start: date, months: int, days: int) -> None:
    period = Period(months, days)
    assert first_due_day(start, period) == period.last_day(start) + timedelta(days=1)


@given(DATES, st.integers(0, 1200), st.integers(0, 1200))
def test_more_months_never_end_earlier(start: date, one: int, two: int) -> None:
    low, high = sorted((one, two))
    assert Period(low).last_day(start) <= Period(high).last_day(start)


@given(DATES, st.integers(0, 60))
def test_years_keep_month_and_day_except_for_leap_days(start: date, years: int) -> None:
    last = Period(12 * years).last_day(start)
    assert (last.year, last.month) == (start.year + years, start.month)
    assert last.day == start.day or (start.month, start.day, last.day) == (2, 29, 28)


@pytest.mark.parametrize("text", ["", "P", "3Y", "P-1Y", "PT1H", "P1.5Y", "p1y", "P1Y1", "P9999Y"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Period.parse(text)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-02-30", "01/02/2024"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_day(text)
