"""What a trace is: nodes with what is known of each, edges, and how complete the answer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member

from lineage.facts import Json
from lineage.graph.port import Direction, EdgeType, Node, View
from lineage.identity import Label
from lineage.state.port import StateReader

__all__ = ["Annotator", "Coverage", "Trace", "TraceEdge", "TraceNode", "TraceReason"]

Annotator = Callable[[StateReader, Sequence[Node], int], Mapping[str, Mapping[str, Json]]]
"""Says per node key what to show beside it: ``(state, nodes, as_of) -> {key: {name: value}}``.

A value is a scalar, a list of scalars, or an object whose ``short`` is its short form.
"""


@dataclass(frozen=True, slots=True)
class TraceNode:
    """One thing reached.

    Attributes:
        key: Its key in the graph.
        label: What it is.
        ref: Its reference, which every command takes; ``label:?key`` where its name is gone.
        name: Name within the namespace; for a column, of its dataset.
        namespace: Namespace; empty where the kind has none.
        version: Version of a model.
        field: Field of a column.
        depth: Distance in edges from where the trace begins.
        annotations: What the annotators say of it.
    """

    key: str
    label: Label
    ref: str
    name: str
    namespace: str
    version: str | None
    field: str | None
    depth: int
    annotations: Mapping[str, Json] = member(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceEdge:
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
    """

    type: EdgeType
    src: str
    dst: str
    job: str
    job_name: str
    kind: str
    inferred: bool
    role: str | None = None
    props: Mapping[str, Json] = member(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceReason:
    """Something to know about the answer.

    Attributes:
        code: ``depth``, ``nodes``, ``time``, ``unresolved``, ``no-columns``, ``column-gap``,
            ``write-mode-unknown`` or ``inferred``.
        text: The same as a sentence.
        count: How many nodes or edges it concerns; 0 where that does not apply.
        missing: True where something may be missing from the answer, which then is not complete;
            False where the answer may hold more than is so.
    """

    code: str
    text: str
    count: int
    missing: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the estate answers can rest on: datasets in all, and how many lack what."""

    datasets: int
    without_lineage: int
    without_owner: int
    without_class: int

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
        nodes: By depth, then reference; the first is what was asked about.
        edges: By reference of source and target, then job and kind.
        complete: Whether nothing is missing.
        reasons: What is missing, and what else to know.
        as_of: Moment of the answer, epoch milliseconds.
        known_at: Number of facts that the answering engine and the state had folded.
        answered_by: Which engine answered, and why if not the preferred one.
        coverage: How much of the estate has lineage, owner and retention class.
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
