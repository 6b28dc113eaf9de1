"""What holds: from the set of points of one aspect of one entity to values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lineage.facts import Json, Source
from lineage.state.port import AspectValue
from lineage.state.precedence import rank

__all__ = ["MANY", "StoredPoint", "resolve", "timeline"]

MANY: Final = "*"
"""Slot of a stored point whose value is an object with one member per slot."""


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """A point as stored: the citation and the total order (``time``, ``rank``) beside it."""

    slot: str
    source: Source
    time: int
    rank: str
    fact_id: str
    position: int
    actor: str
    value: Json


def _latest(points: Iterable[StoredPoint], as_of: int | None) -> list[StoredPoint]:
    newest: dict[tuple[str, str], StoredPoint] = {}
    for point in points:
        if as_of is not None and point.time > as_of:
            continue
        key = (point.slot, point.source)
        known = newest.get(key)
        if known is None or (point.time, point.rank) > (known.time, known.rank):
            newest[key] = point
    return list(newest.values())


def resolve(
    aspect: str, points: Iterable[StoredPoint], as_of: int | None = None
) -> list[AspectValue]:
    """The values of all slots that hold at a moment, ordered by slot.

    Args:
        aspect: Decides the precedence of sources.
        points: All points of one aspect of one entity.
        as_of: Epoch milliseconds; None takes everything recorded.
    """
    points = list(points)
    if len(points) == 1 and points[0].slot != MANY:
        # Most of what is said was said once.
        return _only(points[0], as_of)
    slots: dict[str, list[tuple[StoredPoint, Json]]] = {}
    for point in _latest(points, as_of):
        if point.slot != MANY:
            slots.setdefault(point.slot, []).append((point, point.value))
        elif isinstance(point.value, dict):
            for slot, value in point.value.items():
                slots.setdefault(slot, []).append((point, value))
    values = []
    for slot in sorted(slots):
        said = [(p, v) for p, v in slots[slot] if v is not None]
        if not said:
            continue
        said.sort(key=lambda pair: pair[0].rank)
        said.sort(key=lambda pair: pair[0].time, reverse=True)
        said.sort(key=lambda pair: rank(aspect, pair[0].source))
        (point, value), others = said[0], said[1:]
        losers = tuple((p.source, v) for p, v in others if v != value)
        values.append(_said_by(point, value, slot, losers))
    return values


def _only(point: StoredPoint, as_of: int | None) -> list[AspectValue]:
    if point.value is None or (as_of is not None and point.time > as_of):
        return []
    return [_said_by(point, point.value, point.slot)]


def _said_by(
    point: StoredPoint, value: Json, slot: str, losers: tuple[tuple[Source, Json], ...] = ()
) -> AspectValue:
    return AspectValue(
        value, slot, point.source, point.time, point.fact_id, point.position, point.actor, losers
    )


def timeline(
    aspect: str, points: Sequence[StoredPoint]
) -> list[tuple[int, tuple[AspectValue, ...]]]:
    """What held from each moment on at which something was said, in order of time."""
    return [
        (moment, tuple(resolve(aspect, points, moment)))
        for moment in sorted({point.time for point in points})
    ]
