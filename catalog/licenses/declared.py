"""Which license holds for a thing, by what the state says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lineage.facts import Json
from lineage.state.port import AspectValue

__all__ = ["Held", "held_license"]


@dataclass(frozen=True, slots=True)
class Held:
    """The license of one thing.

    Attributes:
        expression: SPDX license expression.
        basis: ``concluded`` by review beats ``declared`` by the supplier (REQ-16).
        attribution: The credit line asked for, or empty.
        disputed: Other expressions that sources of lower precedence say, sorted.
        facts: Ids of the facts that say so, sorted.
    """

    expression: str
    basis: Literal["concluded", "declared"]
    attribution: str
    disputed: tuple[str, ...]
    facts: tuple[str, ...]


def held_license(values: Sequence[AspectValue]) -> Held | None:
    """The license that holds, from all values of the aspect ``license`` of all aliases.

    Where aliases of one thing declare different licenses, all of them hold: the expressions are
    joined by ``AND``, the stricter reading.
    """
    for basis in ("concluded", "declared"):
        said = [v for v in values if _text(v.value, basis)]
        if not said:
            continue
        expressions = sorted({_text(v.value, basis) for v in said})
        others = {
            _text(lost, basis) for value in said for _, lost in value.losers if _text(lost, basis)
        }
        return Held(
            expression=_joined(expressions),
            basis="concluded" if basis == "concluded" else "declared",
            attribution=next(filter(None, (_text(v.value, "attribution") for v in said)), ""),
            disputed=tuple(sorted(others - set(expressions))),
            facts=tuple(sorted({v.fact_id for v in said})),
        )
    return None


def _joined(expressions: Sequence[str]) -> str:
    if len(expressions) == 1:
        return expressions[0]
    return " AND ".join(f"({one})" for one in expressions)


def _text(value: Json, name: str) -> str:
    said = value.get(name) if isinstance(value, dict) else None
    return said.strip() if isinstance(said, str) else ""
