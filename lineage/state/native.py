"""Native facts: from a fact of a package to points. What cannot be folded is named, never lost."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lineage.errors import TraceholdError
from lineage.facts import Fact, FoldContext, Point
from lineage.state.registry import Registry

__all__ = ["Stuck", "points_of"]


_FAILURES = (
    TraceholdError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why a fact stands outside the state."""

    cause: str


def points_of(fact: Fact, registry: Registry, context: FoldContext) -> list[Point] | Stuck:
    """The points that a native fact leaves, or the cause why there are none."""
    kind = registry.facts.get(fact.kind)
    if kind is None:
        return Stuck("unknown kind")
    try:
        body = msgspec.json.decode(fact.body or b"", type=kind.body)
    except msgspec.DecodeError:
        return Stuck("body does not fit its kind")
    try:
        return list(kind.points(fact, body, context))
    except _FAILURES as error:
        return Stuck(f"the fold of its kind failed: {type(error).__name__}")
