"""Writing into the SQL graph: a row that does not change is not touched.

One ``Writing`` serves one transaction. It keeps the numbers of keys only that long, because a
rollback takes them back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, TypeVar

from lineage.errors import Fault
from lineage.facts import Json
from lineage.graph.port import Edge, EdgeType, GraphDiff, Node, Spans, View
from lineage.graph.rows import (
    decode_spans,
    edge_props,
    edge_row,
    encode_props,
    encode_spans,
    format_digest,
    listed,
    node_row,
    normal_node,
    normal_spans,
    plain,
    row_hash,
)
from lineage.graph.tables import AXES

__all__ = ["EMPTY_DIGEST", "Writing", "forget_dropped", "load_rows"]

T = TypeVar("T")

EMPTY_DIGEST: Final = format_digest(0)
_VIEWS: Final[tuple[View, View]] = ("structural", "content")
_FEEDING: Final[tuple[EdgeType, EdgeType]] = ("FEEDS", "FEEDS_COLUMN")
_SPANNED: Final[Mapping[str, Sequence[tuple[int, int]]]] = {
    type_: [(AXES[type_, view, "up"], AXES[type_, view, "down"]) for view in _VIEWS]
    for type_ in _FEEDING
}
"""Axes up and down, per type of edge that is walked and per view."""

PUT_META: Final = "INSERT OR REPLACE INTO graph_meta(name, value) VALUES (?, ?)"
PUT_MARK: Final = "INSERT OR REPLACE INTO graph_mark(position, digest) VALUES (?, ?)"
GET_NODE: Final = "SELECT id, label, props, live FROM node WHERE key = ?"
GET_NODES: Final = """
SELECT key, id, label, props, live FROM node WHERE key IN (SELECT value FROM json_each(?))
"""
GET_NUMBERS: Final = "SELECT key, id FROM node WHERE key IN (SELECT value FROM json_each(?))"
ADD_NODE: Final = """
INSERT INTO node(id, key, label, name, folded, props, changed_at, live)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
SET_NODE: Final = """
UPDATE node SET label = ?, name = ?, folded = ?, props = ?, changed_at = ?, live = ? WHERE id = ?
"""
GET_EDGE: Final = """
SELECT id, props, spans, live FROM edge
WHERE type = ? AND src = ? AND dst = ? AND owner = ? AND kind = ?
"""
FIND_EDGE: Final = """
SELECT edge.id, src, dst, edge.props, spans FROM edge
WHERE type = ? AND src = (SELECT id FROM node WHERE key = ?)
AND dst = (SELECT id FROM node WHERE key = ?)
AND owner = (SELECT id FROM owner WHERE key = ?) AND kind = ? AND live = 1
"""
ADD_EDGE: Final = """
INSERT INTO edge(id, type, src, dst, owner, kind, props, spans, changed_at, live)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
"""
SET_EDGE: Final = "UPDATE edge SET props = ?, spans = ?, changed_at = ?, live = ? WHERE id = ?"
ADD_SPAN: Final = "INSERT INTO span(axis, near, start, edge, until, far) VALUES (?, ?, ?, ?, ?, ?)"
DROP_SPAN: Final = "DELETE FROM span WHERE axis = ? AND near = ? AND start = ? AND edge = ?"
COUNT_FEED: Final = "UPDATE node SET feeds = feeds + ? WHERE id = ?"

_WAITING: Final = 4_000
"""Rows of spans that wait to be written together, at most."""
_TOGETHER: Final = 500
"""Nodes or edges that are looked up and written together."""

_NEVER: Final = 1 << 62

_Place = tuple[int, int, int, int]
"""Primary key of a span: axis, near, start, edge."""


class Writing:
    """The changes of one transaction at one position."""

    def __init__(self, connection: sqlite3.Connection, position: int) -> None:
        self._db = connection
        self._position = position
        self._nodes: dict[str, int] = {}
        self._owners: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._born = _NEVER
        self._feeds: dict[int, int] = {}
        self._props: dict[int, tuple[Mapping[str, Json], str]] = {}
        self._delta = 0
        self._ended: list[_Place] = []
        self._begun: dict[_Place, tuple[int, int]] = {}

    def apply(self, diff: GraphDiff) -> None:
        """Drop, then put; of one thing that is put twice the last counts."""
        for identity in diff.drop_edges:
            self._drop_edge(identity)
        for key in diff.drop_nodes:
            self._drop_node(key)
        self.put(diff.put_nodes, {edge.id: edge for edge in diff.put_edges}.values())

    def put(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Insert or replace nodes, then edges, each edge once; nodes that they name may come later.

        Raises:
            Fault: A key already has another label; labels are fixed at creation.
        """
        for some in _cut(nodes):
            self._put_nodes({node.key: normal_node(node) for node in some})
        for few in _cut(edges):
            self._put_edges(few)

    def clear(self) -> None:
        """Empty every table; the digest starts again."""
        for table in ("node", "owner", "edge", "span", "graph_mark", "graph_meta"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - a closed list

    def finish(self) -> None:
        """Write what waits; record the position and, where something changed, the digest."""
        self._write_spans()
        counts = sorted((number, more) for number, more in self._feeds.items() if more)
        self._db.executemany(COUNT_FEED, [(more, number) for number, more in counts])
        self._feeds.clear()
        self._db.execute(PUT_META, ("position", str(self._position)))
        if not self._delta:
            return
        row = self._db.execute("SELECT value FROM graph_meta WHERE name = 'digest'").fetchone()
        digest = format_digest(int(row[0] if row else EMPTY_DIGEST, 16) + self._delta)
        self._db.execute(PUT_META, ("digest", digest))
        self._db.execute(PUT_MARK, (self._position, digest))

    def _put_nodes(self, nodes: Mapping[str, Node]) -> None:
        rows = self._db.execute(GET_NODES, (listed(list(nodes)),))
        held = {row[0]: row[1:] for row in rows}
        added, changed = [], []
        for key, node in nodes.items():
            props = encode_props(node.props)
            name = node.props.get("name", "")
            shown = (node.label, name, name.lower(), props, self._position, 1)
            number, label, old, live = held.get(key, (0, "", "", 0))
            self._nodes[key] = number
            if live:
                if label != node.label:
                    raise Fault(f"a {label} cannot become a {node.label}", where=key)
                if old == props:
                    continue
                self._delta -= row_hash(node_row(key, label, old))
            if number:
                changed.append((*shown, number))
            else:
                added.append((self._new_node(key), key, *shown))
            self._delta += row_hash(node_row(key, node.label, props))
        self._db.executemany(ADD_NODE, added)
        self._db.executemany(SET_NODE, changed)

    def _drop_node(self, key: str) -> None:
        row = self._db.execute(GET_NODE, (key,)).fetchone()
        if row is None or not row[3]:
            return
        self._delta -= row_hash(node_row(key, row[1], row[2]))
        # The tombstone keeps the key alone: a name can be personal data.
        self._db.execute(SET_NODE, ("", "", "", "{}", self._position, 0, row[0]))

    def _put_edges(self, edges: Sequence[Edge]) -> None:
        self._number({key for edge in edges for key in (edge.src, edge.dst)})
        added = []
        for edge in edges:
            props = self._text(edge.props)
            structural, content = normal_spans(edge.structural), normal_spans(edge.content)
            spans = encode_spans(structural, content)
            src, dst = self._nodes[edge.src], self._nodes[edge.dst]
            owner, kind = plain(edge.owner), plain(edge.kind)
            identity = (edge.type, edge.src, edge.dst, owner, kind)
            place = (edge.type, src, dst, self._owner_id(owner), kind)
            row = None
            if max(src, dst) < self._born:
                row = self._db.execute(GET_EDGE, place).fetchone()
            before: tuple[Spans, Spans] | None = None
            if row is None:
                number = self._free("edge")
                added.append((number, *place, props, spans, self._position))
            else:
                number, old_props, old_spans, live = row
                if live and old_props == props and old_spans == spans:
                    continue
                before = decode_spans(old_spans) if live else None
                if live:
                    self._delta -= row_hash(edge_row(identity, old_props, old_spans))
                self._db.execute(SET_EDGE, (props, spans, self._position, 1, number))
            self._delta += row_hash(edge_row(identity, props, spans))
            if before is None and edge.type == "FEEDS":
                self._count(src, dst, 1)
            self._set_spans(edge.type, (number, src, dst), before, (structural, content))
        self._db.executemany(ADD_EDGE, added)

    def _text(self, props: Mapping[str, Json]) -> str:
        """Properties as they are stored; most edges of one output share theirs."""
        known = self._props.get(id(props))
        if known is None:
            known = self._props[id(props)] = (props, edge_props(props))
        return known[1]

    def _drop_edge(self, identity: tuple[str, str, str, str, str]) -> None:
        row = self._db.execute(FIND_EDGE, identity).fetchone()
        if row is None:
            return
        number, src, dst, props, spans = row
        type_ = identity[0]
        self._delta -= row_hash(edge_row(identity, props, spans))
        self._db.execute(SET_EDGE, ("{}", "[[],[]]", self._position, 0, number))
        if type_ == "FEEDS":
            self._count(src, dst, -1)
        self._set_spans(type_, (number, src, dst), decode_spans(spans), ((), ()))

    def _set_spans(
        self,
        type_: str,
        numbers: tuple[int, int, int],
        before: tuple[Spans, Spans] | None,
        after: tuple[Spans, Spans],
    ) -> None:
        axes = _SPANNED.get(type_)
        if before == after or axes is None:
            return
        edge, src, dst = numbers
        old, new = before or ((), ()), after
        for number, (up, down) in enumerate(axes):
            for start, _ in set(old[number]).difference(new[number]) if old[number] else ():
                self._end((up, dst, start, edge))
                self._end((down, src, start, edge))
            # Most edges are new.
            begun = set(new[number]).difference(old[number]) if old[number] else new[number]
            for start, until in begun:
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

    def _count(self, src: int, dst: int, more: int) -> None:
        for number in {src, dst}:
            self._feeds[number] = self._feeds.get(number, 0) + more

    def _number(self, keys: Iterable[str]) -> None:
        """Know the numbers of these keys; one that nobody has put yet gets a row of its own."""
        unknown = sorted(key for key in keys if key not in self._nodes)
        if not unknown:
            return
        self._nodes.update(self._db.execute(GET_NUMBERS, (listed(unknown),)))
        self._db.executemany(
            ADD_NODE,
            [
                (self._new_node(key), key, "", "", "", "{}", 0, 0)
                for key in unknown
                if key not in self._nodes
            ],
        )

    def _new_node(self, key: str) -> int:
        number = self._nodes[key] = self._free("node")
        self._born = min(self._born, number)
        return number

    def _free(self, table: str) -> int:
        """The next number of a table; nobody else writes meanwhile."""
        number = self._next.get(table)
        if number is None:
            greatest = f"SELECT coalesce(max(id), 0) + 1 FROM {table}"  # noqa: S608 - two tables
            (number,) = self._db.execute(greatest).fetchone()
        self._next[table] = number + 1
        return int(number)

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
    writing.put(nodes, edges)


def _cut(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, _TOGETHER)):
        yield some
