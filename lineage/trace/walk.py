"""The trace: where something comes from, or where it goes, as of a moment.

A pure walk over a graph and the state: the same facts, moment and limits give the same trace from
either engine, but for ``answered_by``. A dataset that nothing feeds is a source, not a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lineage.errors import InvalidInput, NotFound
from lineage.facts import Json
from lineage.graph.port import Direction, GraphReader, Limits, Node, View
from lineage.graph.router import Engine, answer
from lineage.identity import Identity, Label
from lineage.refs import ColumnRef, JobRef, Ref, RunRef
from lineage.state.port import StateReader
from lineage.trace.coverage import estate_coverage
from lineage.trace.model import Annotator, Coverage, Trace, TraceEdge, TraceNode
from lineage.trace.names import reference_text
from lineage.trace.reached import (
    INFERRED_KINDS,
    Question,
    Reached,
    along_columns,
    along_datasets,
)
from lineage.trace.reasons import reasons_of

__all__ = ["DEFAULT_LIMITS", "trace"]

DEFAULT_LIMITS: Final = Limits()
PASSED_ON: Final = "passed on, no longer inside"
"""Annotation of a node that content went through, and that holds none of it any more."""

Roles = Mapping[tuple[str, str], Json]


def trace(
    reader: Engine,
    state: StateReader,
    identity: Identity,
    ref: Ref,
    *,
    direction: Direction,
    columns: bool = False,
    view: View = "structural",
    as_of: int,
    limits: Limits = DEFAULT_LIMITS,
    annotators: Iterable[Annotator] = (),
    coverage: Coverage | None = None,
) -> Trace:
    """Walk from a reference to everything it comes from, or everything made from it.

    Args:
        reader: An engine, or the router between them.
        state: The state that names and annotates what is reached.
        identity: Derives keys.
        ref: A dataset, column or model.
        direction: ``up`` to the sources, ``down`` to what is made from it.
        columns: Walk along columns; from a dataset, along all of its columns. A column always does.
        view: ``structural``: how things are wired; ``content``: whose data can be inside.
        as_of: The moment, epoch milliseconds.
        limits: What the walk may cost; reaching one is a reason.
        annotators: Say what to show beside each node.
        coverage: Coverage of the estate where the caller knows it for this position already.

    Raises:
        NotFound: Nothing of that name is known.
        InvalidInput: The reference is a job or a run.
    """
    if isinstance(ref, JobRef | RunRef):
        raise InvalidInput(
            "a trace begins at data, not at a job or a run",
            where=str(ref),
            advice="trace a dataset that it reads or writes; `tracehold job show` lists them",
        )
    start = ref.key(identity)
    first = state.node(start)
    if first is None:
        raise NotFound(
            f"nothing is known of {ref}",
            where=str(ref),
            advice="`tracehold dataset list` and `tracehold model list` show what is known",
        )
    passages = state.passages()
    by_columns = columns or isinstance(ref, ColumnRef)

    def gather(engine: Engine) -> tuple[Reached, dict[str, Node], Roles, int, Coverage]:
        position = engine.position()
        ask = Question(engine, state, identity, direction, view, as_of, limits, passages)
        if by_columns:
            reached = along_columns(ask, start, first.label)
        else:
            reached = along_datasets(ask, start)
        owners = engine.nodes(list({edge.owner for edge in reached.edges}))
        counted = coverage or estate_coverage(engine, state)
        return reached, owners, _roles(engine, reached, as_of), position, counted

    (reached, owners, roles, position, counted), who = answer(reader, gather)
    nodes = _trace_nodes(reached, state, annotators, as_of, by_columns=by_columns)
    edges = _trace_edges(reached, owners, roles, {node.key: node.ref for node in nodes})
    reasons = reasons_of(reached, edges, view, limits)
    return Trace(
        ref=str(ref),
        direction=direction,
        view=view,
        columns=by_columns,
        nodes=nodes,
        edges=edges,
        complete=not any(reason.missing for reason in reasons),
        reasons=reasons,
        as_of=as_of,
        known_at=min(position, state.position()),
        answered_by=who,
        coverage=counted,
    )


def _roles(engine: GraphReader, reached: Reached, as_of: int) -> Roles:
    """The role of a training set, by dataset and model."""
    roles: dict[tuple[str, str], Json] = {}
    for key, node in reached.nodes.items():
        if node.label == "Model":
            for edge in engine.neighbors(key, edge_types=("TRAINED_ON",)):
                if not edge.structural or edge.holds_at("structural", as_of):
                    other = edge.src if edge.dst == key else edge.dst
                    roles[other, key] = edge.props.get("role")
    return roles


def _trace_edges(
    reached: Reached, owners: Mapping[str, Node], roles: Roles, refs: Mapping[str, str]
) -> tuple[TraceEdge, ...]:
    edges = []
    for edge in reached.edges:
        owner = owners.get(edge.owner)
        by_job = owner is not None and owner.label == "Job"
        role = roles.get((edge.src, edge.dst))
        edges.append(
            TraceEdge(
                type=edge.type,
                src=edge.src,
                dst=edge.dst,
                job=reference_text(owner, edge.owner, "Job") if by_job else "",
                job_name=str(owner.props.get("name", "")) if owner and by_job else "",
                kind=edge.kind,
                inferred=edge.kind in INFERRED_KINDS,
                role=role if isinstance(role, str) else None,
                props=edge.props,
            )
        )
    return tuple(sorted(edges, key=lambda e: (refs[e.src], refs[e.dst], e.job, e.kind, e.type)))


def _trace_nodes(
    reached: Reached,
    state: StateReader,
    annotators: Iterable[Annotator],
    as_of: int,
    *,
    by_columns: bool,
) -> tuple[TraceNode, ...]:
    shown: dict[str, dict[str, Json]] = {
        key: {"content": PASSED_ON} for key in sorted(reached.passed_on)
    }
    known = list(reached.nodes.values())
    for annotate in annotators:
        for key, said in annotate(state, known, as_of).items():
            shown.setdefault(key, {}).update(said)
    fallback: Label = "Column" if by_columns else "Dataset"
    nodes = []
    for key, depth in reached.depths.items():
        node = reached.nodes.get(key)
        props = node.props if node else {}
        label = node.label if node else fallback
        version, field = props.get("version"), props.get("field")
        nodes.append(
            TraceNode(
                key=key,
                label=label,
                ref=reference_text(node, key, fallback),
                name=str(props.get("name", "")),
                namespace=str(props.get("namespace", "")),
                version=str(version) if label == "Model" and version is not None else None,
                field=str(field) if label == "Column" and field is not None else None,
                depth=depth,
                annotations=shown.get(key, {}),
            )
        )
    return tuple(sorted(nodes, key=lambda n: (n.depth, n.ref, n.key)))
