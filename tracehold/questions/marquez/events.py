"""OpenLineage events as they are kept, the newest first."""

from __future__ import annotations

import time
from typing import Final, Literal

import msgspec

from lineage.clock import parse_millis
from lineage.errors import InvalidInput
from lineage.facts import Fact, Json
from lineage.graph.walk import Deadline
from lineage.openlineage.read import KIND
from tracehold.questions.knowing import limits_of
from tracehold.questions.marquez.paging import Paged
from tracehold.questions.marquez.seen import seen_event
from tracehold.questions.question import Question
from tracehold.services import Services

__all__ = ["EVENTS"]

PIECE: Final = 200
LOOKED_AT: Final = 10_000
"""Facts that one answer looks at."""


class AskEvents(Paged, frozen=True, kw_only=True):
    """Events between two moments; the order is that in which they were received."""

    before: str = ""
    after: str = ""
    sortDirection: Literal["asc", "desc", "ASC", "DESC"] = "desc"  # noqa: N815 - Marquez' name
    namespace: str = ""


class _Named(msgspec.Struct):
    namespace: str = ""


class _Event(msgspec.Struct):
    job: _Named | None = None
    dataset: _Named | None = None


class _Stored(msgspec.Struct):
    event: msgspec.Raw


_STORED: Final = msgspec.json.Decoder(_Stored)
_EVENT: Final = msgspec.json.Decoder(_Event)


def _events(services: Services, params: AskEvents) -> Json:
    limit, offset = params.page()
    before, after = _moment(params.before, "before"), _moment(params.after, "after")
    upwards = params.sortDirection.lower() == "asc"
    size = services.journal.head().size
    found: list[Json] = []
    skipped = looked = 0
    place = 0 if upwards else size
    limits = limits_of(services)
    deadline = Deadline(limits.seconds, time.monotonic, limits.stopped)
    while len(found) < limit and looked < LOOKED_AT and (place < size if upwards else place > 0):
        if deadline.passed():
            break
        # As many as are wanted, and more once few of them fit.
        piece = min(max(limit + offset - skipped - len(found), looked), PIECE)
        begin = place if upwards else max(place - piece, 0)
        facts = services.journal.read(begin, min(piece, size - begin if upwards else place - begin))
        place = begin + len(facts) if upwards else begin
        looked += len(facts)
        for fact in facts if upwards else reversed(facts):
            event = seen_event(services, _taken(fact, params.namespace, before, after))
            if event is None:
                continue
            if skipped < offset:
                skipped += 1
            elif len(found) < limit:
                found.append(event)
    ended = place >= size if upwards else place <= 0
    return {
        "events": found,
        "totalCount": None if services.seeing.limited else _count(services),
        "complete": ended or len(found) == limit,
    }


def _taken(fact: Fact, namespace: str, before: int | None, after: int | None) -> Json:
    """The event of a fact, where it is one of those asked for."""
    if fact.kind != KIND or fact.body is None:
        return None
    if (before is not None and fact.when >= before) or (after is not None and fact.when <= after):
        return None
    raw = _STORED.decode(fact.body).event
    if namespace:
        try:
            read = _EVENT.decode(raw)
        except msgspec.ValidationError:
            return None
        subject = read.job or read.dataset
        if subject is None or subject.namespace != namespace:
            return None
    return msgspec.json.decode(raw)


def _count(services: Services) -> int:
    row = services.state.connection().execute("select count(*) from touch").fetchone()
    return int(row[0])


def _moment(text: str, where: str) -> int | None:
    if not text:
        return None
    try:
        # A plus sign in a query that was not encoded arrives as a space.
        return parse_millis(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise InvalidInput(
            "this is no moment", where=where, advice="write 2026-03-01T12:00:00Z"
        ) from None


EVENTS: Final = tuple(
    Question(name, summary, AskEvents, _events)
    for name, summary in (
        ("events/lineage", "Marquez: events as they are kept, newest first."),
        ("events", "The same, where the Python client of Marquez looks for it."),
        ("events/{namespace}", "The same, of jobs and datasets of a namespace."),
    )
)
