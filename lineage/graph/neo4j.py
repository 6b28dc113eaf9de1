"""The Neo4j engine, over the official driver: managed transactions, a deadline on every call.

The driver waits without limit for a server that accepts and never answers. Each call therefore
runs in a thread of its own; at the deadline the caller goes on with ``Unavailable`` and the driver
with the silent connection is given up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, Literal, TypeVar, cast

import neo4j
from neo4j import Driver, GraphDatabase, ManagedTransaction, Session, unit_of_work
from neo4j.exceptions import DriverError, Neo4jError

from lineage.errors import Fault, InvalidInput, Unavailable
from lineage.graph import cypher
from lineage.graph.batches import BATCH, batches, statements_of_diff, statements_of_rows
from lineage.graph.port import Closure, Direction, Edge, EdgeType, GraphDiff, Limits, Node, View
from lineage.graph.rows import (
    edge_row,
    encode_props,
    encode_spans,
    format_digest,
    node_row,
    normal_edge,
    normal_node,
    row_hash,
)
from lineage.graph.walk import Deadline, OutOfTime, expander, walk
from lineage.identity import Label

__all__ = ["Neo4jGraph"]

T = TypeVar("T")

BULK_SECONDS: Final = 600.0
"""Deadline of one batch of a load, and of reading everything back."""
GRACE: Final = 3.0
"""The server looks every 2 s for calls past their deadline; silence for longer is a dead server."""
CANDIDATES: Final = 4
"""Candidate nodes asked for, as a multiple of the node limit, before walking level by level."""
TIMED_OUT: Final = "Neo.ClientError.Transaction.TransactionTimedOut"
SCHEMES: Final = tuple(
    f"{name}{secure}://" for name in ("bolt", "neo4j") for secure in ("", "+s", "+ssc")
)


class Neo4jGraph:
    """A graph in Neo4j 5 or newer; see ``lineage.graph.port`` for what the methods promise.

    One database serves one workspace. Safe to share between threads.
    """

    name = "neo4j"

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        deadline_seconds: float = 10.0,
        database: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not connect yet.

        Args:
            url: ``bolt://``, ``neo4j://`` or their ``+s`` forms.
            user: Name of the database user.
            password: Its password.
            deadline_seconds: What one call may take; bulk loading and reading back take longer.
            database: Name of the database; None for the user's home database.
            monotonic: Clock for deadlines, in seconds.

        Raises:
            InvalidInput: The address is of another kind, or carries a password.
        """
        if not url.startswith(SCHEMES) or "@" in url:
            raise InvalidInput(
                "the address of Neo4j cannot be used",
                where="graph.url",
                advice="write bolt://HOST:7687 or neo4j://HOST:7687; user and password stand apart",
            )
        self.url = url
        self._auth = (user, password)
        self._seconds = deadline_seconds
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._driver: Driver | None = None
        self._has_schema = False

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
        deadline = Deadline(limits.seconds, self._monotonic)

        def hops(statement: str, params: Mapping[str, Any]) -> list[Any]:
            rows = self._read(
                statement,
                {**params, "known": cypher.KNOWN},
                seconds=min(self._seconds, deadline.remaining()),
            )
            return list(rows[0]["hops"])

        def level_by_level(level: Sequence[str]) -> list[tuple[str, Edge]]:
            found = hops(cypher.LEVEL[edge_type, direction], {"keys": list(level)})
            edges = cypher.edges_of_hops(found, edge_type, direction)
            return expander(edges, direction, view, as_of)(level)

        expand: Callable[[Sequence[str]], list[tuple[str, Edge]]] = level_by_level
        statement = cypher.closure_statement(edge_type, direction, limits.depth)
        cap = limits.nodes * CANDIDATES + 1
        if statement is not None and not deadline.passed():
            try:
                found = hops(statement, {"starts": list(starts), "cap": cap})
            except OutOfTime:
                return Closure(dict.fromkeys(starts, 0), [], ("time",))
            if len({hop[0] for hop in found}) < cap:
                edges = cypher.edges_of_hops(found, edge_type, direction)
                expand = expander(edges, direction, view, as_of)
        walked = walk(starts, expand, limits=limits, deadline=deadline, order=sorted)
        return Closure(walked.depths, walked.payloads, tuple(walked.truncated))

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The nodes of the keys that exist."""
        rows = self._read(cypher.NODES, {"keys": list(keys)})
        return {row["props"]["key"]: cypher.node_of(row["labels"], row["props"]) for row in rows}

    def neighbors(
        self, key: str, *, edge_types: Sequence[EdgeType] = (), limit: int = 1000
    ) -> Sequence[Edge]:
        """Edges that touch a node, both directions; all types where none is named."""
        params = {"key": key, "types": list(edge_types), "limit": limit}
        return [_edge(row) for row in self._read(cypher.NEIGHBORS, params)]

    def find(self, label: Label, text: str = "", *, limit: int = 100) -> Sequence[Node]:
        """Nodes of a label whose name contains the text, case aside, ordered by name then key."""
        rows = self._read(cypher.FIND[label], {"text": text.lower(), "limit": limit})
        return [cypher.node_of(row["labels"], row["props"]) for row in rows]

    def count_linked(self, label: Label) -> int:
        """How many nodes of a label have an edge of type ``FEEDS``, in or out, at any time."""
        return int(self._read(cypher.COUNT_LINKED[label], {})[0]["linked"])

    def position(self) -> int:
        """Journal position up to which this graph is filled; 0 while it is being loaded."""
        return self.meta()[0]

    def meta(self) -> tuple[int, str]:
        """Position, and the digest that the source had there as far as it was told."""
        rows = self._read(cypher.GET_META, {})
        return (int(rows[0]["position"]), str(rows[0]["digest"])) if rows else (0, "")

    def digest(self) -> str:
        """The digest of all nodes and edges, read back from the server."""

        def add_up(tx: ManagedTransaction) -> int:
            total = 0
            for record in tx.run(cypher.ALL_NODES):
                total += _hash_node(cypher.node_of(record["labels"], record["props"]))
            for record in tx.run(cypher.ALL_EDGES):
                total += _hash_edge(_edge(record))
            return total

        return format_digest(self._call(_reading(add_up, BULK_SECONDS), BULK_SECONDS))

    # Writing

    def apply(self, diff: GraphDiff, position: int) -> None:
        """Write a diff and the position in one transaction."""
        self._ensure_schema()
        statements = statements_of_diff(diff)
        statements.append((cypher.SET_META, {"position": position, "digest": diff.digest}))
        self._write(statements, seconds=max(self._seconds, len(diff) / 100))

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge], position: int) -> None:
        """Replace everything: wipe, then fill in batches.

        Until the last batch stands the position is 0, so that a load cut short is seen and done
        again.
        """
        self._ensure_schema()
        self._write([(cypher.SET_META, {"position": 0, "digest": ""})])
        self._wipe()
        total = 0
        for batch in batches(nodes):
            put = [normal_node(node) for node in batch]
            total += sum(map(_hash_node, put))
            rows = statements_of_rows(put, (), cypher.ADD_NODES, cypher.ADD_EDGES)
            self._write(rows, seconds=BULK_SECONDS)
        for some in batches(edges):
            adds = [normal_edge(edge) for edge in some]
            total += sum(map(_hash_edge, adds))
            rows = statements_of_rows((), adds, cypher.ADD_NODES, cypher.ADD_EDGES)
            self._write(rows, seconds=BULK_SECONDS)
        self._write([(cypher.SET_META, {"position": position, "digest": format_digest(total)})])

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    # How calls are made

    def _ensure_schema(self) -> None:
        if self._has_schema:
            return

        def create(session: Session) -> None:
            for statement in cypher.SCHEMA:
                session.run(cast("Any", statement)).consume()

        self._call(create, max(self._seconds, 60.0))
        self._has_schema = True

    def _wipe(self) -> None:
        def some(tx: ManagedTransaction) -> int:
            record = tx.run(cypher.WIPE, limit=BATCH * 2).single(strict=True)
            return int(record["gone"])

        while self._call(_writing(some, BULK_SECONDS), BULK_SECONDS):
            pass

    def _read(
        self, statement: str, params: Mapping[str, Any], *, seconds: float | None = None
    ) -> list[dict[str, Any]]:
        limit = self._seconds if seconds is None else seconds
        if limit <= 0:
            raise OutOfTime("the question ran out of time")

        def work(tx: ManagedTransaction) -> list[dict[str, Any]]:
            return tx.run(cast("Any", statement), dict(params)).data()

        return self._call(_reading(work, limit), limit)

    def _write(
        self, statements: Sequence[tuple[str, Mapping[str, Any]]], *, seconds: float | None = None
    ) -> None:
        limit = self._seconds if seconds is None else seconds

        def work(tx: ManagedTransaction) -> None:
            for statement, params in statements:
                tx.run(cast("Any", statement), dict(params)).consume()

        self._call(_writing(work, limit), limit)

    def _call(self, work: Callable[[Session], T], seconds: float) -> T:
        try:
            return self._attempt(work, seconds)
        except (DriverError, Neo4jError) as error:
            if not error.is_retryable():
                raise self._advise(error) from error
        # A pooled connection may have died with a restart of the server; a fresh one tells.
        try:
            return self._attempt(work, seconds)
        except (DriverError, Neo4jError) as error:
            raise self._advise(error) from error

    def _attempt(self, work: Callable[[Session], T], seconds: float) -> T:
        driver = self._connection()
        future: Future[T] = Future()

        def run() -> None:
            try:
                with driver.session(database=self._database) as session:
                    future.set_result(work(session))
            except BaseException as error:  # noqa: BLE001 - handed to the waiting caller
                future.set_exception(error)

        threading.Thread(target=run, name="neo4j-call", daemon=True).start()
        try:
            return future.result(timeout=seconds + GRACE)
        except TimeoutError as error:
            self._give_up(driver)
            raise Unavailable(
                f"Neo4j gave no answer within {seconds + GRACE:.0f} s",
                where=self.url,
                advice="look at the server; answers come from SQL meanwhile",
            ) from error

    def _connection(self) -> Driver:
        with self._lock:
            if self._driver is None:
                self._driver = GraphDatabase.driver(
                    self.url,
                    auth=self._auth,
                    connection_timeout=self._seconds,
                    connection_acquisition_timeout=self._seconds,
                    max_transaction_retry_time=0,
                    notifications_min_severity=neo4j.NotificationMinimumSeverity.OFF,
                    telemetry_disabled=True,
                    user_agent="tracehold",
                )
            return self._driver

    def _give_up(self, driver: Driver) -> None:
        with self._lock:
            if self._driver is driver:
                self._driver = None
        threading.Thread(target=driver.close, name="neo4j-close", daemon=True).start()

    def _advise(self, error: DriverError | Neo4jError) -> Exception:
        code = error.code if isinstance(error, Neo4jError) else None
        if code is not None and code.startswith(TIMED_OUT):
            return OutOfTime("Neo4j ended the call at its deadline", where=self.url)
        if isinstance(error, Neo4jError) and code and code.startswith("Neo.ClientError.Statement"):
            return Fault(f"Neo4j refuses a statement of ours: {code}", where=self.url)
        advice = "start it, or look at graph.url; answers come from SQL meanwhile"
        if code and code.startswith("Neo.ClientError.Security"):
            advice = "check user and password of graph.url"
        reason = code or type(error).__name__
        return Unavailable(f"Neo4j cannot be used: {reason}", where=self.url, advice=advice)


def _reading(work: Callable[[ManagedTransaction], T], seconds: float) -> Callable[[Session], T]:
    return lambda session: session.execute_read(unit_of_work(timeout=seconds)(work))


def _writing(work: Callable[[ManagedTransaction], T], seconds: float) -> Callable[[Session], T]:
    return lambda session: session.execute_write(unit_of_work(timeout=seconds)(work))


def _edge(row: Mapping[str, Any] | neo4j.Record) -> Edge:
    return cypher.edge_of(row["type"], row["src"], row["dst"], row["props"])


def _hash_node(node: Node) -> int:
    return row_hash(node_row(node.key, node.label, encode_props(node.props)))


def _hash_edge(edge: Edge) -> int:
    spans = encode_spans(edge.structural, edge.content)
    return row_hash(edge_row(edge.id, encode_props(edge.props), spans))
