"""The SQL graph in pieces, each read in a moment of its own: what a mirror fills itself from.

No piece keeps a transaction open behind it, so that the write-ahead log of the state can be folded
back meanwhile. Pieces are of different moments therefore; whoever reads them all then asks for what
has changed since the first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lineage.graph.port import Edge, Node
from lineage.graph.rows import decode_props, edge_row, node_row
from lineage.graph.sql_read import COLUMNS, JOINS, edge_of_row
from lineage.identity import Label

__all__ = ["Pages", "Stored"]

NODES: Final = """
SELECT id, key, label, props FROM node WHERE live = 1 AND id > ? AND id <= ? ORDER BY id LIMIT ?
"""
EDGES: Final = f"""
SELECT e.id, {COLUMNS} FROM edge AS e {JOINS}
WHERE e.live = 1 AND e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?
"""  # noqa: S608
NODES_BETWEEN: Final = """
SELECT key, label, props FROM node WHERE live = 1 AND key >= ? AND key < ?
"""
EDGES_BETWEEN: Final = f"""
SELECT {COLUMNS} FROM node AS s CROSS JOIN edge AS e ON e.src = s.id AND e.live = 1
JOIN node AS d ON d.id = e.dst JOIN owner AS o ON o.id = e.owner
WHERE s.key >= ? AND s.key < ?
"""  # noqa: S608
KEY_FURTHER_ON: Final = "SELECT key FROM node WHERE key >= ? ORDER BY key LIMIT 1 OFFSET ?"
BEYOND: Final = "\U0010ffff"
"""Behind every key."""


class Pages:
    """Reads the graph of a connection piece by piece."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def count(self) -> int:
        """How many nodes and edges there are, about."""
        sql = "SELECT (SELECT count(*) FROM node) + (SELECT count(*) FROM edge)"
        return int(self._db.execute(sql).fetchone()[0])

    def nodes(self, size: int) -> Iterator[list[Node]]:
        """Every node that was there at the start, at most ``size`` at once."""
        last, end = 0, self._greatest("node")
        while rows := self._db.execute(NODES, (last, end, size)).fetchall():
            yield [Node(key, label, decode_props(props)) for _, key, label, props in rows]
            last = rows[-1][0]

    def edges(self, size: int) -> Iterator[list[Edge]]:
        """Every edge that was there at the start, at most ``size`` at once."""
        last, end = 0, self._greatest("edge")
        while rows := self._db.execute(EDGES, (last, end, size)).fetchall():
            yield [edge_of_row(row[1:]) for row in rows]
            last = rows[-1][0]

    def _greatest(self, table: Literal["node", "edge"]) -> int:
        # Where it ends is fixed at the start, or whoever writes faster than we read keeps us here.
        sql = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608 - one of two words
        return int(self._db.execute(sql).fetchone()[0])

    def ranges(self, size: int) -> Iterator[tuple[str, str]]:
        """Ranges ``[low, high)`` of keys, of about ``size`` nodes each; together they hold all."""
        low = ""
        while row := self._db.execute(KEY_FURTHER_ON, (low, size)).fetchone():
            yield low, row[0]
            low = row[0]
        yield low, BEYOND

    def between(self, low: str, high: str) -> Stored:
        """The nodes whose keys lie in ``[low, high)``, and the edges that begin there."""
        nodes = self._db.execute(NODES_BETWEEN, (low, high)).fetchall()
        edges = self._db.execute(EDGES_BETWEEN, (low, high)).fetchall()
        return Stored({row[0]: row for row in nodes}, {row[:5]: row for row in edges})


@dataclass(frozen=True, slots=True)
class Stored:
    """Nodes by key and edges by identity as they are stored, texts not decoded yet."""

    nodes: Mapping[str, tuple[str, Label, str]]
    edges: Mapping[tuple[str, str, str, str, str], tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.nodes) + len(self.edges)

    def node_row(self, key: str) -> bytes | None:
        """The bytes of a node; None where there is none."""
        stored = self.nodes.get(key)
        return None if stored is None else node_row(*stored)

    def edge_row(self, identity: tuple[str, str, str, str, str]) -> bytes | None:
        """The bytes of an edge; None where there is none."""
        stored = self.edges.get(identity)
        return None if stored is None else edge_row(identity, stored[5], stored[6])

    def node(self, key: str) -> Node:
        """A node."""
        _, label, props = self.nodes[key]
        return Node(key, label, decode_props(props))

    def edge(self, identity: tuple[str, str, str, str, str]) -> Edge:
        """An edge."""
        return edge_of_row(self.edges[identity])
