"""Which decisions on record are stale, by what stands beside them in the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineage.state.port import AspectValue

__all__ = ["stale_decisions"]


def stale_decisions(aspects: Mapping[str, Sequence[AspectValue]]) -> list[str]:
    """The questions whose newest decision is stale, sorted.

    Args:
        aspects: ``verdict`` and ``stale`` of one thing, read as of the same moment.
    """
    newest = {value.slot: value.fact_id for value in aspects.get("verdict", ())}
    return sorted(
        value.slot
        for value in aspects.get("stale", ())
        if (value.value["then"] or value.value["now"])
        and newest.get(value.slot, value.value["decision"]) == value.value["decision"]
    )
