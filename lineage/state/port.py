"""What the state answers. Reads open the SQL state read-only and need no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lineage.facts import Json, Source
from lineage.graph.content import Passages
from lineage.graph.port import Node
from lineage.identity import Label

__all__ = ["AspectValue", "RunRow", "StateReader", "VersionRow"]


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
    ABORT are sticky, ``contradicted`` says that a COMPLETE was seen beside them.
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


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a dataset: first and last seen, and the run that produced it, if known."""

    dataset_key: str
    version: str
    first: int
    last: int
    run_key: str | None


class StateReader(Protocol):
    """Questions to the state. ``as_of`` None means: everything recorded so far, latest wins."""

    def node(self, key: str) -> Node | None:
        """One entity by key."""
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
