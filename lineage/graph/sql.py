"""The SQL engine: the embedded default, and the oracle that Neo4j is checked against.

The graph lives in the file of the state, so the fold writes both in one transaction. Reading takes
a snapshot of its own; one object serves one thread at a time, like its connection.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from lineage.graph.kept import Kept, Rows
from lineage.graph.moment import NODES_OF_KEYS, Moment
from lineage.graph.pages import Pages
from lineage.graph.port import (
    Closure,
    Direction,
    Edge,
    EdgeType,
    GraphDiff,
    Limits,
    Node,
    View,
)
from lineage.graph.rows import (
    edge_row,
    format_digest,
    listed,
    node_row,
    row_hash,
)
from lineage.graph.sql_read import (
    EDGES_CHANGED,
    EDGES_INTO,
    EDGES_OF_OWNER,
    EDGES_TO_MODELS,
    EDGES_TOUCHING,
    EVERY_EDGE,
    cut_batch,
    edge_of_row,
    node_of_row,
)
from lineage.graph.sql_write import EMPTY_DIGEST, Writing, forget_dropped, load_rows
from lineage.graph.tables import AXES, create_tables
from lineage.graph.walk import Deadline, OutOfTime, walk
from lineage.identity import Label

__all__ = ["SqlGraph", "create_tables"]

PAGE: Final = """
SELECT key, label, props FROM node
WHERE live = 1 AND label = ?1 AND (?2 = '' OR instr(folded, ?2)) {narrower}
ORDER BY name, key LIMIT ?4
"""
BEHIND: Final = "AND (name, key) > (SELECT name, key FROM node WHERE key = ?3)"
LISTED: Final = "AND label IN ('Dataset', 'Job', 'Model')"
"""The condition of ``node_by_text``, which is taken only where a statement repeats it."""
COUNT: Final = "SELECT count(*) FROM node WHERE live = 1 AND label = ?"
COUNT_LINKED: Final = "SELECT count(*) FROM node WHERE live = 1 AND feeds > 0 AND label = ?"
MARK: Final = """
SELECT digest FROM graph_mark WHERE position <= ? ORDER BY position DESC LIMIT 1
"""
NODES_CHANGED: Final = """
SELECT changed_at, live, key, label, props FROM node
WHERE changed_at BETWEEN ? AND ? ORDER BY changed_at LIMIT ?
"""
EVERY_NODE: Final = "SELECT key, label, props FROM node WHERE live = 1"

FEW_KEYS: Final = 3
"""So many nodes are read as fast as looked for among what is kept."""
STEPS: Final = 10_000
"""Virtual machine steps of SQLite between two looks at the clock."""


class Ending(Protocol):
    """Says when work must end."""

    def passed(self) -> bool:
        """Whether it must end now."""
        ...


@dataclass(frozen=True, slots=True)
class _Both:
    outer: Ending
    inner: Ending

    def passed(self) -> bool:
        return self.inner.passed() or self.outer.passed()


class SqlGraph:
    """A graph in SQLite; see ``lineage.graph.port`` for what the methods promise."""

    name = "sql"

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        kept: Kept | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """A graph on a connection.

        Args:
            connection: An open database in which ``create_tables`` has run.
            kept: What connections that only read this file have read of it; None to keep nothing.
            monotonic: Clock for limits of time, in seconds.
        """
        self._db = connection
        self._kept = kept
        self._monotonic = monotonic
        self._deadline: Ending | None = None

    # Reading

    def closure(
        self,
        starts: Sequence[str],
        direction: Direction,
        *,
        edge_type: Literal["FEEDS", "FEEDS_COLUMN"],
        view: View,
        as_of: int,
        limits: Limits,
    ) -> Closure:
        """Nodes reached from ``starts`` along ``edge_type``, and the edges among them."""
        axis = AXES[edge_type, view, direction]
        deadline = Deadline(limits.seconds, self._monotonic, limits.stopped)
        with self._moment() as moment:

            def expand(level: Sequence[int], most: int) -> list[tuple[int, int]]:
                with self.within(deadline):
                    return moment.level(level, axis, view, as_of, most)

            numbers = moment.numbers(starts)
            # Keys that nobody knows take part with numbers that have no spans.
            unknown = {key: -n for n, key in enumerate(starts, 1) if key not in numbers}
            names = {number: key for key, number in (numbers | unknown).items()}

            def by_key(numbers: Collection[int]) -> list[int]:
                names.update(moment.keys([n for n in numbers if n not in names]))
                return sorted(numbers, key=names.__getitem__)

            walked = walk(names, expand, limits=limits, deadline=deadline, order=by_key)
            nodes = moment.nodes([n for n in walked.depths if n > 0])
            names.update((number, node.key) for number, node in nodes.items())
            return Closure(
                depths={names[number]: depth for number, depth in walked.depths.items()},
                edges=moment.edges(walked.payloads, names),
                truncated=tuple(walked.truncated),
                nodes={node.key: node for node in nodes.values() if node.label},
            )

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The nodes of the keys that exist."""
        if len(keys) <= FEW_KEYS:
            rows = self._db.execute(NODES_OF_KEYS, (listed(keys),))
            return {row[1]: node_of_row(row[1:]) for row in rows}
        with self._moment() as moment:
            return moment.nodes_of(keys)

    def neighbors(
        self, key: str, *, edge_types: Sequence[EdgeType] = (), limit: int = 1000
    ) -> Sequence[Edge]:
        """Edges that touch a node, both directions; all types where none is named."""
        rows = self._db.execute(EDGES_TOUCHING, (key, listed(edge_types), limit)).fetchall()
        return [edge_of_row(row) for row in rows]

    def find(self, label: Label, text: str = "", *, limit: int = 100) -> Sequence[Node]:
        """Nodes of a label whose name contains the text, case aside, ordered by name then key."""
        return self.list_nodes(label, text=text, limit=limit)

    def list_nodes(
        self, label: Label, *, text: str = "", after: str = "", limit: int = 100
    ) -> list[Node]:
        """Like ``find``, page by page; ``after`` is the last key seen."""
        narrower = LISTED if f"'{label}'" in LISTED else ""
        if after:
            narrower += f" {BEHIND}"
        page = PAGE.format(narrower=narrower)
        rows = self._db.execute(page, (label, text.lower(), after, limit))
        return [node_of_row(row) for row in rows]

    def count(self, label: Label) -> int:
        """How many nodes have a label."""
        return int(self._db.execute(COUNT, (label,)).fetchone()[0])

    def count_linked(self, label: Label) -> int:
        """How many nodes of a label have an edge of type ``FEEDS``, in or out, at any time."""
        return int(self._db.execute(COUNT_LINKED, (label,)).fetchone()[0])

    def edges_of_owner(self, owner: str) -> list[Edge]:
        """All edges that an owner says."""
        return [edge_of_row(row) for row in self._db.execute(EDGES_OF_OWNER, (owner,))]

    def edges_into(self, keys: Sequence[str], edge_type: EdgeType) -> list[Edge]:
        """The edges of a type that end in one of the keys."""
        rows = self._db.execute(EDGES_INTO, (listed(keys), edge_type))
        return [edge_of_row(row) for row in rows]

    def edges_to_models(self, keys: Sequence[str], view: View, as_of: int) -> list[Edge]:
        """The ``FEEDS`` edges from the keys to models that count at a moment."""
        axis = AXES["FEEDS", view, "down"]
        with self._moment() as moment:
            numbers = moment.to_models(list(moment.numbers(keys).values()), axis, view, as_of)
            if numbers is not None:
                return sorted(moment.edges(numbers, {}), key=lambda edge: edge.id[1:])
        rows = self._db.execute(EDGES_TO_MODELS, (listed(keys), axis, as_of))
        return [edge for edge in map(edge_of_row, rows) if edge.counts_at(view, as_of)]

    def position(self) -> int:
        """Number of facts folded into this graph."""
        return int(self._meta("position", "0"))

    def stored_digest(self) -> str:
        """The digest as kept up to date by writing; cheap."""
        return self._meta("digest", EMPTY_DIGEST)

    def digest(self) -> str:
        """The digest of all nodes and edges, read back row by row."""
        total = 0
        with self.snapshot():
            for row in self._db.execute(EVERY_NODE):
                total += row_hash(node_row(*row))
            for row in self._db.execute(EVERY_EDGE):
                total += row_hash(edge_row(row[:5], row[5], row[6]))
        return format_digest(total)

    # What a mirror reads

    def pages(self) -> Pages:
        """The graph piece by piece, none of them read in a transaction that lasts."""
        return Pages(self._db)

    def all_nodes(self) -> Iterator[Node]:
        """Every node; hold a ``snapshot`` around it and ``all_edges``."""
        return (node_of_row(row) for row in self._db.execute(EVERY_NODE))

    def all_edges(self) -> Iterator[Edge]:
        """Every edge."""
        return (edge_of_row(row) for row in self._db.execute(EVERY_EDGE))

    def mark(self, position: int) -> str | None:
        """The digest that this graph had at a position; None where it does not know."""
        if position > self.position():
            return None
        row = self._db.execute(MARK, (position,)).fetchone()
        if row is not None:
            return str(row[0])
        return EMPTY_DIGEST if self.stored_digest() == EMPTY_DIGEST else None

    def changes(self, after: int, limit: int = 5000) -> tuple[GraphDiff, int]:
        """What changed behind a position, and the position that it leads to.

        A batch ends where a transaction of the source ended, so it holds more than ``limit`` rows
        where one transaction changed more.
        """
        with self.snapshot():
            upto = self.position()
            nodes = self._db.execute(NODES_CHANGED, (after + 1, upto, limit + 1)).fetchall()
            edges = self._db.execute(EDGES_CHANGED, (after + 1, upto, limit + 1)).fetchall()
            cut = cut_batch([row[0] for row in nodes + edges], limit)
            if cut is not None:
                upto = cut
                nodes = self._db.execute(NODES_CHANGED, (after + 1, upto, -1)).fetchall()
                edges = self._db.execute(EDGES_CHANGED, (after + 1, upto, -1)).fetchall()
            diff = GraphDiff(
                put_nodes=[node_of_row(row[2:]) for row in nodes if row[1]],
                put_edges=[edge_of_row(row[2:]) for row in edges if row[1]],
                drop_nodes=[row[2] for row in nodes if not row[1]],
                drop_edges=[edge_of_row(row[2:]).id for row in edges if not row[1]],
                digest=self.mark(upto) or "",
            )
        return diff, upto

    @contextmanager
    def within(self, deadline: Deadline) -> Iterator[None]:
        """What this connection is asked inside ends at the deadline, in the middle if need be.

        Raises:
            OutOfTime: It was ended.
        """
        outer = self._deadline
        self._limit(deadline if outer is None else _Both(outer, deadline))
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_INTERRUPT":
                raise OutOfTime("a question to the state ran out of time") from error
            raise
        finally:
            self._limit(outer)

    def _limit(self, deadline: Ending | None) -> None:
        self._deadline = deadline
        self._db.set_progress_handler(None if deadline is None else deadline.passed, STEPS)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment; inside a transaction that one serves."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    # Writing

    def apply(self, diff: GraphDiff, position: int) -> None:
        """Write a diff and the position in the open transaction, or in one of its own.

        Positions grow with each transaction; a mirror relies on it.
        """
        with self._transaction():
            writing = Writing(self._db, position)
            writing.apply(diff)
            writing.finish()

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge], position: int) -> None:
        """Replace everything."""
        with self._transaction():
            writing = Writing(self._db, position)
            load_rows(writing, nodes, edges)
            writing.finish()

    def prune(self, upto: int) -> int:
        """Forget what was dropped at a position or before, once every mirror has passed it.

        Returns:
            How many tombstones went.
        """
        with self._transaction():
            return forget_dropped(self._db, upto)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _moment(self) -> Iterator[Moment]:
        """Everything read inside is of one moment; what is kept of it is not read again."""
        with self.snapshot():
            yield Moment(self._db, Rows() if self._kept is None else self._kept.at(self._db))

    def _meta(self, name: str, default: str) -> str:
        row = self._db.execute("SELECT value FROM graph_meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default
