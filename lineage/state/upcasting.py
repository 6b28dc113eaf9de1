"""Upcasting on read: a fact of an older version, told as today's version of its kind. Pure.

What is stored never changes; a version that was ever released stays readable. How to add one:
docs/reference/facts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from lineage.errors import Fault
from lineage.facts import Fact, Json, Upcast

__all__ = ["Older", "current", "older_kinds"]

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Older:
    """The way from an older version to today's.

    Attributes:
        kind: Today's kind.
        steps: From version to version, in order.
    """

    kind: str
    steps: tuple[Callable[[Json], Json], ...]


def older_kinds(kind: str, older: Sequence[Upcast]) -> dict[str, Older]:
    """The way to ``kind`` from every older version; ``older`` begins with the oldest.

    Raises:
        Fault: A version is declared twice, or leads to itself.
    """
    names = [step.kind for step in older]
    if len({kind, *names}) != len(names) + 1:
        raise Fault(f"an older version of {kind} is declared twice")
    steps = tuple(step.body for step in older)
    return {name: Older(kind, steps[number:]) for number, name in enumerate(names)}


def current(fact: Fact, older: Older) -> Fact:
    """The fact as today's version says it. Without a body only its kind changes.

    Raises:
        ValueError: The body is not what its kind has.
    """
    if fact.body is None:
        return replace(fact, kind=older.kind)
    body = msgspec.json.decode(fact.body)
    for step in older.steps:
        try:
            body = step(body)
        except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
            raise ValueError("the body does not fit its kind") from error
    return replace(fact, kind=older.kind, body=_encode(body))
