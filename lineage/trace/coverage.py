"""How much of the estate has lineage, an owner and a retention class."""

from __future__ import annotations

import threading

from lineage.graph.router import Engine
from lineage.state.port import StateReader
from lineage.trace.model import Coverage

__all__ = ["KeptCoverage", "estate_coverage"]


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


class KeptCoverage:
    """The coverage at the newest position asked about; counting costs as much as the estate holds.

    Safe to share between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[int, Coverage] | None = None

    def at(self, engine: Engine, state: StateReader) -> Coverage:
        """The coverage now, counted anew where the state has moved on."""
        with self._lock:
            position = state.position()
            if self._kept is None or self._kept[0] != position:
                self._kept = (position, estate_coverage(engine, state))
            return self._kept[1]


def _having(engine: Engine, state: StateReader, aspect: str) -> int:
    nodes = engine.nodes(list(state.with_aspect(aspect)))
    return sum(node.label == "Dataset" for node in nodes.values())
