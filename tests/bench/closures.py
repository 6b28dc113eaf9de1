"""Closures over a million column edges, over HTTP: cost goes with the answer, not the catalog."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from graph_scale import CORE, Variant, ask, build, interleaved, questions
from load import LoadSpec
from neo4j_home import Neo4jHome
from neo4j_service import forget_workspace
from rig import Options, Row, Scenario, folder, quantile, ratios
from running_server import Client, RunningServer, serving
from sending import positions, wait_for, wait_for_search

__all__ = ["SCENARIOS"]

_Asked = tuple[RunningServer, Client]
_WARM = 3
_PATIENCE = 20
_PAIRS = 60


def _core(options: Options) -> LoadSpec:
    jobs = options.sized(CORE.jobs, 60)
    return replace(CORE, jobs=jobs, runs=jobs, levels=options.sized(CORE.levels, 6))


@contextmanager
def _asked(workspace: Path, graph: Mapping[str, str]) -> Iterator[_Asked]:
    with serving(workspace, environment=graph) as server:
        wait_for_search(server)
        client = server.client()
        yield server, client
        client.close()


def _closure(options: Options) -> list[Row]:
    core = _core(options)
    turns = options.sized(300, 5)
    pairs = options.sized(_PAIRS, 3)
    with folder() as home:
        alone = build(home / "alone", Variant(core))
        wide = build(home / "wide", Variant(core, beside=options.sized(9, 1)))
        often = build(home / "often", Variant(core, runs=options.sized(100, 3)))
        with _asked(alone, {}) as few, _asked(wide, {}) as many, _asked(often, {}) as more:
            rows = _answers(*many, core, turns, "sql", "≤ 25")
            for other in (few, more):
                _warm(other[1], core, "sql")
            asked = questions(core, pairs)
            wider = interleaved(few[1], many[1], asked, "sql")
            oftener = interleaved(few[1], more[1], asked, "sql")
    unit = f"ratio of times, {pairs} interleaved pairs"
    return [
        *rows,
        Row("catalog 10 x larger", ratios(wider[1], wider[0]), unit, "≤ 1.3"),
        Row("100 x more runs", ratios(oftener[1], oftener[0]), unit, "≤ 1.3"),
    ]


def _answers(
    server: RunningServer, client: Client, core: LoadSpec, turns: int, engine: str, wanted: str
) -> list[Row]:
    _warm(client, core, engine)
    seconds, nodes, edges = [], [], []
    cpu = server.cpu_seconds()
    for question in questions(core, turns):
        took, found = ask(client, question, engine)
        seconds.append(took)
        nodes.append(float(len(found["nodes"])))
        edges.append(float(len(found["edges"])))
    cpu = server.cpu_seconds() - cpu
    return [
        Row(f"closure p50, {engine}", [quantile(seconds, 0.50) * 1e3], "ms"),
        Row(f"closure p95, {engine}", [quantile(seconds, 0.95) * 1e3], "ms", wanted),
        Row("server CPU", [cpu / turns * 1e3], "ms per answer"),
        Row("nodes of an answer", nodes, "columns and tables"),
        Row("edges of an answer", edges, "intervals and properties included"),
    ]


def _warm(client: Client, core: LoadSpec, engine: str) -> None:
    """Ask until the engine answers: a Neo4j that has just started compiles longer than it may."""
    for question in questions(core, _WARM):
        for _ in range(_PATIENCE):
            if ask(client, question)[1]["answered_by"] == engine:
                break


def _in_neo4j(options: Options) -> list[Row]:
    core = _core(options)
    pairs = options.sized(_PAIRS, 3)
    forget_workspace(empty=True)
    with folder() as home:
        alone = build(home / "alone", Variant(core))
        wide = build(home / "wide", Variant(core, beside=options.sized(9, 1)))
        often = build(home / "often", Variant(core, runs=options.sized(100, 3)))
        began = time.perf_counter()
        with _asked(wide, options.graph) as many:
            _await_mirror(many[0])
            loaded = time.perf_counter() - began
            with closing(many[0].client()) as client:
                rows = _answers(many[0], client, core, options.sized(300, 5), "neo4j", "≤ 100")
            # Two catalogs at once need two databases.
            with Neo4jHome(home / "one") as other, _asked(alone, other.environment()) as few:
                wider = _compared(few, many, core, pairs)
        forget_workspace(empty=True)
        with (
            _asked(often, options.graph) as more,
            Neo4jHome(home / "two") as other,
            _asked(alone, other.environment()) as few,
        ):
            oftener = _compared(few, more, core, pairs)
    unit = f"ratio of times, {pairs} interleaved pairs"
    return [
        Row("bulk load", [loaded], "s, from the start of the server", "≤ 180"),
        *rows,
        Row("catalog 10 x larger", ratios(wider[1], wider[0]), unit, "≤ 1.3"),
        Row("100 x more runs", ratios(oftener[1], oftener[0]), unit, "≤ 1.3"),
    ]


def _compared(
    few: _Asked, many: _Asked, core: LoadSpec, pairs: int
) -> tuple[list[float], list[float]]:
    for server, _ in (few, many):
        _await_mirror(server)
    # Connections that were idle until now are closed.
    with closing(few[0].client()) as one, closing(many[0].client()) as other:
        for client in (one, other):
            _warm(client, core, "neo4j")
        return interleaved(one, other, questions(core, pairs), "neo4j")


def _await_mirror(server: RunningServer) -> None:
    with closing(server.client()) as client:
        goal = positions(client)["journal"]
    wait_for(server, "mirror", goal)


_NOTE = (
    "Traces of one column up to its sources, nodes and edges, asked for over HTTP. The two ratios"
    " ask the same questions of two servers in turn, after each has been asked all of them once,"
    " and fail where an answer differs."
)

SCENARIOS = (
    Scenario(
        "closure", "Closure over 1,000,000 column edges and 20 levels, as of a date", _closure,
        note=_NOTE,
    ),
    Scenario(
        "neo4j", "Neo4j: bulk load of that graph, and the same closure", _in_neo4j, neo4j=True,
        note=_NOTE,
    ),
)  # fmt: skip
