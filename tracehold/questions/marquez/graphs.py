"""Lineage in the form of Marquez: of jobs and datasets, of columns, of one run.

Things are shown as they are wired now. A limit that ends a walk is told in ``complete`` and
``reasons``; Marquez' clients pass over members that they do not know.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lineage.clock import format_millis
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.graph.port import Direction, Edge, Limits, Node
from lineage.graph.walk import Deadline
from lineage.state.listing import Touched
from lineage.state.pinning import pinned_inputs
from lineage.state.port import RunRow
from tracehold.questions.knowing import limits_of
from tracehold.questions.marquez.lists import run_of_id
from tracehold.questions.marquez.node_ids import (
    AskNode,
    dataset_name,
    find_node,
    node_id,
    version_id,
)
from tracehold.questions.marquez.shown import STATES, Shown, job_version
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["GRAPHS"]

NODES: Final = 2_000
"""Most jobs, and most datasets, of one lineage graph."""
RUNS: Final = 1_000
"""Most runs of an answer on one run."""


class AskColumns(AskNode, frozen=True, kw_only=True):
    """A dataset, column or job, and whether to look downstream too."""

    withDownstream: bool = False  # noqa: N815 - Marquez' name


class AskUpstream(Body, frozen=True, kw_only=True):
    """A run, and how many runs to go back."""

    runId: str  # noqa: N815 - Marquez' name
    depth: int = 20
    namespace: str = ""
    name: str = ""


@dataclass(slots=True)
class _Reached:
    """What a walk over jobs and datasets has reached."""

    jobs: dict[str, Touched] = field(default_factory=dict)
    datasets: dict[str, Node] = field(default_factory=dict)
    same: set[tuple[str, str]] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


def _lineage(services: Services, params: AskNode) -> Json:
    start = find_node(services, params)
    if start.label == "Column":
        raise InvalidInput(
            "this graph has jobs and datasets", where="nodeId", advice="ask /api/v1/column-lineage"
        )
    shown = Shown(services)
    limits = limits_of(services)
    with services.state.within(Deadline(limits.seconds, time.monotonic, limits.stopped)):
        reached = _walk(shown, start, _depth(params.depth), limits)
    jobs = services.state.nodes(list(reached.jobs))
    drawing = _Drawing(reached.datasets | jobs)
    for job, ends in reached.jobs.items():
        for key in ends.reads:
            drawing.join(key, job)
        for key in ends.writes:
            drawing.join(job, key)
    for one, other in reached.same:
        drawing.join(one, other)
    datasets = shown.datasets(list(reached.datasets.values()), versions=False)
    data = dict(zip(reached.datasets, datasets, strict=True))
    named = shown.jobs(list(jobs.values()), touched=reached.jobs)
    data |= dict(zip(jobs, named, strict=True))
    kinds = dict.fromkeys(jobs, "JOB") | dict.fromkeys(reached.datasets, "DATASET")
    return drawing.answer(kinds, data, reached.missing)


def _walk(shown: Shown, start: Node, depth: int, limits: Limits) -> _Reached:
    """Jobs layer by layer, each with all datasets that it touches."""
    found = _Reached()
    stopped = limits.stopped or (lambda: False)
    layer: Collection[str]
    layer = [start.key] if start.label == "Job" else _beside(shown, {start.key: start}, found)
    for step in range(depth + 1):
        seen = shown.state.nodes([key for key in layer if key not in found.jobs])
        if len(seen) < len(layer):
            found.missing.add("hidden")
        fresh = sorted(seen)[: NODES - len(found.jobs)]
        if len(fresh) < len(seen):
            found.missing.add("nodes")
        touched = shown.listing.touched(fresh, shown.now)
        found.jobs.update(touched)
        ends = {key for one in touched.values() for key in (*one.reads, *one.writes)}
        ends -= found.datasets.keys()
        known = shown.state.nodes(sorted(ends))
        if len(known) < len(ends):
            found.missing.add("hidden")
        room = NODES - len(found.datasets)
        if len(known) > room:
            found.missing.add("nodes")
            known = dict(list(known.items())[: max(room, 0)])
        layer = set(_beside(shown, known, found)) - found.jobs.keys()
        if not layer or stopped():
            break
        if step == depth:
            found.missing.add("depth")
    return found


def _beside(shown: Shown, fresh: Mapping[str, Node], found: _Reached) -> list[str]:
    """Take in datasets and their other names; the jobs that touch them."""
    keys = list(fresh)
    aliases = [e for e in shown.state.same_as(keys) if e.holds_at("structural", shown.now)]
    found.same |= {(edge.src, edge.dst) for edge in aliases}
    others = {end for edge in aliases for end in (edge.src, edge.dst)}
    others -= fresh.keys() | found.datasets.keys()
    found.datasets.update(fresh)
    found.datasets.update(shown.state.nodes(sorted(others)))
    touched = shown.listing.touched([*keys, *sorted(others)], shown.now)
    return sorted({key for one in touched.values() for key in (*one.reads, *one.writes)})


def _columns(services: Services, params: AskColumns) -> Json:
    start = find_node(services, params)
    starts = _columns_of(services, start)
    limits = limits_of(services, max(_depth(params.depth), 1))
    directions: tuple[Direction, ...] = ("up", "down") if params.withDownstream else ("up",)
    edges: dict[tuple[str, ...], Edge] = {}
    missing: set[str] = set()
    for direction in directions:
        closure = services.router.closure(
            starts, direction, edge_type="FEEDS_COLUMN", view="structural",
            as_of=services.clock(), limits=limits,
        )  # fmt: skip
        missing |= set(closure.truncated)
        edges |= {edge.id: edge for edge in closure.edges}
    ends = {key for edge in edges.values() for key in (edge.src, edge.dst)}
    nodes = services.state.nodes(sorted(ends.union(starts)))
    if ends - nodes.keys():
        missing.add("hidden")
    drawing = _Drawing(nodes)
    inputs: dict[str, list[Edge]] = {}
    for edge in edges.values():
        if edge.src in nodes and edge.dst in nodes:
            drawing.join(edge.src, edge.dst, turned=True)
            inputs.setdefault(edge.dst, []).append(edge)
    data = {key: _column(node, inputs.get(key, ()), nodes) for key, node in nodes.items()}
    return drawing.answer(dict.fromkeys(nodes, "DATASET_FIELD"), data, missing)


def _columns_of(services: Services, start: Node) -> list[str]:
    if start.label == "Column":
        return [start.key]
    homes: Iterable[str] = [start.key]
    if start.label == "Job":
        homes = Shown(services).listing.touched([start.key], services.clock())[start.key].writes
    return [column.key for home in homes for column in services.state.columns(home)]


def _column(node: Node, edges: Sequence[Edge], nodes: Mapping[str, Node]) -> dict[str, Json]:
    inputs = [
        {
            "namespace": nodes[edge.src].props["namespace"],
            "dataset": nodes[edge.src].props["name"],
            "datasetVersion": None,
            "field": nodes[edge.src].props["field"],
            "transformationDescription": str(edge.props.get("subtype") or ""),
            "transformationType": "DIRECT" if edge.props.get("direct") else "INDIRECT",
        }
        for edge in sorted(edges, key=lambda one: one.id)
    ]
    first = inputs[0] if inputs else {}
    return {
        "namespace": node.props["namespace"],
        "dataset": node.props["name"],
        "datasetVersion": None,
        "field": node.props["field"],
        "fieldType": node.props.get("type"),
        "transformationDescription": first.get("transformationDescription"),
        "transformationType": first.get("transformationType"),
        "inputFields": inputs,
    }


class _Drawing:
    """A graph of Marquez in the making: nodes by key, edges between those that are there."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.ids = {key: node_id(node) for key, node in nodes.items()}
        self._into: dict[str, set[tuple[str, str]]] = {key: set() for key in nodes}
        self._out: dict[str, set[tuple[str, str]]] = {key: set() for key in nodes}

    def join(self, origin: str, destination: str, *, turned: bool = False) -> None:
        """An edge; ``turned``: what comes in begins at the node that has it, as for columns."""
        if origin in self.ids and destination in self.ids:
            edge = (self.ids[origin], self.ids[destination])
            self._out[origin].add(edge)
            self._into[destination].add(edge[::-1] if turned else edge)

    def answer(
        self, kinds: Mapping[str, str], data: Mapping[str, Json], missing: Collection[str]
    ) -> dict[str, Json]:
        """The whole, by id."""
        return {
            "graph": [
                {
                    "id": self.ids[key],
                    "type": kinds[key],
                    "data": data[key],
                    "inEdges": _edges(self._into[key]),
                    "outEdges": _edges(self._out[key]),
                }
                for key in sorted(self.ids, key=self.ids.__getitem__)
            ],
            "complete": not missing,
            "reasons": sorted(missing),
        }


def _edges(found: Collection[tuple[str, str]]) -> list[Json]:
    return [{"origin": origin, "destination": end} for origin, end in sorted(found)]


def _upstream(services: Services, params: AskUpstream) -> Json:
    row, _ = run_of_id(services, params.runId, params.namespace, params.name)
    db = services.state.connection()
    depth = _depth(params.depth)
    rows, seen, level = [], {row.key}, [row]
    inputs: dict[str, list[tuple[str, str | None, str | None]]] = {}
    missing = set()
    for step in range(depth + 1):
        rows += level
        makers: list[str] = []
        for one in level:
            pinned = pinned_inputs(db, one)
            inputs[one.key] = [(p.dataset_key, p.version, p.run_key) for p in pinned]
            makers += [p.run_key for p in pinned if p.run_key is not None]
        further = list(dict.fromkeys(key for key in makers if key not in seen))
        if len(rows) + len(further) > RUNS or (further and step == depth):
            missing.add("depth" if step == depth else "nodes")
            break
        seen.update(further)
        level = services.state.runs_of_keys(further)
    keys = {key for one in rows for key in (one.job_key, *one.inputs)}
    names = services.state.nodes(sorted(keys))
    run_ids = {one.key: one.run_id for one in rows}
    shown = [_upstream_run(services, one, inputs[one.key], names, run_ids) for one in rows]
    return {"runs": shown, "complete": not missing, "reasons": sorted(missing)}


def _upstream_run(
    services: Services,
    row: RunRow,
    inputs: Iterable[tuple[str, str | None, str | None]],
    names: Mapping[str, Node],
    run_ids: dict[str, str],
) -> dict[str, Json]:
    job = names.get(row.job_key)
    read = []
    for key, version, maker in inputs:
        node = names.get(key)
        if node is None:
            continue
        if maker is not None and maker not in run_ids:
            found = services.state.run(maker)
            if found is not None:
                run_ids[maker] = found.run_id
        namespace, name = dataset_name(node)
        read.append(
            {
                "namespace": namespace,
                "name": name,
                "version": None if version is None else version_id(version),
                "producedByRunId": run_ids.get(maker or ""),
            }
        )
    return {
        "job": {
            "namespace": None if job is None else job.props["namespace"],
            "name": None if job is None else job.props["name"],
            "version": job_version(row.inputs, row.outputs),
        },
        "run": {
            "id": row.run_id,
            "start": None if row.started is None else format_millis(row.started),
            "end": None if row.ended is None else format_millis(row.ended),
            "status": STATES[row.state],
        },
        "inputs": read,
    }


def _depth(depth: int) -> int:
    if depth < 0:
        raise InvalidInput(
            "a graph has a depth of at least 0",
            where="depth",
            advice="0 shows what touches the node; it is 20 where it is left out",
        )
    return min(depth, 1000)


GRAPHS: Final = (
    Question("lineage", "Marquez: lineage of a dataset or job, both ways.", AskNode, _lineage),
    Question("column-lineage", "Marquez: lineage of columns.", AskColumns, _columns),
    Question(
        "runlineage/upstream", "Marquez: the runs that made what a run read.", AskUpstream,
        _upstream,
    ),
)  # fmt: skip
