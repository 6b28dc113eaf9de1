"""Writing into the SQL graph: a row that does not change is not touched.

One ``Writing`` serves one transaction. It keeps the numbers of keys only that long, because a
rollback takes them back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from lineage.errors import Fault
from lineage.graph.port import Edge, EdgeType, GraphDiff, Node, Spans, View
from lineage.graph.rows import (
    decode_spans,
    edge_row,
    encode_props,
    encode_spans,
    format_digest,
    node_row,
    normal_edge,
    normal_node,
    row_hash,
)
from lineage.graph.tables import AXES

__all__ = ["EMPTY_DIGEST", "Writing", "forget_dropped", "load_rows"]

EMPTY_DIGEST: Final = format_digest(0)
VIEWS: Final[tuple[View, View]] = ("structural", "content")

PUT_META: Final = "INSERT OR REPLACE INTO graph_meta(name, value) VALUES (?, ?)"
PUT_MARK: Final = "INSERT OR REPLACE INTO graph_mark(position, digest) VALUES (?, ?)"
GET_NODE: Final = "SELECT id, label, props, live FROM node WHERE key = ?"
ADD_NODE: Final = """
INSERT INTO node(key, label, name, folded, props, changed_at, live) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(key) DO NOTHING
"""
SET_NODE: Final = """
UPDATE node SET label = ?, name = ?, folded = ?, props = ?, changed_at = ?, live = ? WHERE id = ?
"""
GET_EDGE: Final = """
SELECT id, props, spans, live FROM edge
WHERE src = ? AND dst = ? AND type = ? AND owner = ? AND kind = ?
"""
FIND_EDGE: Final = """
SELECT edge.id, src, dst, edge.props, spans FROM edge
WHERE type = ? AND src = (SELECT id FROM node WHERE key = ?)
AND dst = (SELECT id FROM node WHERE key = ?)
AND owner = (SELECT id FROM owner WHERE key = ?) AND kind = ? AND live = 1
"""
ADD_EDGE: Final = """
INSERT INTO edge(type, src, dst, owner, kind, props, spans, changed_at, live)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
ON CONFLICT(src, dst, type, owner, kind) DO NOTHING
"""
SET_EDGE: Final = "UPDATE edge SET props = ?, spans = ?, changed_at = ?, live = ? WHERE id = ?"
ADD_SPAN: Final = "INSERT INTO span(axis, near, start, edge, until, far) VALUES (?, ?, ?, ?, ?, ?)"
DROP_SPAN: Final = "DELETE FROM span WHERE axis = ? AND near = ? AND start = ? AND edge = ?"
COUNT_FEED: Final = "UPDATE node SET feeds = feeds + ? WHERE id IN (?, ?)"

_WAITING: Final = 4_000
"""Rows of spans that wait to be written together, at most."""


_Place = tuple[int, int, int, int]
"""Primary key of a span: axis, near, start, edge."""


class Writing:
    """The changes of one transaction at one position."""

    def __init__(self, connection: sqlite3.Connection, position: int) -> None:
        self._db = connection
        self._position = position
        self._nodes: dict[str, int] = {}
        self._owners: dict[str, int] = {}
        self._delta = 0
        self._ended: list[_Place] = []
        self._begun: dict[_Place, tuple[int, int]] = {}

    def apply(self, diff: GraphDiff) -> None:
        """Drop, then put."""
        for identity in diff.drop_edges:
            self._drop_edge(identity)
        for key in diff.drop_nodes:
            self._drop_node(key)
        for node in diff.put_nodes:
            self.put_node(node)
        for edge in diff.put_edges:
            self.put_edge(edge)

    def clear(self) -> None:
        """Empty every table; the digest starts again."""
        for table in ("node", "owner", "edge", "span", "graph_mark", "graph_meta"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - a closed list

    def finish(self) -> None:
        """Write what waits; record the position and, where something changed, the digest."""
        self._write_spans()
        self._db.execute(PUT_META, ("position", str(self._position)))
        if not self._delta:
            return
        row = self._db.execute("SELECT value FROM graph_meta WHERE name = 'digest'").fetchone()
        digest = format_digest(int(row[0] if row else EMPTY_DIGEST, 16) + self._delta)
        self._db.execute(PUT_META, ("digest", digest))
        self._db.execute(PUT_MARK, (self._position, digest))

    def put_node(self, node: Node) -> None:
        """Insert or replace a node.

        Raises:
            Fault: The key already has another label; labels are fixed at creation.
        """
        node = normal_node(node)
        props = encode_props(node.props)
        name = node.props.get("name", "")
        shown = (node.label, name, name.lower(), props, self._position, 1)
        # Most of what is put is new.
        added = self._db.execute(ADD_NODE, (node.key, *shown))
        if added.rowcount:
            self._nodes[node.key] = added.lastrowid or 0
        else:
            number, label, old, live = self._db.execute(GET_NODE, (node.key,)).fetchone()
            if live:
                if label != node.label:
                    raise Fault(f"a {label} cannot become a {node.label}", where=node.key)
                if old == props:
                    return
                self._delta -= row_hash(node_row(node.key, label, old))
            self._db.execute(SET_NODE, (*shown, number))
        self._delta += row_hash(node_row(node.key, node.label, props))

    def _drop_node(self, key: str) -> None:
        row = self._db.execute(GET_NODE, (key,)).fetchone()
        if row is None or not row[3]:
            return
        self._delta -= row_hash(node_row(key, row[1], row[2]))
        # The tombstone keeps the key alone: a name can be personal data.
        self._db.execute(SET_NODE, ("", "", "", "{}", self._position, 0, row[0]))

    def put_edge(self, edge: Edge) -> None:
        """Insert or replace an edge; nodes it names may come later."""
        edge = normal_edge(edge)
        props, spans = encode_props(edge.props), encode_spans(edge.structural, edge.content)
        src, dst = self._node_id(edge.src), self._node_id(edge.dst)
        owner = self._owner_id(edge.owner)
        before: tuple[Spans, Spans] | None = None
        added = self._db.execute(
            ADD_EDGE, (edge.type, src, dst, owner, edge.kind, props, spans, self._position)
        )
        if added.rowcount:
            number = added.lastrowid or 0
        else:
            place = (src, dst, edge.type, owner, edge.kind)
            number, old_props, old_spans, live = self._db.execute(GET_EDGE, place).fetchone()
            if live and old_props == props and old_spans == spans:
                return
            before = decode_spans(old_spans) if live else None
            if live:
                self._delta -= row_hash(edge_row(edge.id, old_props, old_spans))
            self._db.execute(SET_EDGE, (props, spans, self._position, 1, number))
        self._delta += row_hash(edge_row(edge.id, props, spans))
        if before is None and edge.type == "FEEDS":
            self._db.execute(COUNT_FEED, (1, src, dst))
        self._set_spans(edge.type, (number, src, dst), before, (edge.structural, edge.content))

    def _drop_edge(self, identity: tuple[str, str, str, str, str]) -> None:
        row = self._db.execute(FIND_EDGE, identity).fetchone()
        if row is None:
            return
        number, src, dst, props, spans = row
        type_ = identity[0]
        self._delta -= row_hash(edge_row(identity, props, spans))
        self._db.execute(SET_EDGE, ("{}", "[[],[]]", self._position, 0, number))
        if type_ == "FEEDS":
            self._db.execute(COUNT_FEED, (-1, src, dst))
        self._set_spans(type_, (number, src, dst), decode_spans(spans), ((), ()))

    def _set_spans(
        self,
        type_: str,
        numbers: tuple[int, int, int],
        before: tuple[Spans, Spans] | None,
        after: tuple[Spans, Spans],
    ) -> None:
        if before == after or type_ not in ("FEEDS", "FEEDS_COLUMN"):
            return
        feeds: EdgeType = "FEEDS" if type_ == "FEEDS" else "FEEDS_COLUMN"
        edge, src, dst = numbers
        old, new = before or ((), ()), after
        for number, view in enumerate(VIEWS):
            up, down = AXES[feeds, view, "up"], AXES[feeds, view, "down"]
            for start, _ in set(old[number]).difference(new[number]):
                self._end((up, dst, start, edge))
                self._end((down, src, start, edge))
            for start, until in set(new[number]).difference(old[number]):
                self._begun[up, dst, start, edge] = (until, src)
                self._begun[down, src, start, edge] = (until, dst)
        if len(self._ended) + len(self._begun) > _WAITING:
            self._write_spans()

    def _end(self, place: _Place) -> None:
        if self._begun.pop(place, None) is None:
            self._ended.append(place)

    def _write_spans(self) -> None:
        """Write the spans that wait; what ends goes first, for its place can be taken again."""
        self._db.executemany(DROP_SPAN, self._ended)
        self._db.executemany(ADD_SPAN, [(*place, *rest) for place, rest in self._begun.items()])
        self._ended.clear()
        self._begun.clear()

    def _node_id(self, key: str) -> int:
        number = self._nodes.get(key)
        if number is None:
            row = self._db.execute("SELECT id FROM node WHERE key = ?", (key,)).fetchone()
            if row is None:
                added = self._db.execute(ADD_NODE, (key, "", "", "", "{}", 0, 0))
                number = added.lastrowid or 0
            else:
                number = int(row[0])
            self._nodes[key] = number
        return number

    def _owner_id(self, key: str) -> int:
        number = self._owners.get(key)
        if number is None:
            row = self._db.execute("SELECT id FROM owner WHERE key = ?", (key,)).fetchone()
            if row is None:
                number = self._db.execute("INSERT INTO owner(key) VALUES (?)", (key,)).lastrowid
            else:
                number = int(row[0])
            self._owners[key] = number = number or 0
        return number


def forget_dropped(connection: sqlite3.Connection, upto: int) -> int:
    """Delete tombstones of a position or before, and what only they referred to.

    Returns:
        How many edges and nodes went.
    """
    owners = set(
        connection.execute(
            "SELECT owner FROM edge INDEXED BY edge_dropped WHERE live = 0 AND changed_at <= ?",
            (upto,),
        )
    )
    edges = connection.execute("DELETE FROM edge WHERE live = 0 AND changed_at <= ?", (upto,))
    nodes = connection.execute(
        """
        DELETE FROM node WHERE live = 0 AND changed_at <= ?
        AND NOT EXISTS (SELECT 1 FROM edge WHERE edge.src = node.id)
        AND NOT EXISTS (SELECT 1 FROM edge WHERE edge.dst = node.id)
        """,
        (upto,),
    )
    connection.executemany(
        "DELETE FROM owner WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM edge WHERE owner = ?1)",
        owners,
    )
    connection.execute(
        """
        DELETE FROM graph_mark WHERE position <
        (SELECT max(position) FROM graph_mark WHERE position <= ?)
        """,
        (upto,),
    )
    return edges.rowcount + nodes.rowcount


def load_rows(writing: Writing, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
    """Fill emptied tables."""
    writing.clear()
    for node in nodes:
        writing.put_node(node)
    for edge in edges:
        writing.put_edge(edge)
