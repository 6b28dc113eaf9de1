"""Which engine answers: Neo4j where it is there and has caught up, else SQL; and which it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol, TypeVar

from lineage.errors import Unavailable
from lineage.graph.port import (
    Closure,
    Direction,
    Edge,
    EdgeType,
    GraphReader,
    Limits,
    LinkCounter,
    Node,
    View,
)
from lineage.graph.walk import OutOfTime
from lineage.identity import Label

__all__ = ["Engine", "GraphRouter", "answer"]

T = TypeVar("T")

RETRY_AFTER: Final = 5.0
"""Seconds for which an engine that failed is not asked again."""


class Engine(GraphReader, LinkCounter, Protocol):
    """A graph that can be asked everything."""


class SourceEngine(Engine, Protocol):
    """The engine that the state fills itself."""

    def mark(self, position: int) -> str | None:
        """The digest that it had at a position; None where it does not know."""
        ...


class MirrorEngine(Engine, Protocol):
    """The engine that a mirror fills."""

    def meta(self) -> tuple[int, str]:
        """Position, and the digest that the source had there."""
        ...


class GraphRouter:
    """A reader over two engines. A question that Neo4j cannot answer goes to SQL."""

    name = "router"

    def __init__(
        self,
        sql: SourceEngine | Callable[[], SourceEngine],
        neo4j: MirrorEngine | None = None,
        *,
        max_lag: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Joins the engines.

        Args:
            sql: The engine that always answers, and whose position is the state's; or what gives
                the calling thread its own.
            neo4j: The engine to prefer; None where none is configured.
            max_lag: How many facts Neo4j may be behind and still answer.
            monotonic: Clock for leaving a failed engine alone, in seconds.
        """
        self._own_sql = sql
        self._neo4j = neo4j
        self._max_lag = max_lag
        self._monotonic = monotonic
        self._down_until = float("-inf")
        self._down_because = ""
        self._said = threading.local()

    @property
    def _sql(self) -> SourceEngine:
        return self._own_sql() if callable(self._own_sql) else self._own_sql

    @property
    def answered_by(self) -> str:
        """Who answered this thread's last question, and why if it is not the preferred engine."""
        return str(getattr(self._said, "text", ""))

    def answer(self, question: Callable[[Engine], T]) -> tuple[T, str]:
        """Put one question, of any number of reads, to one engine.

        Returns:
            The answer, and who gave it.
        """
        result, who = self._ask(question)
        self._said.text = who
        return result, who

    def _ask(self, question: Callable[[Engine], T]) -> tuple[T, str]:
        sql, neo4j = self._sql, self._neo4j
        if neo4j is None:
            return question(sql), sql.name
        if self._monotonic() < self._down_until:
            return question(sql), f"{sql.name} ({self._down_because})"
        try:
            position, digest = neo4j.meta()
            lag = sql.position() - position
            if not digest or sql.mark(position) != digest:
                why = f"{neo4j.name} waits to be filled"
            elif lag <= self._max_lag:
                return question(neo4j), neo4j.name
            else:
                why = f"{neo4j.name} is {lag} fact{'' if lag == 1 else 's'} behind"
        except (Unavailable, OutOfTime):
            why = self._down_because = f"{neo4j.name} cannot be reached"
            self._down_until = self._monotonic() + RETRY_AFTER
        return question(sql), f"{sql.name} ({why})"

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
        return self.answer(
            lambda engine: engine.closure(
                starts, direction, edge_type=edge_type, view=view, as_of=as_of, limits=limits
            )
        )[0]

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The nodes of the keys that exist."""
        return self.answer(lambda engine: engine.nodes(keys))[0]

    def neighbors(
        self, key: str, *, edge_types: Sequence[EdgeType] = (), limit: int = 1000
    ) -> Sequence[Edge]:
        """Edges that touch a node, both directions; all types where none is named."""
        return self.answer(
            lambda engine: engine.neighbors(key, edge_types=edge_types, limit=limit)
        )[0]

    def find(self, label: Label, text: str = "", *, limit: int = 100) -> Sequence[Node]:
        """Nodes of a label whose name contains the text, ordered by name then key."""
        return self.answer(lambda engine: engine.find(label, text, limit=limit))[0]

    def count_linked(self, label: Label) -> int:
        """How many nodes of a label have an edge of type ``FEEDS``."""
        return self.answer(lambda engine: engine.count_linked(label))[0]

    def position(self) -> int:
        """Position of the state: what SQL has folded."""
        return self._sql.position()

    def digest(self) -> str:
        """Digest of the SQL graph."""
        return self._sql.digest()


def answer(reader: Engine, question: Callable[[Engine], T]) -> tuple[T, str]:
    """Put a question to a router or to an engine; says who answered."""
    if isinstance(reader, GraphRouter):
        return reader.answer(question)
    return question(reader), reader.name
