"""How much of the estate has lineage, an owner and a retention class."""

from __future__ import annotations

from lineage.graph.router import Engine
from lineage.state.port import StateReader
from lineage.trace.model import Coverage

__all__ = ["estate_coverage"]


def estate_coverage(engine: Engine, state: StateReader) -> Coverage:
    """Counts over all datasets; the same for every question at one position of the state."""
    datasets = state.count("Dataset")

    def without(having: int) -> int:
        return max(datasets - having, 0)

    return Coverage(
        datasets=datasets,
        without_lineage=without(engine.count_linked("Dataset")),
        without_owner=without(_having(engine, state, "ownership")),
        without_class=without(_having(engine, state, "retention")),
    )


def _having(engine: Engine, state: StateReader, aspect: str) -> int:
    nodes = engine.nodes(list(state.with_aspect(aspect)))
    return sum(node.label == "Dataset" for node in nodes.values())
