"""What one write of Neo4j sends: statements with the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, Final, TypeVar, cast

from lineage.graph import cypher
from lineage.graph.port import Edge, EdgeType, GraphDiff, Node
from lineage.graph.rows import encode_props, encode_spans, normal_edge, normal_node
from lineage.identity import Label

__all__ = ["BATCH", "batches", "statements_of_diff", "statements_of_rows"]

T = TypeVar("T")

BATCH: Final = 5_000
"""Rows per ``UNWIND``."""

Statements = list[tuple[str, dict[str, Any]]]


def statements_of_diff(diff: GraphDiff) -> Statements:
    """Drop, then put, then remove the placeholders that nothing names any more."""
    statements: Statements = []
    for type_, some in groupby(sorted(diff.drop_edges), key=lambda identity: identity[0]):
        names = ("type", "src", "dst", "owner", "kind")
        rows = (dict(zip(names, identity, strict=True)) for identity in some)
        drop = cypher.DROP_EDGES.get(cast("EdgeType", type_), cypher.DROP_STRANGE)
        statements += [(drop, {"rows": batch}) for batch in batches(rows)]
    statements += [(cypher.DROP_NODES, {"keys": keys}) for keys in batches(diff.drop_nodes)]
    statements += statements_of_rows(
        diff.put_nodes, diff.put_edges, cypher.PUT_NODES, cypher.PUT_EDGES
    )
    left = {*diff.drop_nodes, *(key for _, src, dst, *_ in diff.drop_edges for key in (src, dst))}
    statements += [(cypher.DROP_PLACEHOLDERS, {"keys": keys}) for keys in batches(sorted(left))]
    return statements


def statements_of_rows(
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    node_statements: Mapping[Label, str],
    edge_statements: Mapping[EdgeType, str],
) -> Statements:
    """Nodes by label, then edges by type."""
    statements: Statements = []
    for label, group in groupby(sorted(nodes, key=lambda n: n.label), key=lambda n: n.label):
        for batch in batches(group):
            rows = [cypher.node_params(normal_node(node)) for node in batch]
            statements.append((node_statements[label], {"rows": rows}))
    for type_, some in groupby(sorted(edges, key=lambda e: e.type), key=lambda e: e.type):
        for those in batches(some):
            statements.append((edge_statements[type_], {"rows": _alike(those)}))
    return statements


def _alike(edges: Iterable[Edge]) -> list[dict[str, Any]]:
    """Edges with equal properties as one row: those of a job mostly are, and so travel once."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for edge in map(normal_edge, edges):
        same = (
            edge.owner,
            edge.kind,
            encode_props(edge.props),
            encode_spans(edge.structural, edge.content),
        )
        row = rows.get(same)
        if row is None:
            row = rows[same] = {"props": cypher.edge_params(edge), "pairs": []}
        row["pairs"].append((edge.src, edge.dst))
    return list(rows.values())


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in lists of at most ``BATCH``."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
