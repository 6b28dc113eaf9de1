"""What the state answers. Reads open the SQL state read-only and need no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from lineage.facts import Json, Source
from lineage.graph.content import Passages
from lineage.graph.port import Closure, Direction, Edge, EdgeType, Limits, Node, View
from lineage.graph.walk import Deadline
from lineage.identity import Label

__all__ = ["AspectValue", "EstateCounts", "RunRow", "StateReader", "VersionRow"]


@dataclass(frozen=True, slots=True)
class AspectValue:
    """What holds for one slot of an aspect, and what lost against it.

    Attributes:
        value: What holds; never None (a withdrawn slot is absent).
        slot: The slot.
        source: Who says so.
        time: Since when, epoch milliseconds.
        fact_id: The fact that says so; cited by judgements.
        position: Its position in the journal.
        actor: Opaque id of who recorded it.
        losers: Values of other sources that differ, in order of precedence.
    """

    value: Json
    slot: str
    source: Source
    time: int
    fact_id: str
    position: int
    actor: str
    losers: tuple[tuple[Source, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of one job, merged from its events in any order.

    ``state`` is ``COMPLETE``, ``FAIL``, ``ABORT``, ``RUNNING``, ``START`` or ``OTHER``; FAIL and
    ABORT are sticky, ``contradicted`` says that a COMPLETE was seen beside them. What a run is
    *shown* to be depends on the moment too: see ``lineage.state.standing``. ``last`` is the time
    of its latest event, epoch milliseconds; 0 where no event has one.
    """

    key: str
    job_key: str
    run_id: str
    state: str
    started: int | None
    ended: int | None
    contradicted: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    facets: Mapping[str, Json]
    last: int = 0


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a dataset: first and last seen, and the run that produced it, if known."""

    dataset_key: str
    version: str
    first: int
    last: int
    run_key: str | None


@dataclass(frozen=True, slots=True)
class EstateCounts:
    """How much of the estate is known for what.

    Attributes:
        datasets: Datasets, files aside.
        linked: Of these, those that feed or are fed, at any time.
        owned: Of these, those with an owner.
        classed: Of these, those with a retention class.
        files: Datasets of the namespace ``file``: known by a path alone.
        files_linked: Of these, those that feed or are fed.
    """

    datasets: int
    linked: int
    owned: int
    classed: int
    files: int
    files_linked: int


class StateReader(Protocol):
    """Questions to the state. ``as_of`` None means: everything recorded so far, latest wins."""

    def node(self, key: str) -> Node | None:
        """One entity by key."""
        ...

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The entities of the keys that exist, runs aside."""
        ...

    def edges_into(self, keys: Sequence[str], edge_type: EdgeType) -> list[Edge]:
        """The edges of a type that end in one of the keys."""
        ...

    def steps(
        self, keys: Sequence[str], direction: Direction, view: View, as_of: int, limits: Limits
    ) -> Closure:
        """One step along ``FEEDS`` from the keys, whatever may be seen of it."""
        ...

    def edges_to_models(self, keys: Sequence[str], view: View, as_of: int) -> list[Edge]:
        """The ``FEEDS`` edges from the keys to models that count at a moment."""
        ...

    def same_as(self, keys: Sequence[str]) -> list[Edge]:
        """The ``SAME_AS`` edges at any of the keys, whichever end it is."""
        ...

    def outer_jobs(self, keys: Sequence[str]) -> dict[str, set[str]]:
        """The jobs directly around each of some jobs; absent where there is none."""
        ...

    def mentioned(self, keys: Sequence[str]) -> set[str]:
        """Of the keys those that no event read, wrote or described: known by mention alone."""
        ...

    def estate(self) -> EstateCounts:
        """How many datasets there are, and how many have lineage, owner and class."""
        ...

    def within(self, deadline: Deadline) -> AbstractContextManager[None]:
        """What this thread reads inside ends at the deadline, with ``OutOfTime``."""
        ...

    def list_nodes(
        self, label: Label, *, text: str = "", after: str = "", limit: int = 100
    ) -> list[Node]:
        """Entities of a label in the order of (name, key); ``after`` is the last key seen."""
        ...

    def count(self, label: Label) -> int:
        """How many entities have a label."""
        ...

    def columns(self, dataset_key: str) -> list[Node]:
        """The columns of a dataset in schema order."""
        ...

    def aspects(
        self, keys: Sequence[str], names: Sequence[str], as_of: int | None = None
    ) -> dict[str, dict[str, list[AspectValue]]]:
        """Per key and aspect name the values of all slots; absent where nothing is said."""
        ...

    def with_aspect(self, name: str, as_of: int | None = None) -> dict[str, list[AspectValue]]:
        """All entities that have an aspect, by key."""
        ...

    def history(self, key: str, name: str) -> list[AspectValue]:
        """Every point of an aspect, withdrawn ones included as value None, by time."""
        ...

    def runs(self, *, job_key: str | None = None, limit: int = 100) -> list[RunRow]:
        """Runs, newest first."""
        ...

    def run(self, key: str) -> RunRow | None:
        """One run by key."""
        ...

    def versions(self, dataset_key: str, limit: int = 100) -> list[VersionRow]:
        """Versions of a dataset, newest first."""
        ...

    def current_span(self, dataset_key: str, version: str) -> tuple[int, int | None] | None:
        """When a named version was first seen, and when the next one was; None if it never was."""
        ...

    def passages(self) -> Passages:
        """When data passed along edges, for one question on the calling thread."""
        ...

    def position(self) -> int:
        """Number of facts folded into this state."""
        ...

    def digest(self) -> str:
        """Order-free digest of the whole state (points, runs, graph)."""
        ...

    def fold_version(self) -> str:
        """Version of the fold that made this state."""
        ...
