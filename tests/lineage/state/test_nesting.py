"""Jobs within jobs, from what runs say of their parents, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nested_jobs import CTAS, nested, run_id
from openlineage_events import IDENTITY, NS, World, job_key, run_event

from lineage.refs import RunRef
from lineage.state.nesting import inner_jobs, inner_runs, outermost

ITSELF = {"namespace": NS, "name": "job"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def outer(world: World, *names: str) -> list[str]:
    """The outermost job around each, by name."""
    found = outermost([job_key(name) for name in names], world.state.outer_jobs)
    nodes = world.state.nodes(list(found.values()))
    return [str(nodes[found[job_key(name)]].props["name"]) for name in names]


def test_the_outermost_job_is_found_whatever_the_order(tmp_path: Path) -> None:
    jobs = ("flow", "flow.task", "app", "app.ctas")
    digests = set()
    for order in (CTAS, CTAS[::-1], [*CTAS, *CTAS], [CTAS[2], CTAS[0], CTAS[3], CTAS[1]]):
        world = World(tmp_path).send(*order, batch=1)
        assert outer(world, *jobs) == ["flow"] * 4
        digests.add(world.state.digest())
        world.close()
    assert len(digests) == 1


def test_the_root_counts_where_the_jobs_between_are_silent(world: World) -> None:
    world.send(nested(run_event("START", 1, job="query"), "task", "flow"))
    assert outer(world, "query", "task", "flow") == ["flow", "flow", "flow"]
    edges = world.edges("CHILD_OF")
    assert {ends: edge.kind for ends, edge in edges.items()} == {
        ("query", "task"): "parent", ("task", "flow"): "root",
    }  # fmt: skip
    assert {edge.owner for edge in edges.values()} == {job_key("query")}


def test_a_job_that_runs_within_several_is_counted_to_none(world: World) -> None:
    for number, flow in enumerate(("night", "day")):
        world.send(nested(run_event("START", number, job="load", run=flow), flow))
    world.send(nested(run_event("START", 9, job="load.query"), "load"))
    assert outer(world, "load", "load.query", "night") == ["load", "load", "night"]


@pytest.mark.parametrize(
    "parent",
    [
        None, 3, {}, {"job": None}, {"job": {"namespace": NS}},
        {"job": {"namespace": 1, "name": 2}}, {"job": {"namespace": NS, "name": ""}},
        {"root": 1}, {"root": {"job": []}}, {"job": ITSELF},
        {"job": ITSELF, "root": {"job": ITSELF}},
    ],
)  # fmt: skip
def test_a_parent_that_says_nothing_is_none(world: World, parent: object) -> None:
    event = run_event("COMPLETE", 1)
    event["run"]["facets"]["parent"] = parent
    world.send(event)
    assert world.edges("CHILD_OF") == {}
    assert outer(world, "job") == ["job"]


def test_runs_within_a_run_are_those_that_name_it(world: World) -> None:
    world.send(*CTAS)
    other = run_event("START", 8, job="app", run="of-another")
    world.send(nested(other, "flow.task", run="t2"))
    db = world.state.connection()

    def key(job: str, run: str) -> str:
        return RunRef(NS, job, run_id(run)).key(IDENTITY)

    inner = inner_jobs(db, job_key("flow.task"), 10)
    assert inner == [job_key("app")]
    assert inner_runs(db, key("flow.task", "t"), inner, 10) == [key("app", "a")]
    assert inner_runs(db, key("app", "a"), inner_jobs(db, job_key("app"), 10), 10) == [
        key("app.ctas", "q")
    ]
    assert inner_runs(db, key("app.ctas", "q"), [], 10) == []


NAMES = "abcdef"


@given(st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12))
def test_the_way_outwards_is_that_of_a_graph(pairs: set[tuple[str, str]]) -> None:
    pairs = {(inner, around) for inner, around in pairs if inner != around}
    graph = nx.DiGraph(pairs)
    only = nx.DiGraph((one, other) for one, other in pairs if graph.out_degree(one) == 1)
    only.add_nodes_from(NAMES)
    asked: list[str] = []

    def above(keys: object) -> dict[str, set[str]]:
        asked.extend(keys)  # type: ignore[call-overload]
        return {
            key: set(graph.successors(key))
            for key in keys  # type: ignore[attr-defined]
            if key in graph and graph.out_degree(key)
        }

    found = outermost(NAMES, above)
    assert len(asked) == len(set(asked))
    for key in NAMES:
        reached = {key, *nx.descendants(only, key)}
        ends = {one for one in reached if not only.out_degree(one)}
        ring = [one for one in reached if any(one in cycle for cycle in nx.simple_cycles(only))]
        assert found[key] == (ends.pop() if ends else min(ring))
