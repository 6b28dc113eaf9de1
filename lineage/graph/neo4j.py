"""The Neo4j engine: the graph in one database of Neo4j 5 or newer, for one workspace."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Literal

from lineage.errors import Unavailable
from lineage.graph import cypher
from lineage.graph.batches import batches, statements_of_diff, statements_of_rows
from lineage.graph.bolt import Bolt, Transaction
from lineage.graph.port import Closure, Direction, Edge, EdgeType, GraphDiff, Limits, Node, View
from lineage.graph.refusal import GraphRefused
from lineage.graph.rows import (
    format_digest,
    normal_edge,
    normal_node,
    row_hash,
    row_of_edge,
    row_of_node,
)
from lineage.graph.walk import Deadline, OutOfTime, expander, walk
from lineage.identity import Label

__all__ = ["Neo4jGraph"]

BATCH_SECONDS: Final = 60.0
"""Deadline of one batch of a load, a comparison, or of emptying."""
WHOLE_SECONDS: Final = 600.0
"""Deadline of reading everything back."""
CANDIDATES: Final = 4
"""Candidate nodes asked for, as a multiple of the node limit, before walking level by level."""
WIPED_AT_ONCE: Final = 2_000
"""Nodes; each takes its relationships with it, and a transaction must fit into little memory."""


class Neo4jGraph:
    """Implements the ports of ``lineage.graph.port``, which say what the methods promise.

    Safe to share between threads.
    """

    name = "neo4j"

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        workspace: str = "",
        deadline_seconds: float = 10.0,
        database: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not connect yet.

        Args:
            url: ``bolt://``, ``neo4j://`` or their ``+s`` forms.
            user: Name of the database user.
            password: Its password.
            workspace: What tells the workspace from others; a graph of another one is refused.
            deadline_seconds: What one call may take; bulk loading and reading back take longer.
            database: Name of the database; None for the user's home database.
            monotonic: Clock for deadlines, in seconds.

        Raises:
            InvalidInput: The address is of another kind, or carries a password.
        """
        self.bolt = Bolt(
            url,
            user,
            password,
            deadline_seconds=deadline_seconds,
            database=database,
            monotonic=monotonic,
        )
        self._workspace = workspace
        self._monotonic = monotonic
        self._has_schema = False
        self._known: int | None = None

    # Reading

    def at(self, position: int) -> Neo4jGraph:
        """The same graph for one question, by who knows already how far it is filled.

        Its closures raise ``Unavailable`` where it is not filled as far any more.
        """
        known = copy.copy(self)
        known._known = position  # noqa: SLF001 - a copy of our own
        return known

    def answering_within(self, seconds: float) -> AbstractContextManager[None]:
        """What this thread's calls inside may take together; past it, ``Unavailable``."""
        return self.bolt.within(seconds)

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
        deadline = Deadline(limits.seconds, self._monotonic, limits.stopped)

        def read(statement: str, params: Mapping[str, Any]) -> list[list[Any]]:
            seconds = min(self.bolt.seconds, deadline.remaining())
            return self.bolt.read(statement, params, seconds=seconds)

        def level_by_level(level: Sequence[str], most: int) -> list[tuple[str, Edge]]:
            found = read(cypher.LEVEL[edge_type, direction], {"keys": list(level)})[0][0]
            edges = cypher.edges_of_hops(found, edge_type, direction)
            return expander(edges, direction, view, as_of)(level, most)

        expand: Callable[[Sequence[str], int], list[tuple[str, Edge]]] = level_by_level
        statement = cypher.closure_statement(edge_type, direction, limits.depth)
        cap = limits.nodes * CANDIDATES + 1
        if statement is not None and not deadline.passed():
            try:
                found = self._filled(read(statement, {"starts": list(starts), "cap": cap}))
            except OutOfTime:
                return Closure(dict.fromkeys(starts, 0), [], ("time",))
            if len({hop[0] for hop in found}) < cap:
                edges = cypher.edges_of_hops(found, edge_type, direction)
                expand = expander(edges, direction, view, as_of)
        walked = walk(starts, expand, limits=limits, deadline=deadline, order=sorted)
        return Closure(walked.depths, walked.payloads, tuple(walked.truncated))

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The nodes of the keys that exist."""
        rows = self.bolt.read(cypher.NODES, {"keys": list(keys)})[0][0]
        return {props["key"]: cypher.node_of(labels, props) for labels, props in rows}

    def neighbors(
        self, key: str, *, edge_types: Sequence[EdgeType] = (), limit: int = 1000
    ) -> Sequence[Edge]:
        """Edges that touch a node, both directions; all types where none is named."""
        params = {"key": key, "types": list(edge_types), "limit": limit}
        return [cypher.edge_of(*row) for row in self.bolt.read(cypher.NEIGHBORS, params)]

    def find(self, label: Label, text: str = "", *, limit: int = 100) -> Sequence[Node]:
        """Nodes of a label whose name contains the text, case aside, ordered by name then key."""
        rows = self.bolt.read(cypher.FIND[label], {"text": text.lower(), "limit": limit})
        return [cypher.node_of(*row) for row in rows]

    def count_linked(self, label: Label) -> int:
        """How many nodes of a label have an edge of type ``FEEDS``, in or out, at any time."""
        return int(self.bolt.read(cypher.COUNT_LINKED[label], {})[0][0])

    def position(self) -> int:
        """Journal position up to which this graph is filled; 0 while it is being loaded."""
        return self.meta()[0] if self._known is None else self._known

    def meta(self) -> tuple[int, str]:
        """Position, and the digest that the source had there as far as it was told.

        Raises:
            GraphRefused: The graph is that of another workspace.
        """
        rows = self.bolt.read(cypher.GET_META, {})
        if not rows:
            return (0, "")
        position, digest, workspace = rows[0]
        self._own(workspace)
        return (int(position), str(digest))

    def digest(self) -> str:
        """The digest of all nodes and edges, read back from the server."""

        def add_up(tx: Transaction) -> int:
            total = 0
            for record in tx.run(cypher.ALL_NODES):
                total += row_hash(row_of_node(cypher.node_of(*record.values())))
            for record in tx.run(cypher.ALL_EDGES):
                total += row_hash(row_of_edge(cypher.edge_of(*record.values())))
            return total

        return format_digest(self.bolt.reading(add_up, seconds=WHOLE_SECONDS))

    def rows(self, low: str, high: str) -> tuple[list[Node], list[Edge]]:
        """The nodes whose keys lie in ``[low, high)``, and the edges that begin at them."""
        params = {"low": low, "high": high}
        nodes = self.bolt.read(cypher.RANGE_NODES, params, seconds=BATCH_SECONDS)[0][0]
        edges = self.bolt.read(cypher.RANGE_EDGES, params, seconds=BATCH_SECONDS)[0][0]
        return [cypher.node_of(*row) for row in nodes], [cypher.edge_of(*row) for row in edges]

    # Writing

    def apply(self, diff: GraphDiff, position: int) -> None:
        """Write a diff and the position in one transaction.

        Raises:
            Unavailable: Somebody has emptied the graph, or taken it, since it was last looked at.
        """
        mark = {"position": position, "digest": diff.digest, "workspace": self._workspace}
        # First: whoever else would write waits for this row, and for nothing else.
        statements = [(cypher.SET_META, mark), *statements_of_diff(diff)]
        seconds = max(self.bolt.seconds, min(len(diff) / 100, BATCH_SECONDS))
        if not self.bolt.write(statements, seconds=seconds, guarded=True):
            raise self._emptied()

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge], position: int) -> None:
        """Replace everything: wipe, then fill in batches.

        Until the last batch stands the position is 0, so that a load cut short is seen and done
        again.
        """
        self.begin(anew=True)
        for some in batches(nodes):
            self.add([normal_node(node) for node in some], ())
        for those in batches(edges):
            self.add((), [normal_edge(edge) for edge in those])
        self.apply(GraphDiff(), position)

    def begin(self, *, anew: bool = False, take_over: bool = False) -> bool:
        """Claim the graph for the workspace and mark it as not filled.

        Args:
            anew: Empty it first.
            take_over: Claim it even where it is that of another workspace; implies ``anew``.

        Returns:
            Whether it is empty now.

        Raises:
            GraphRefused: It is that of another workspace.
        """
        if not self._has_schema:
            self.bolt.alone(cypher.SCHEMA, seconds=max(self.bolt.seconds, BATCH_SECONDS))
            self._has_schema = True
        params = {"workspace": self._workspace, "take_over": take_over}
        rows = self.bolt.write([(cypher.CLAIM, params)])[0]
        self._own(rows[0][0])
        if anew or take_over:
            self._wipe()
            return True
        return not self.bolt.read(cypher.COUNT, {})[0][0]

    def add(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """Write nodes and edges that are not there yet, in one transaction."""
        rows = statements_of_rows(nodes, edges, cypher.ADD_NODES, cypher.ADD_EDGES)
        self.bolt.write(rows, seconds=BATCH_SECONDS)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self.bolt.close()

    def _wipe(self) -> None:
        some = [(cypher.WIPE, {"limit": WIPED_AT_ONCE})]
        while self.bolt.write(some, seconds=BATCH_SECONDS)[0][0][0]:
            pass

    def _filled(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """What a closure found, where the graph is ours and as far as it is known to be."""
        if not rows:
            if self._known is None:
                return []
            raise self._emptied()
        hops, position, workspace = rows[0]
        self._own(workspace)
        if self._known is not None and position < self._known:
            raise self._emptied()
        return list(hops)

    def _emptied(self) -> Unavailable:
        return Unavailable(
            "the graph was emptied or taken meanwhile",
            where=self.bolt.url,
            advice="it is filled again by itself",
        )

    def _own(self, workspace: str | None) -> None:
        # Those that earlier releases filled bear no name; the first to come has them.
        if workspace not in (None, self._workspace):
            raise GraphRefused(
                "the graph in this Neo4j is the mirror of another workspace",
                where=self.bolt.url,
                advice="give each workspace a database of its own, or replace what is there:"
                " tracehold graph mirror --take-over",
            )
