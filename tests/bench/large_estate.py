"""An estate of 10,000 jobs, 20 columns a table and 100,000 runs: its traces and lists, over HTTP.

The nodes of every trace are compared with what networkx reaches in the same graph.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import networkx as nx
from graph_scale import record
from load import Estate, LoadSpec, events
from neo4j_service import forget_workspace
from openlineage_events import dataset, facet, run_event
from rig import Options, Row, Scenario, folder, quantile
from running_server import Client, RunningServer, make_workspace, serving
from sending import positions, timed, wait_for, wait_for_search

__all__ = ["SCENARIOS"]

_DEPTHS = (1, 2, 5, 12, 20)
_PAGE = 500
_MODELS = 50
_NAMESPACE = "bench"


def _load(options: Options) -> LoadSpec:
    return LoadSpec(
        jobs=options.sized(10_000, 60), levels=options.sized(20, 5), fan_in=2, reach=3, columns=20,
        runs=options.sized(100_000, 120), with_start=False, namespace=_NAMESPACE,
    )  # fmt: skip


def _trainings(spec: LoadSpec) -> Iterator[bytes]:
    """Models, each trained on two tables of the last level."""
    estate = Estate(spec)
    for number in range(_MODELS):
        said = facet("ModelDatasetFacet", name=f"model_{number}", version="1")
        model = dataset(f"model_{number}", tracehold_model=said)
        tables = [
            {"namespace": _NAMESPACE, "name": name, "facets": {}}
            for name in _trained_on(estate, number)
        ]
        yield msgspec.json.encode(
            run_event(
                "COMPLETE", number, job=f"train_{number}", run=f"train-{number}", inputs=tables,
                outputs=[model],
            )
        )  # fmt: skip


def _trained_on(estate: Estate, number: int) -> list[str]:
    return [estate.table(estate.levels, (number * 3 + step) % estate.width) for step in (0, 1)]


def _wired(spec: LoadSpec) -> Any:
    """The graph of tables and models, from the specification alone."""
    estate = Estate(spec)
    graph = nx.DiGraph()
    for job in range(spec.jobs):
        graph.add_edges_from((name, estate.writes(job)) for name in estate.reads(job))
    for number in range(_MODELS):
        graph.add_edges_from(
            (name, f"model_{number}") for name in _trained_on(estate, number) if name in graph
        )
    return graph


def _starts(spec: LoadSpec, direction: str, turns: int) -> Iterator[tuple[str, str, str]]:
    """What is asked about: its reference, its name, and the column of which it is asked."""
    estate = Estate(spec)
    rng = random.Random(f"{direction} {turns}")
    for turn in range(turns):
        if direction == "up" and turn % 4 == 3:
            yield f"model:model_{turn % _MODELS}@1", f"model_{turn % _MODELS}", ""
            continue
        level = rng.randrange(estate.levels // 2, estate.levels + 1)
        if direction == "down":
            level = estate.levels - level
        name = estate.table(level, rng.randrange(estate.width))
        field = f"column_{turn % spec.columns:02d}"
        yield f"dataset:[{_NAMESPACE}]{name}", name, f"column:[{_NAMESPACE}]{name}#{field}"


def _traces(
    server: RunningServer, client: Client, options: Options, engine: str, wanted: str
) -> list[Row]:
    spec = _load(options)
    graph = _wired(spec)
    turns = options.sized(24, 4)
    rows: list[Row] = []
    for what in ("dataset or model", "column"):
        every: list[float] = []
        sizes: list[float] = []
        cpu = server.cpu_seconds()
        for depth in _DEPTHS:
            took = []
            for direction in ("up", "down"):
                for ref, name, column in _starts(spec, direction, turns):
                    asked = ref if what != "column" else column
                    if not asked or name not in graph:
                        continue
                    params = {"ref": asked, "direction": direction, "depth": depth}
                    seconds, found = _first_page(client, params, engine)
                    took.append(seconds)
                    sizes.append(float(len(found)))
                    _compare(graph, name, direction, depth, found, columns=what == "column")
            every += took
            rows.append(Row(f"{what}, depth {depth}, p95", [quantile(took, 0.95) * 1e3], "ms"))
        cpu = (server.cpu_seconds() - cpu) / len(every) * 1e3
        rows += [
            Row(f"{what}, any depth, p95, {engine}", [quantile(every, 0.95) * 1e3], "ms", wanted),
            Row("server CPU", [cpu], "ms per page"),
            Row("nodes of a page", sizes, f"at most {_PAGE}"),
        ]
    return rows


def _await_engine(client: Client, engine: str) -> None:
    """A Neo4j that was just filled is slow with its first answers."""
    until = time.monotonic() + 60
    question = {"ref": "model:model_0@1", "limit": _PAGE, "detail": "names"}
    while client.json("/api/v1/trace", **question)["answered_by"] != engine:
        if time.monotonic() > until:
            raise SystemExit(f"{engine} does not answer")


def _first_page(
    client: Client, params: Mapping[str, str | int], engine: str
) -> tuple[float, list[Any]]:
    seconds, found = timed(client, "/api/v1/trace", **params, limit=_PAGE, detail="names")
    missing = {reason["code"] for reason in found["reasons"] if reason["missing"]}
    if found["answered_by"] != engine or missing - {"depth"}:
        raise SystemExit(f"{params}: {missing} by {found['answered_by']}")
    return seconds, found["nodes"]


def _compare(
    graph: Any, name: str, direction: str, depth: int, nodes: Sequence[Any], *, columns: bool
) -> None:
    """The page must hold what networkx reaches, or the nearest of it where that is more.

    Raises:
        SystemExit: It does not.
    """
    along = graph.reverse(copy=False) if direction == "up" else graph
    reached = nx.single_source_shortest_path_length(along, name, cutoff=depth)
    expected = {one: far for one, far in reached.items() if not (columns and "model" in one)}
    found = {
        node["name"]: node["depth"] for node in nodes if node["label"] != "Model" or not columns
    }
    complete = len(expected) <= _PAGE
    if any(expected.get(one) != far for one, far in found.items()) or (
        complete and found.keys() != expected.keys()
    ):
        raise SystemExit(f"{name} {direction} {depth}: {len(found)} nodes, not {len(expected)}")


def _lists(server: RunningServer, client: Client, options: Options) -> list[Row]:
    spec = _load(options)
    estate = Estate(spec)
    rng = random.Random(13)
    turns = options.sized(60, 3)

    def job() -> str:
        return estate.job(rng.randrange(spec.jobs))

    asked: Mapping[str, Callable[[], Mapping[str, str | int]]] = {
        "datasets": dict,
        "datasets of a name": lambda: {"text": rng.choice(("level_07", "warehouse", "_00017"))},
        "jobs": dict,
        "jobs of a name": lambda: {"text": job()[-9:]},
        "runs": dict,
        "runs of a job": lambda: {"job": f"job:[{_NAMESPACE}]{job()}"},
        "models": dict,
        # In the form of Marquez.
        "namespaces": dict,
        f"namespaces/{_NAMESPACE}/datasets": lambda: {"offset": rng.randrange(spec.jobs)},
        f"namespaces/{_NAMESPACE}/jobs": lambda: {"offset": rng.randrange(spec.jobs)},
        "search": lambda: {"q": job()[-9:]},
    }
    rows: list[Row] = []
    cpu, count = server.cpu_seconds(), 0
    for title, params in asked.items():
        path = f"/api/v1/{title.partition(' ')[0]}"
        took = [timed(client, path, **params())[0] for _ in range(turns)]
        count += turns
        rows.append(Row(f"list of {title}, p95", [quantile(took, 0.95) * 1e3], "ms", "≤ 30"))
    cpu = (server.cpu_seconds() - cpu) / count * 1e3
    return [*rows, Row("server CPU", [cpu], "ms per list")]


def _as_marquez(client: Client, options: Options) -> list[Row]:
    """Lineage of tables in Marquez' form, both ways, jobs and their newest runs included."""
    spec = _load(options)
    estate = Estate(spec)
    rng = random.Random(17)
    rows = []
    for depth in (2, 5, 12):
        took = []
        for _ in range(options.sized(12, 2)):
            name = estate.table(estate.levels // 2, rng.randrange(estate.width))
            node = f"dataset:{_NAMESPACE}:{name}"
            took.append(timed(client, "/api/v1/lineage", nodeId=node, depth=depth)[0])
        rows.append(
            Row(f"Marquez' lineage, depth {depth}, p95", [quantile(took, 0.95) * 1e3], "ms")
        )
    return rows


def _measure(options: Options) -> list[Row]:
    with folder() as home:
        workspace = _build(home, options)
        with serving(workspace) as server, closing(server.client()) as client:
            wait_for_search(server)
            rows = _traces(server, client, options, "sql", "≤ 20")
            rows += _lists(server, client, options)
            rows += _as_marquez(client, options)
    return rows


def _in_neo4j(options: Options) -> list[Row]:
    forget_workspace(empty=True)
    with folder() as home:
        workspace = _build(home, options)
        with (
            serving(workspace, environment=options.graph) as server,
            closing(server.client()) as client,
        ):
            wait_for(server, "mirror", positions(client)["journal"])
            wait_for_search(server)
            _await_engine(client, "neo4j")
            return _traces(server, client, options, "neo4j", "≤ 60")


def _build(home: Path, options: Options) -> Path:
    spec = _load(options)
    workspace = make_workspace(home / "estate")
    record(workspace, chain(events(spec), _trainings(spec)))
    return workspace


_NOTE = (
    "First pages of 500 nodes with references, names and edges (`detail=names`), of tables, models"
    " and columns on all levels, up and down, until the last byte; each compared with networkx."
)

SCENARIOS = (
    Scenario(
        "estate", "Traces and lists of 10,000 jobs, 20 columns and 100,000 runs", _measure,
        note=_NOTE,
    ),
    Scenario(
        "estate-neo4j", "The same traces from Neo4j", _in_neo4j, neo4j=True, asked=True,
        note=_NOTE,
    ),
)  # fmt: skip
