"""What a Dagster instance records, sent as it is read.

The cursor moves when the server has answered, and never before: whatever happens in between, it is
read and sent again, as the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from dagster import DagsterInstance

from tracehold_dagster.cursor import Cursor
from tracehold_dagster.errors import TraceholdError
from tracehold_dagster.event_log import Reading, parts, whole_run
from tracehold_dagster.sending import Delivery

__all__ = ["Deliver", "Followed", "Reading", "flush", "follow"]

_EVENTS: Final = 500
"""Events are sent together once there are so many."""

Deliver = Callable[[Sequence[dict[str, Any]]], Delivery]
"""Sends events, and returns when each has an answer that holds; else raises a `TraceholdError`."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a reading came.

    Attributes:
        cursor: Where to go on.
        delivery: What became of the events.
        records: How many records were read and answered for.
        behind: Whether there is more to read.
        error: Why it stopped early; None where it did not.
    """

    cursor: str
    delivery: Delivery
    records: int
    behind: bool = False
    error: TraceholdError | None = None


def follow(
    instance: DagsterInstance,
    cursor: str | None,
    reading: Reading,
    deliver: Deliver,
    *,
    seconds: float = 30.0,
    clock: Callable[[], float] = time.time,
) -> Followed:
    """Send what was recorded behind a cursor.

    Args:
        instance: Whose log is read.
        cursor: Where the last reading came to; None for the beginning of the log.
        reading: How records become events.
        deliver: Sends them.
        seconds: After so long no further records are read.
        clock: Epoch seconds.
    """
    began = clock()
    place = Cursor.read(cursor)
    answered = Followed(place.text(), Delivery(), 0)
    waiting: list[dict[str, Any]] = []
    records = 0
    # The next records are read while the server takes those before; no more than that is ahead.
    with ThreadPoolExecutor(1) as aside:
        sending: tuple[Future[Delivery], str, int] | None = None

        def settled() -> Followed:
            if sending is None:
                return answered
            sent, cursor, count = sending
            return Followed(cursor, answered.delivery + sent.result(), count)

        try:
            for part in parts(instance, place, reading, began):
                waiting += part.events
                records += part.records
                late = clock() - began > seconds
                if len(waiting) >= _EVENTS or late:
                    answered = settled()
                    sending = aside.submit(deliver, waiting), place.text(), records
                    waiting = []
                if late:
                    return replace(settled(), behind=True)
            answered, sending = settled(), None
            delivery = answered.delivery + (deliver(waiting) if waiting else Delivery())
            return Followed(place.text(), delivery, records)
        except TraceholdError as error:
            return replace(answered, behind=True, error=error)


def flush(
    instance: DagsterInstance, run_ids: Iterable[str], reading: Reading, deliver: Deliver
) -> Delivery:
    """Send what runs have recorded up to now, whether or not it was sent before.

    Raises:
        TraceholdError: The server did not take it.
    """
    done = Delivery()
    for run_id in run_ids:
        for part in whole_run(instance, run_id, reading):
            done += deliver(part.events)
    return done
