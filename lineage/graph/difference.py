"""What must be written into a graph so that it equals the SQL graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lineage.graph.pages import Stored
from lineage.graph.port import Edge, GraphDiff, Node
from lineage.graph.rows import row_of_edge, row_of_node

__all__ = ["difference"]


def difference(wanted: Stored, nodes: Sequence[Node], edges: Sequence[Edge]) -> GraphDiff:
    """The diff that makes a part of a graph what it should be.

    Args:
        wanted: What should be there.
        nodes: What is there.
        edges: What is there. What stands twice, or bears another label, is dropped and put again.
    """
    labels = {node.key: node.label for node in nodes}
    right_nodes = {n.key for n in nodes if row_of_node(n) == wanted.node_row(n.key)}
    times = Counter(edge.id for edge in edges)
    right_edges = {
        e.id for e in edges if times[e.id] == 1 and row_of_edge(e) == wanted.edge_row(e.id)
    }
    put_nodes = [wanted.node(key) for key in wanted.nodes if key not in right_nodes]
    relabeled = [n.key for n in put_nodes if labels.get(n.key, n.label) != n.label]
    return GraphDiff(
        put_nodes=put_nodes,
        put_edges=[wanted.edge(one) for one in wanted.edges if one not in right_edges],
        drop_nodes=[*relabeled, *(key for key in labels if key not in wanted.nodes)],
        drop_edges=[one for one in times if times[one] > 1 or one not in wanted.edges],
    )
