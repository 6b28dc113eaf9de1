"""Rolled up, nested jobs that tell of one movement of data are one edge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nested_jobs import CTAS, nested
from openlineage_events import IDENTITY, NS, World, at, column, run_event

from lineage.refs import ColumnRef, DatasetRef, Ref
from lineage.trace.model import TraceEdge
from lineage.trace.paging import Cursor, Page
from lineage.trace.rollup import rolled_up
from lineage.trace.walk import trace


def walked(world: World, ref: Ref, **more: Any) -> Any:
    return trace(
        world.state.graph, world.state, IDENTITY, ref, direction="up", as_of=at(100), **more
    )


def told(found: Any) -> list[tuple[str, str, Any]]:
    return [(edge.job, edge.kind, edge.through) for edge in found.edges]


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(tmp_path).send(*CTAS)
    yield made
    made.close()


def test_application_and_query_are_one_edge_of_the_flow(world: World) -> None:
    clean = DatasetRef(NS, "clean")
    detail = walked(world, clean)
    assert [(edge.job, edge.kind) for edge in detail.edges] == [
        (f"job:[{NS}]app", "product"),
        (f"job:[{NS}]app.ctas", "columns"),
    ]
    rolled = walked(world, clean, rollup=True)
    assert told(rolled) == [
        (f"job:[{NS}]flow", "columns", (f"job:[{NS}]app", f"job:[{NS}]app.ctas"))
    ]
    assert rolled.edges[0].job_name == "flow"
    assert rolled.edges[0].inferred is False
    assert rolled.nodes == detail.nodes
    assert rolled.complete


def test_columns_are_rolled_up_too(world: World) -> None:
    rolled = walked(world, ColumnRef(NS, "clean", "id"), rollup=True)
    [edge] = rolled.edges
    assert (edge.job, edge.src) == (f"job:[{NS}]flow", column("raw", "id"))
    assert edge.props["masking"] == "unknown"


def test_what_two_flows_move_stays_two_edges(world: World) -> None:
    other = run_event("COMPLETE", 9, job="other.query", inputs=["raw"], outputs=["clean"])
    world.send(nested(other, "other"))
    rolled = walked(world, DatasetRef(NS, "clean"), rollup=True)
    assert [(job, kind) for job, kind, _ in told(rolled)] == [
        (f"job:[{NS}]flow", "columns"),
        (f"job:[{NS}]other", "product"),
    ]


def test_a_job_of_nobody_is_its_own_outermost(tmp_path: Path) -> None:
    world = World(tmp_path).send(run_event("COMPLETE", 1, inputs=["a"], outputs=["b"]))
    assert told(walked(world, DatasetRef(NS, "b"), rollup=True)) == [
        (f"job:[{NS}]job", "product", ())
    ]
    world.close()


def test_a_hidden_flow_is_not_named_and_what_is_within_is(world: World) -> None:
    rolled = walked(
        world, DatasetRef(NS, "clean"), rollup=True,
        allowed=lambda node: node.props.get("name") != "flow",
    )  # fmt: skip
    assert told(rolled) == [("", "columns", (f"job:[{NS}]app", f"job:[{NS}]app.ctas"))]


def test_pages_of_a_rolled_up_answer_do_not_fit_another(world: World) -> None:
    clean = DatasetRef(NS, "clean")
    first = walked(world, clean, rollup=True, page=Page(1))
    rest = walked(world, clean, rollup=True, page=Page(1, Cursor.read(str(first.next))))
    assert len(rest.edges) == 1
    with pytest.raises(Exception, match="has changed"):
        walked(world, clean, page=Page(1, Cursor.read(str(first.next))))


EDGES = st.builds(
    TraceEdge,
    type=st.just("FEEDS"),
    src=st.sampled_from("ab"),
    dst=st.sampled_from("cd"),
    job=st.sampled_from(["", "j1", "j2", "j3"]),
    job_name=st.just("n"),
    kind=st.sampled_from(["declared", "columns", "product", "later"]),
    inferred=st.booleans(),
    role=st.sampled_from([None, "train"]),
)
AROUND = {"j1": ("top", "top"), "j2": ("top", "top"), "j3": ("j3", "n")}


@given(st.lists(EDGES, max_size=12), st.randoms(use_true_random=False))
def test_rolling_up_loses_no_way_and_no_job_whatever_the_order(
    edges: list[TraceEdge], shuffler: Any
) -> None:
    rolled = rolled_up(edges, AROUND)
    assert {(e.src, e.dst) for e in rolled} == {(e.src, e.dst) for e in edges}
    places = [(e.src, e.dst, e.job) for e in rolled]
    assert len(places) == len(set(places))
    named = {(e.src, e.dst, job) for e in rolled for job in (*e.through, e.job)}
    assert {(e.src, e.dst, e.job) for e in edges} <= named
    mixed = list(edges)
    shuffler.shuffle(mixed)

    def shown(found: list[TraceEdge]) -> set[tuple[Any, ...]]:
        return {(e.src, e.dst, e.job, e.kind, e.through, e.role) for e in found}

    assert shown(rolled_up(mixed, AROUND)) == shown(rolled)
