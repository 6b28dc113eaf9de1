"""Moments as text: what is written is what the calendar says, and is read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from lineage.clock import format_millis, parse_millis

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999))
@example(-1)
@example(0)
@example(253_402_300_799_999)
def test_a_moment_is_written_as_the_calendar_has_it_and_read_back(millis: int) -> None:
    text = format_millis(millis)
    moment = _EPOCH + timedelta(milliseconds=millis)
    assert text == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert parse_millis(text) == millis
