"""What a trace is: nodes with what is known of each, edges, and how complete the answer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from lineage.facts import Json
from lineage.graph.port import Direction, EdgeType, Node, View
from lineage.identity import Label
from lineage.state.port import StateReader

__all__ = [
    "Allowed",
    "Annotator",
    "Coverage",
    "Hidden",
    "Trace",
    "TraceEdge",
    "TraceNode",
    "TraceReason",
    "Unresolved",
]

Allowed = Callable[[Node], bool]
"""Whether who asks may see a dataset, column, model or job."""

Annotator = Callable[[StateReader, Sequence[Node], int], Mapping[str, Mapping[str, Json]]]
"""Says per node key what to show beside it: ``(state, nodes, as_of) -> {key: {name: value}}``.

A value is a scalar, a list of scalars, or an object whose ``short`` is its short form.
"""


class TraceNode(msgspec.Struct, frozen=True, gc=False):
    """One thing reached.

    Attributes:
        key: Its key in the graph; ``hidden-1`` and so on for what may not be seen.
        label: What it is; ``Hidden`` for what may not be seen.
        ref: Its reference, which every command takes; ``label:?key`` where its name is gone,
            ``hidden:1`` and so on for what may not be seen.
        name: Name within the namespace; for a column, of its dataset.
        namespace: Namespace; empty where the kind has none.
        version: Version of a model.
        field: Field of a column.
        depth: Distance in edges from where the trace begins.
        annotations: What the annotators say of it.
    """

    key: str
    label: Label | Literal["Hidden"]
    ref: str
    name: str
    namespace: str
    version: str | None
    field: str | None
    depth: int
    annotations: Mapping[str, Json] = msgspec.field(default_factory=dict)


class TraceEdge(msgspec.Struct, frozen=True, gc=False):
    """Data flows from ``src`` to ``dst``.

    Attributes:
        type: Type of the edge in the graph.
        src: Key of the node data comes from.
        dst: Key of the node data goes to.
        job: Reference of the job that moves it; empty where no job says so.
        job_name: Name of the job alone.
        kind: How it is known: ``columns``, ``declared``, ``product``, ``static``; ``input`` joins a
            column to the model that its dataset feeds, ``column`` a dataset to its columns.
        inferred: True where it follows from inputs and outputs of a run, or of a dataset, alone.
        role: Role of a training set, for example ``train`` or ``test``.
        props: Further properties, for example ``direct`` and ``masking``.
        through: Where jobs are rolled up: references of the jobs within ``job`` that tell of it.
    """

    type: EdgeType
    src: str
    dst: str
    job: str
    job_name: str
    kind: str
    inferred: bool
    role: str | None = None
    props: Mapping[str, Json] = msgspec.field(default_factory=dict)
    through: tuple[str, ...] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class TraceReason:
    """Something to know about the answer.

    Attributes:
        code: ``depth``, ``nodes``, ``edges``, ``time``, ``facts``, ``bytes``, ``notes``,
            ``unresolved``, ``hidden``, ``no-columns``, ``column-gap``, ``no-path``, ``mentioned``,
            ``write-mode-unknown`` or ``inferred``.
        text: The same as a sentence.
        count: How many nodes or edges it concerns; 0 where that does not apply.
        missing: True where something may be missing from the answer, which then is not complete.
        advice: How to go on, where there is a way.
    """

    code: str
    text: str
    count: int
    missing: bool
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What may not be seen by who asks.

    Attributes:
        nodes: Nodes shown without saying what they are.
        behind: Whether something is not shown at all, for the only ways to it lead through hidden
            nodes. How much is not said: that would tell of what is hidden.
    """

    nodes: int = 0
    behind: bool = False


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A thing of which the answer knows little more than that it is named.

    Attributes:
        ref: Its reference.
        why: ``no-name``: unknown, or its name was erased; ``mentioned``: a dataset that no event
            read, wrote or described, named by a column map or as an alias alone; ``no-schema``: a
            column that no schema of its dataset lists.
    """

    ref: str
    why: Literal["no-name", "mentioned", "no-schema"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the estate answers can rest on: datasets in all, and how many lack what.

    A file named by its path alone (namespace ``file``) is what a dataset is read from; owner and
    class stand with that dataset. Files are therefore counted apart.

    Attributes:
        datasets: Datasets, files aside.
        without_lineage: Of these, those that nothing feeds and that feed nothing.
        without_owner: Of these, those that nobody owns.
        without_class: Of these, those without retention class.
        files: Files.
        files_without_lineage: Of these, those that nothing feeds and that feed nothing.
        known_at: Number of facts at which it was counted.
    """

    datasets: int
    without_lineage: int
    without_owner: int
    without_class: int
    files: int = 0
    files_without_lineage: int = 0
    known_at: int = 0

    def share(self, lacking: int) -> float:
        """A count as a share of all datasets, 0 to 1; 0 in an empty estate."""
        return lacking / self.datasets if self.datasets else 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """The answer to "where does this come from" or "where does this go".

    Attributes:
        ref: What was asked about.
        direction: ``up`` to the sources or ``down`` to what is made from it.
        view: ``structural`` or ``content``.
        columns: Whether it runs along columns.
        nodes: By depth, then reference; the first is what was asked about. One page of them where
            pages were asked for.
        edges: By reference of source and target, then job and kind. Of a page, those that join its
            nodes to each other and to nodes of the pages before.
        complete: Whether nothing is missing, from all pages taken together.
        reasons: What is missing, and what else to know.
        as_of: Moment of the answer, epoch milliseconds.
        known_at: Number of facts that the answering engine and the state had folded.
        answered_by: Which engine answered, and why if not the preferred one.
        coverage: How much of the estate has lineage, owner and retention class.
        to: The other end, where only what lies between was asked for.
        hidden: How much may not be seen.
        unresolved: Nodes shown here of which little more than a name is known, by reference.
        total: Nodes on all pages; None where a limit ended the walk, so that nobody knows.
        next: What to ask for the next page with; None on the last.
    """

    ref: str
    direction: Direction
    view: View
    columns: bool
    nodes: tuple[TraceNode, ...]
    edges: tuple[TraceEdge, ...]
    complete: bool
    reasons: tuple[TraceReason, ...]
    as_of: int
    known_at: int
    answered_by: str
    coverage: Coverage
    to: str | None = None
    hidden: Hidden = Hidden()
    unresolved: tuple[Unresolved, ...] = ()
    total: int | None = None
    next: str | None = None
