"""Which jobs work on a dataset, and which datasets a job works on."""

from __future__ import annotations

from typing import Final

from lineage.graph.port import EdgeType, Node
from lineage.trace.names import reference_text
from tracehold.ui.asked import Asked
from tracehold.ui.marks import Cell, Section, link, mark, section

__all__ = ["touching"]

_READING: Final = frozenset({"Reads", "Read by"})


def touching(asked: Asked, node: Node, heading: str) -> Section:
    """What stands on the other side of reading or writing, now or before.

    Args:
        asked: The request.
        node: A job or a dataset.
        heading: ``Reads`` or ``Writes`` of a job, ``Read by`` or ``Written by`` of a dataset.
    """
    graph, now = asked.services.state.graph, asked.services.clock()
    edge_type: EdgeType = "READ" if heading in _READING else "WROTE"
    current: dict[str, bool] = {}
    for edge in graph.neighbors(node.key, edge_types=(edge_type,)):
        other = edge.dst if edge.src == node.key else edge.src
        current[other] = current.get(other, False) or edge.holds_at("structural", now)
    nodes = asked.services.state.nodes(list(current))
    order = sorted((not current[key], reference_text(one, key), key) for key, one in nodes.items())
    rows: list[list[Cell]] = [
        [link(nodes[key].label, key, name), mark("before") if past else mark("now", "good")]
        for past, name, key in order
    ]
    return section(heading, ["Name", "When"], rows)
