"""What a batch of events is answered with: the form of OpenLineage's ``POST /lineage/batch``.

Beside what the specification names stand a receipt per event and how many were repetitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from lineage.errors import TraceholdError
from lineage.facts import Json, Receipt

__all__ = ["Outcome", "pieces", "report"]

Outcome = Receipt | TraceholdError
"""What came of one event."""

_PIECE_EVENTS: Final = 256
_PIECE_BYTES: Final = 1024 * 1024


def pieces(events: Sequence[msgspec.Raw]) -> Iterator[Sequence[msgspec.Raw]]:
    """The events in order, as many at a time as may be read before others have their turn."""
    begin = size = 0
    for place, event in enumerate(events):
        length = memoryview(event).nbytes
        if place > begin and (size + length > _PIECE_BYTES or place - begin == _PIECE_EVENTS):
            yield events[begin:place]
            begin, size = place, 0
        size += length
    if events:
        yield events[begin:]


def report(outcomes: Sequence[Outcome]) -> Json:
    """The answer.

    Raises:
        TraceholdError: Nothing was taken, and all of it may be when it is sent again.
    """
    failed = [(place, one) for place, one in enumerate(outcomes) if isinstance(one, TraceholdError)]
    taken = [one for one in outcomes if isinstance(one, Receipt)]
    retriable = sum(_retriable(error) for _, error in failed)
    if failed and retriable == len(outcomes):
        # Clients repeat a 503; what an answer of 200 calls retriable they may never look at.
        raise failed[0][1]
    return {
        "status": "partial_success" if failed else "success",
        "summary": {
            "received": len(outcomes),
            "successful": len(taken),
            "failed": len(failed),
            "retriable": retriable,
            "non_retriable": len(failed) - retriable,
            "duplicates": sum(receipt.duplicate for receipt in taken),
        },
        "failed_events": [
            {
                "index": place,
                "reason": error.what,
                "retriable": _retriable(error),
                "code": error.code,
                "where": error.where,
                "advice": error.advice,
            }
            for place, error in failed
        ],
        "receipts": [one.fact_id if isinstance(one, Receipt) else None for one in outcomes],
    }


def _retriable(error: TraceholdError) -> bool:
    return error.http_status >= 500
