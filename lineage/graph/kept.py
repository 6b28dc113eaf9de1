"""What was read of a graph, kept for the next question: walks of one estate meet the same again.

Kept is what stands at one position. Where the graph has moved on, what changed since is let go and
the rest stays, so that a write costs the next question what it changed. Rights play no part here:
what is kept is the graph itself, and whoever answers hides afterwards.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Mapping
from typing import Final, TypeVar

from lineage.graph.port import Edge, Node, Spans
from lineage.graph.tables import AXES

__all__ = ["Kept", "Rows", "Way", "Ways"]

K = TypeVar("K")
V = TypeVar("V")

Way = tuple[int, int, int, int]
"""An interval of an edge as a walk meets it: start, until, far end, edge."""
Ways = dict[int, "array[int]"]
"""What leads on, by near end: the members of its ways one behind the other."""

MOST_NODES: Final = 36_000
MOST_EDGES: Final = 100_000
MOST_WAYS: Final = 140_000
"""Of each so much is kept, some 75 MB together; beyond it the older half goes."""
MOST_CHANGED: Final = 1_000
"""Changes that are looked up one by one; where there are more, nothing is kept."""

STANDS: Final = """
SELECT (SELECT value FROM graph_meta WHERE name = 'position'),
       (SELECT value FROM graph_meta WHERE name = 'digest'),
       (SELECT min(position) FROM graph_mark)
"""
NODES_SINCE: Final = "SELECT id, key, label FROM node WHERE changed_at > ? LIMIT ?"
EDGES_SINCE: Final = "SELECT id, src, dst FROM edge WHERE changed_at > ? LIMIT ?"


class Rows:
    """Rows of one moment, by number; those that are not here have not been read.

    Attributes:
        nodes: Nodes that somebody has put.
        numbers: Numbers of such nodes, by key.
        edges: Edges, with keys in place of numbers.
        owners: Keys of owners of edges; not carried on, for a number may pass to another owner.
        ways: Per axis every way that leads on from an end.
        to_models: Of these, those that end at a model.
        met: How many ways and ends have been read.
        spans: Intervals by the text that stands for them: the edges of a job share theirs.
    """

    __slots__ = (
        "digest",
        "edges",
        "met",
        "nodes",
        "numbers",
        "owners",
        "position",
        "spans",
        "to_models",
        "ways",
    )

    def __init__(self, position: int = 0, digest: str = "") -> None:
        """Nothing read yet."""
        self.position = position
        self.digest = digest
        self.nodes: dict[int, Node] = {}
        self.numbers: dict[str, int] = {}
        self.edges: dict[int, Edge] = {}
        self.owners: dict[int, str] = {}
        self.ways: dict[int, Ways] = {axis: {} for axis in AXES.values()}
        self.to_models: dict[int, Ways] = {axis: {} for axis in AXES.values()}
        self.met = 0
        self.spans: dict[str, tuple[Spans, Spans]] = {}

    def keep(self, nodes: Mapping[int, Node]) -> None:
        """Keep nodes by number, but for those that nobody has put: their numbers can pass on."""
        put = {number: node for number, node in nodes.items() if node.label}
        self.nodes.update(put)
        self.numbers.update((node.key, number) for number, node in put.items())

    def full(self) -> bool:
        """Whether there is too much of it."""
        return (
            len(self.numbers) > MOST_NODES or len(self.edges) > MOST_EDGES or self.met > MOST_WAYS
        )

    def newer_half(self) -> Rows:
        """What was read last."""
        half = Rows(self.position, self.digest)
        half.nodes, half.numbers = _newer(self.nodes), _newer(self.numbers)
        half.edges, half.met = _newer(self.edges), self.met // 2
        half.ways = {axis: _newer(ways) for axis, ways in self.ways.items()}
        half.to_models = {axis: _newer(ways) for axis, ways in self.to_models.items()}
        return half


def _newer(rows: dict[K, V]) -> dict[K, V]:
    # One step for other threads, which go on filling it.
    items = list(rows.items())
    return dict(items[len(items) // 2 :])


class Kept:
    """Keeps rows for all connections to one file of a state. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = Rows()

    def at(self, db: sqlite3.Connection) -> Rows:
        """What is kept for the moment that an open transaction reads; to be filled further.

        Rows of a moment are never given to another one: a reader that is behind gets none.
        """
        position, digest, pruned = db.execute(STANDS).fetchone()
        position, digest = int(position or 0), str(digest)
        rows = self._rows
        if rows.position == position and rows.digest == digest and not rows.full():
            return rows
        with self._lock:
            rows = self._rows
            if position < rows.position:
                return Rows(position, digest)
            if rows.position != position or rows.digest != digest:
                fresh = Rows(position, digest)
                # What was dropped and pruned since cannot be asked for any more.
                if rows.position < position and (pruned or 0) <= rows.position:
                    _carry(db, rows, fresh)
                self._rows = rows = fresh
            if rows.full():
                self._rows = rows = rows.newer_half()
            return rows


def _carry(db: sqlite3.Connection, old: Rows, fresh: Rows) -> None:
    """Take over what has not changed."""
    since = (old.position, MOST_CHANGED + 1)
    nodes = db.execute(NODES_SINCE, since).fetchall()
    edges = db.execute(EDGES_SINCE, since).fetchall()
    if len(nodes) + len(edges) > MOST_CHANGED:
        return
    fresh.nodes, fresh.numbers = old.nodes.copy(), old.numbers.copy()
    fresh.edges, fresh.met, fresh.spans = old.edges.copy(), old.met, old.spans
    fresh.ways = {axis: ways.copy() for axis, ways in old.ways.items()}
    if not any(label in ("Model", "") for _, _, label in nodes):
        fresh.to_models = {axis: ways.copy() for axis, ways in old.to_models.items()}
    for number, key, _ in nodes:
        fresh.nodes.pop(number, None)
        fresh.numbers.pop(key, None)
    for number, src, dst in edges:
        fresh.edges.pop(number, None)
        for ways in (*fresh.ways.values(), *fresh.to_models.values()):
            ways.pop(src, None)
            ways.pop(dst, None)
