"""The graph port: a few methods, two engines, one contract suite.

Nodes and edges are values; an engine stores them and answers reachability. Every edge belongs to
an *owner* (the job that feeds, or the entity that a projection speaks of), so that what an owner
says can be replaced as a whole. Times are epoch milliseconds; ``OPEN`` stands for "until further
notice".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

import msgspec

from lineage.facts import Json
from lineage.identity import Label
from lineage.refs import ref_of

__all__ = [
    "OPEN",
    "Closure",
    "Direction",
    "Edge",
    "EdgeType",
    "GraphDiff",
    "GraphReader",
    "GraphWriter",
    "Limits",
    "LinkCounter",
    "Node",
    "Spans",
    "View",
]

OPEN = 9_007_199_254_740_991
"""End of an interval that has not ended (2**53 - 1, the largest integer JSON carries exactly)."""

EdgeType = Literal[
    "FEEDS", "FEEDS_COLUMN", "TRAINED_ON",
    "HAS_COLUMN", "READ", "WROTE", "RUN_OF", "CHILD_OF", "VERSION_OF", "SAME_AS",
    "LICENSED_UNDER", "USED_FOR", "OWNED_BY", "STORED_AT", "HAS_FINDING", "HELD_BY",
    "COVERS", "AFFECTS", "DECIDED", "CONCERNS",
]  # fmt: skip
"""The closed vocabulary of edge types. Lineage runs along the first two only."""

View = Literal["structural", "content"]
Direction = Literal["up", "down"]

Spans = tuple[tuple[int, int], ...]
"""Sorted, disjoint, half-open intervals ``[from, until)``."""


class Node(msgspec.Struct, frozen=True, dict=True):
    """A node; ``props`` holds scalars and lists of scalars only."""

    key: str
    label: Label
    props: Mapping[str, Json] = msgspec.field(default_factory=dict)

    @cached_property
    def ref(self) -> str | None:
        """Its reference as text; None for kinds without one, and where its name is gone."""
        found = ref_of(self.label, self.props)
        return None if found is None else str(found)


class Edge(msgspec.Struct, frozen=True, gc=False):
    """Data flows from ``src`` to ``dst``. Unique by (type, src, dst, owner, kind).

    Attributes:
        type: From the closed vocabulary.
        src: Key of the node data comes from.
        dst: Key of the node data goes to.
        owner: Key of the job, or of the entity whose aspect says so.
        kind: How it is known: ``columns``, ``product`` (inferred), ``declared``, ``static``; for
            projections the aspect.
        props: Scalars, for example ``direct``, ``masking``, ``role``, ``first``, ``last``.
        structural: When things were wired so. Empty together with ``content`` for timeless edges.
        content: When data of ``src`` could be inside ``dst``.
    """

    type: EdgeType
    src: str
    dst: str
    owner: str
    kind: str
    props: Mapping[str, Json] = msgspec.field(default_factory=dict)
    structural: Spans = ()
    content: Spans = ()

    @property
    def id(self) -> tuple[str, str, str, str, str]:
        """What makes the edge unique."""
        return (self.type, self.src, self.dst, self.owner, self.kind)

    def spans(self, view: View) -> Spans:
        """The intervals of one view."""
        return self.structural if view == "structural" else self.content

    def counts_at(self, view: View, as_of: int) -> bool:
        """Whether a closure as of a moment takes the edge: it stands, or carried content."""
        if view == "content":
            return bool(self.content) and self.content[0][0] <= as_of
        return self.holds_at(view, as_of)

    def holds_at(self, view: View, as_of: int) -> bool:
        """Whether the edge stands at a moment."""
        return any(start <= as_of < end for start, end in self.spans(view))


@dataclass(frozen=True, slots=True)
class GraphDiff:
    """What changed: nodes and edges to put (insert or replace) and to drop.

    ``digest`` is the digest of the source once this diff is in, where the diff was read from one; a
    mirror remembers it, to notice later that the source is another one.
    """

    put_nodes: Sequence[Node] = ()
    put_edges: Sequence[Edge] = ()
    drop_nodes: Sequence[str] = ()
    drop_edges: Sequence[tuple[str, str, str, str, str]] = ()
    digest: str = ""

    def __len__(self) -> int:
        return (
            len(self.put_nodes) + len(self.put_edges) + len(self.drop_nodes) + len(self.drop_edges)
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What a walk may cost. Reaching one makes the answer incomplete, and it says which.

    Attributes:
        depth: Edges away from where it begins.
        nodes: Nodes reached, those it begins with included.
        seconds: Time that it may take.
        edges: Edges looked at; the level whose edges would go beyond is left out as a whole.
        stopped: Says that nobody waits for the answer any more; the work then ends as at its
            deadline. Asked often, from the thread that works.
    """

    depth: int = 64
    nodes: int = 10_000
    seconds: float = 5.0
    edges: int = 200_000
    stopped: Callable[[], bool] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Closure:
    """Everything reached, with the distance in edges of each node, and the edges among them.

    ``truncated`` names the limits that were reached: ``depth``, ``nodes``, ``edges``, ``time``.
    ``nodes`` holds what the engine learned of the nodes on the way, which may be nothing.
    """

    depths: Mapping[str, int]
    edges: Sequence[Edge]
    truncated: tuple[str, ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict, compare=False)


class GraphReader(Protocol):
    """Questions to a graph. All answers are as of a moment and of one view."""

    name: str

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
        """Nodes reached from ``starts`` along ``edge_type``, and the edges among them.

        In the structural view along edges that stand at ``as_of``. In the content view along every
        edge that carried content by then, ended or not: the candidates from which
        ``lineage.graph.content`` finds what is inside.
        """
        ...

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The nodes of the keys that exist."""
        ...

    def neighbors(
        self, key: str, *, edge_types: Sequence[EdgeType] = (), limit: int = 1000
    ) -> Sequence[Edge]:
        """Edges that touch a node, both directions; all types where none is named."""
        ...

    def find(self, label: Label, text: str = "", *, limit: int = 100) -> Sequence[Node]:
        """Nodes of a label whose name contains the text, ordered by name then key."""
        ...

    def position(self) -> int:
        """Journal position up to which this graph is filled (number of facts folded)."""
        ...

    def digest(self) -> str:
        """Order-free digest of all nodes and edges, computed by reading them back."""
        ...


class LinkCounter(Protocol):
    """A graph that can say cheaply how much of the estate has lineage."""

    def count_linked(self, label: Label) -> int:
        """How many nodes of a label have an edge of type ``FEEDS``, in or out, at any time."""
        ...


class GraphWriter(Protocol):
    """The filling side of a graph engine."""

    def apply(self, diff: GraphDiff, position: int) -> None:
        """Write a diff and the position in one transaction."""
        ...

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge], position: int) -> None:
        """Replace everything: bulk load into an emptied graph."""
        ...
