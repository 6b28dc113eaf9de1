"""What must be written into one graph so that it equals another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lineage.graph.port import Edge, GraphDiff, Node
from lineage.graph.rows import edge_row, encode_props, encode_spans, node_row

__all__ = ["difference"]

Rows = tuple[Sequence[Node], Sequence[Edge]]


def difference(wanted: Rows, found: Rows) -> GraphDiff:
    """The diff that makes ``found`` the same as ``wanted``; both in normal form.

    What stands twice, or under another label, is dropped and put again.
    """
    nodes, edges = wanted
    have_nodes = {node.key: _node(node) for node in found[0]}
    have_edges = {edge.id: _edge(edge) for edge in found[1]}
    twice = {one for one, times in Counter(edge.id for edge in found[1]).items() if times > 1}
    labels = {node.key: node.label for node in found[0]}
    put_nodes = [node for node in nodes if have_nodes.get(node.key) != _node(node)]
    keys, ids = {node.key for node in nodes}, {edge.id for edge in edges}
    relabeled = [n.key for n in put_nodes if labels.get(n.key, n.label) != n.label]
    return GraphDiff(
        put_nodes=put_nodes,
        put_edges=[e for e in edges if e.id in twice or have_edges.get(e.id) != _edge(e)],
        drop_nodes=[*relabeled, *(key for key in have_nodes if key not in keys)],
        drop_edges=[one for one in have_edges if one in twice or one not in ids],
    )


def _node(node: Node) -> bytes:
    return node_row(node.key, node.label, encode_props(node.props))


def _edge(edge: Edge) -> bytes:
    spans = encode_spans(edge.structural, edge.content)
    return edge_row(edge.id, encode_props(edge.props), spans)
