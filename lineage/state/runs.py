"""One run of one job, merged from its events in any order. Pure.

Every member is a minimum, a maximum or a union, so that repetition and order cannot matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from lineage.facts import Json

__all__ = [
    "BITS",
    "STATIC",
    "RunState",
    "Sighting",
    "contradicted",
    "event_state",
    "proven",
    "state_of",
]

BITS: Final = {"START": 1, "FAIL": 2, "ABORT": 4, "COMPLETE": 8, "RUNNING": 16, "OTHER": 32}
STATIC: Final = 64
"""Marks a JobEvent or DatasetEvent, which stands among the runs of its owner."""

_FAILED: Final = BITS["FAIL"] | BITS["ABORT"]
_ENDED: Final = _FAILED | BITS["COMPLETE"]


def state_of(seen: int) -> str:
    """The state by precedence FAIL = ABORT > COMPLETE > RUNNING > START > OTHER.

    Failed Spark jobs report FAIL and then COMPLETE: a failure sticks.
    """
    for name in ("FAIL", "ABORT", "COMPLETE", "RUNNING", "START"):
        if seen & BITS[name]:
            return name
    return "OTHER"


def contradicted(seen: int) -> bool:
    """Whether a run both failed and completed."""
    return bool(seen & _FAILED) and bool(seen & BITS["COMPLETE"])


def proven(seen: int) -> bool:
    """Whether what the run says of its outputs can be relied on: completed and never failed."""
    return bool(seen & (BITS["COMPLETE"] | STATIC)) and not seen & _FAILED


@dataclass(frozen=True, slots=True)
class Sighting:
    """First and last moment at which a run showed an event shape, and the first fact that says so.

    Moments are (time, rank); ``rank`` is the digest of the event, a total order without arrival.
    """

    first: tuple[int, str]
    last: tuple[int, str]
    fact_id: str
    position: int
    actor: str

    def joined(self, other: Sighting) -> Sighting:
        """Both together; where the same event was said twice, the lesser actor is cited."""
        a, b = sorted((self, other), key=lambda s: (s.first, s.actor, s.position))
        return replace(a, last=max(self.last, b.last, other.last))


@dataclass(frozen=True, slots=True)
class RunState:
    """What the events of a run say together, its shape aside."""

    key: str
    job_key: str
    run_id: str
    seen: int
    first: int
    last: int
    started: int | None = None
    ended: int | None = None
    facets: dict[str, tuple[int, str, Json]] = field(default_factory=dict)

    def joined(self, other: RunState) -> RunState:
        """Both together; commutative, associative, idempotent."""
        facets = self.facets
        if other.facets:
            facets = dict(facets)
            for name, said in other.facets.items():
                known = facets.get(name)
                if known is None or said[:2] > known[:2]:
                    facets[name] = said
        started = [t for t in (self.started, other.started) if t is not None]
        ended = [t for t in (self.ended, other.ended) if t is not None]
        return RunState(
            self.key,
            self.job_key,
            self.run_id,
            self.seen | other.seen,
            min(self.first, other.first),
            max(self.last, other.last),
            min(started) if started else None,
            max(ended) if ended else None,
            facets,
        )

    @property
    def effect(self) -> Literal["replace", "add", "none"]:
        """What the run does to the structure of its job."""
        if self.seen & _FAILED:
            return "none"
        return "replace" if self.seen & (BITS["COMPLETE"] | STATIC) else "add"

    @property
    def closing_time(self) -> int | None:
        """When the run proved that it replaced content; None where it did not."""
        if not proven(self.seen):
            return None
        return self.last if self.seen & STATIC else self.ended


def event_state(
    key: str,
    job_key: str,
    run_id: str,
    *,
    event_type: str | None,
    time: int,
    facets: dict[str, tuple[int, str, Json]],
) -> RunState:
    """What one event says of its run; an unknown type counts as OTHER."""
    bit = BITS.get((event_type or "").upper(), BITS["OTHER"])
    return RunState(
        key,
        job_key,
        run_id,
        bit,
        time,
        time,
        time if bit == BITS["START"] else None,
        time if bit & _ENDED else None,
        facets,
    )
