"""Marquez' figures of the last day, by hour, or of the last week, by day."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lineage.clock import format_millis
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.journal.port import Journal
from lineage.state.runs import BITS
from tracehold.questions.marquez.seen import listing_of, namespaces_of, runs_of
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["STATS"]

_LONGEST_RUN: Final = 30 * 24 * 60 * 60 * 1000
"""Runs that began so many milliseconds before the first interval are looked at for their end."""


class AskStats(Body, frozen=True, kw_only=True):
    """Of the last day by hour, or of the last week by day."""

    period: Literal["DAY", "WEEK", "day", "week"] = "DAY"
    timezone: str = "UTC"


def _borders(services: Services, params: AskStats) -> list[int]:
    """Where the intervals begin and end, epoch milliseconds; the last is the one that runs now."""
    now = datetime.fromtimestamp(services.clock() / 1000, _zone(params.timezone))
    if params.period.upper() == "DAY":
        last = now.replace(minute=0, second=0, microsecond=0)
        steps = [last + timedelta(hours=n) for n in range(-23, 2)]
    else:
        last = now.replace(hour=0, minute=0, second=0, microsecond=0)
        steps = [last + timedelta(days=n) for n in range(-6, 2)]
    return [round(step.timestamp() * 1000) for step in steps]


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            "this is no time zone", where="timezone", advice="write Europe/Berlin or UTC"
        ) from None


def _runs(services: Services, params: AskStats) -> Json:
    borders = _borders(services, params)
    names = ("fail", "start", "complete", "abort")
    counts = [dict.fromkeys(names, 0) for _ in borders[1:]]

    def count(moment: int | None, name: str) -> None:
        place = -1 if moment is None else bisect_right(borders, moment) - 1
        if 0 <= place < len(counts):
            counts[place][name] += 1

    rows = runs_of(services).begun_and_ended(borders[0] - _LONGEST_RUN)
    for _, first, ended, seen in rows:
        count(first, "start")
        for bit, name in (("FAIL", "fail"), ("ABORT", "abort"), ("COMPLETE", "complete")):
            if seen & BITS[bit]:
                count(ended, name)
                break
    return [_interval(borders, place) | one for place, one in enumerate(counts)]


class _Recorded(Sequence[int]):
    """When each fact was recorded, read where somebody looks; it grows with the position."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[int, int] = {}

    def __len__(self) -> int:
        return self._journal.head().size

    def __getitem__(self, place: Any) -> Any:
        if place not in self._known:
            [fact] = self._journal.read(place, 1)
            self._known[place] = fact.recorded_time
        return self._known[place]


def _counts(services: Services, params: AskStats, positions: Iterable[int]) -> Json:
    """How many of some positions stood at the end of each interval."""
    borders, counted = _borders(services, params), sorted(positions)
    recorded = _Recorded(services.journal)
    return [
        _interval(borders, place)
        | {"count": bisect_right(counted, bisect_right(recorded, borders[place + 1] - 1))}
        for place in range(len(borders) - 1)
    ]


def _jobs(services: Services, params: AskStats) -> Json:
    return _counts(services, params, listing_of(services).since("Job"))


def _datasets(services: Services, params: AskStats) -> Json:
    return _counts(services, params, listing_of(services).since("Dataset"))


def _sources(services: Services, params: AskStats) -> Json:
    listing = listing_of(services)
    names = namespaces_of(services, listing)
    return _counts(services, params, [listing.positions(name)[0] or 0 for name in names])


def _interval(borders: list[int], place: int) -> dict[str, Json]:
    return {
        "startInterval": format_millis(borders[place]),
        "endInterval": format_millis(borders[place + 1]),
    }


STATS: Final = (
    Question("stats/lineage-events", "Marquez: runs begun and ended.", AskStats, _runs),
    Question("stats/jobs", "Marquez: jobs known by then.", AskStats, _jobs),
    Question("stats/datasets", "Marquez: datasets known by then.", AskStats, _datasets),
    Question("stats/sources", "Marquez: namespaces known by then.", AskStats, _sources),
)
