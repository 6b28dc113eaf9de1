"""What a run is shown to be at a moment: what its events say, unless they are too old for that.

Producers die, lose their last event, or never send one (a Spark query that reports START alone).
Such a run does not run for ever: once nothing was heard of it for a while nobody knows what came of
it. A stream has no last event that anyone waits for, so it may be silent for longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lineage.state.port import AspectValue, RunRow, StateReader

__all__ = ["STALE", "Ages", "is_streaming", "shown_state", "streaming_jobs"]

STALE: Final = "STALE"
"""Shown for a run that never ended and of which nothing was heard for too long."""

_ENDED: Final = frozenset({"COMPLETE", "FAIL", "ABORT"})
_ENDLESS: Final = frozenset({"STREAMING", "SERVICE"})


@dataclass(frozen=True, slots=True)
class Ages:
    """How long a run may be silent before it is stale, milliseconds; 0 for as long as it likes.

    Attributes:
        run: Of a job that ends.
        stream: Of a job whose ``jobType`` says STREAMING or SERVICE.
    """

    run: float
    stream: float


def shown_state(run: RunRow, *, now: int, streaming: bool, ages: Ages) -> str:
    """The state to show.

    Args:
        run: The run.
        now: Epoch milliseconds.
        streaming: Whether its job is one that never ends by itself.
        ages: How long it may be silent.
    """
    age = ages.stream if streaming else ages.run
    if run.state in _ENDED or not age or now - run.last <= age:
        return run.state
    return STALE


def streaming_jobs(state: StateReader, job_keys: Iterable[str]) -> frozenset[str]:
    """Of some jobs those that never end by themselves, as their ``jobType`` says."""
    held = state.aspects(sorted(set(job_keys)), ["type"])
    return frozenset(key for key, aspects in held.items() if is_streaming(aspects))


def is_streaming(aspects: Mapping[str, Sequence[AspectValue]]) -> bool:
    """Whether a job never ends by itself, as its ``jobType`` among the aspects says."""
    return any(
        isinstance(said.value, Mapping) and _endless(said.value.get("processingType"))
        for said in aspects.get("type", ())
    )


def _endless(kind: object) -> bool:
    return isinstance(kind, str) and kind.upper() in _ENDLESS
