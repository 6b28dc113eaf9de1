"""Which engine answers: Neo4j where it is there and has caught up, else SQL; and which it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from lineage.errors import Unavailable
from lineage.graph.mirror_status import MirrorStatus, State
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
from lineage.graph.refusal import GraphRefused, TooSlow
from lineage.graph.walk import OutOfTime
from lineage.identity import Label

__all__ = ["Allowance", "Engine", "GraphRouter", "answer"]

T = TypeVar("T")

RETRY_AFTER: Final = 5.0
"""Seconds for which an engine that failed is not asked again; doubled each time, up to the next."""
RETRY_AT_LAST: Final = 60.0


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

    def answering_within(self, seconds: float) -> AbstractContextManager[None]:
        """What this thread's calls inside may take together; past it, ``Unavailable``."""
        ...

    def at(self, position: int) -> Engine:
        """The same for one question, by who knows already how far it is filled."""
        ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """When Neo4j may answer.

    Attributes:
        lag: Facts that it may be behind.
        seconds_behind: For how long it may be behind, where it is.
        answer_seconds: What it may take to answer one question; then SQL does.
    """

    lag: int = 0
    seconds_behind: float = 5.0
    answer_seconds: float = 3.0


class GraphRouter:
    """A reader over two engines. A question that Neo4j cannot answer goes to SQL."""

    name = "router"

    def __init__(
        self,
        sql: SourceEngine | Callable[[], SourceEngine],
        neo4j: MirrorEngine | None = None,
        *,
        allowance: Allowance = Allowance(),
        known: Callable[[], MirrorStatus] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Joins the engines.

        Args:
            sql: The engine that always answers, and whose position is the state's; or what gives
                the calling thread its own.
            neo4j: The engine to prefer; None where none is configured.
            allowance: How far Neo4j may be behind, and how slow, and still answer.
            known: Where the mirror of this process stands; without one Neo4j is asked each time.
            monotonic: Clock for leaving a failed engine alone, in seconds.
        """
        self._own_sql = sql
        self._neo4j = neo4j
        self._allowance = allowance
        self._known = known
        self._monotonic = monotonic
        self._pause = RETRY_AFTER
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
            with neo4j.answering_within(self._allowance.answer_seconds):
                position, remark = self._look(sql, neo4j)
                if position is not None:
                    answered = question(neo4j.at(position))
                    self._pause = RETRY_AFTER
                    return answered, neo4j.name + remark
        except (Unavailable, OutOfTime) as error:
            remark = self._down_because = _because(neo4j.name, error)
            self._down_until = self._monotonic() + self._pause
            self._pause = min(self._pause * 2, RETRY_AT_LAST)
        return question(sql), f"{sql.name} ({remark})"

    def _look(self, sql: SourceEngine, neo4j: MirrorEngine) -> tuple[int | None, str]:
        """How far Neo4j is filled; None where it may not answer. And what is to be said of it."""
        seconds = 0.0
        if self._known is None:
            position, digest = neo4j.meta()
        else:
            status = self._known()
            if said := _WHY.get(status.state):
                return None, neo4j.name + said
            position, digest, seconds = status.position or 0, status.digest, status.seconds_behind
        lag = sql.position() - position
        if not digest or sql.mark(position) != digest:
            return None, f"{neo4j.name} waits to be filled"
        if lag <= 0:
            return position, ""
        behind = f"{lag} fact{'' if lag == 1 else 's'} behind"
        allowed = self._allowance
        if lag > allowed.lag:
            return None, f"{neo4j.name} is {behind}"
        if seconds > allowed.seconds_behind:
            return None, f"{neo4j.name} is {seconds:.0f} s behind"
        return position, f" ({behind})"

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


_WHY: Final[dict[State, str]] = {
    "starting": " waits to be filled",
    "filling": " is being filled",
    "unreachable": " cannot be reached",
    "refused": " is refused",
}


def _because(name: str, error: Exception) -> str:
    if isinstance(error, GraphRefused):
        return f"{name} is refused"
    return f"{name} takes too long" if isinstance(error, TooSlow) else f"{name} cannot be reached"


def answer(reader: Engine, question: Callable[[Engine], T]) -> tuple[T, str]:
    """Put a question to a router or to an engine; says who answered."""
    if isinstance(reader, GraphRouter):
        return reader.answer(question)
    return question(reader), reader.name
