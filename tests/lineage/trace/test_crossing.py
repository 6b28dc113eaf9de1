"""A trace goes on where a thing has another name, in both views, and says that it crossed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from openlineage_events import IDENTITY, NS, World, at, dataset, facet, run_event

from lineage.graph.port import Limits
from lineage.graph.walk import OutOfTime
from lineage.refs import DatasetRef
from lineage.trace.model import Trace
from lineage.trace.tree import text
from lineage.trace.walk import trace

View = Literal["structural", "content"]
VIEWS: tuple[View, ...] = ("structural", "content")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def named(name: str, *others: str) -> dict[str, Any]:
    identifiers = [{"namespace": NS, "name": other, "type": "TABLE"} for other in others]
    return dataset(name, symlinks=facet("SymlinksDatasetFacet", identifiers=identifiers))


def ask(
    world: World, name: str, direction: Literal["up", "down"], view: View, **asked: Any
) -> Trace:
    return trace(
        world.state.graph, world.state, IDENTITY, DatasetRef(NS, name),
        direction=direction, view=view, **{"as_of": at(60), **asked},
    )  # fmt: skip


def reached(found: Trace) -> list[tuple[int, str]]:
    return [(node.depth, node.name) for node in found.nodes]


@pytest.fixture
def copied(world: World) -> World:
    """A job writes a path that a table is named by; another reads the table."""
    return world.send(
        run_event("COMPLETE", 1, job="load", run="1", inputs=["raw"], outputs=["path"]),
        run_event("COMPLETE", 2, job="use", run="2", inputs=[named("t", "path")], outputs=["end"]),
    )


@pytest.mark.parametrize("view", VIEWS)
def test_a_trace_crosses_to_the_other_name_in_both_directions(copied: World, view: View) -> None:
    up = ask(copied, "end", "up", view)
    assert reached(up) == [(0, "end"), (1, "t"), (2, "path"), (3, "raw")]
    down = ask(copied, "raw", "down", view)
    assert reached(down) == [(0, "raw"), (1, "path"), (2, "t"), (3, "end")]
    for found in (up, down):
        [crossing] = [edge for edge in found.edges if edge.type == "SAME_AS"]
        assert (crossing.kind, crossing.inferred, crossing.job) == ("symlink", False, "")
        assert crossing.props["rule"] == "symlinks"
        assert found.complete


@pytest.mark.parametrize("view", VIEWS)
def test_a_trace_from_a_name_begins_with_that_name(copied: World, view: View) -> None:
    assert reached(ask(copied, "t", "up", view)) == [(0, "t"), (1, "path"), (2, "raw")]
    assert reached(ask(copied, "path", "down", view)) == [(0, "path"), (1, "t"), (2, "end")]


@pytest.mark.parametrize("view", VIEWS)
def test_a_name_that_leads_nowhere_is_left_out(world: World, view: View) -> None:
    world.send(
        run_event("COMPLETE", 1, job="load", inputs=["raw"], outputs=[named("t", "p1", "p2")])
    )
    assert reached(ask(world, "t", "up", view)) == [(0, "t"), (1, "raw")]


@pytest.mark.parametrize("view", VIEWS)
def test_a_name_between_two_that_lead_on_is_kept(world: World, view: View) -> None:
    world.send(
        run_event("COMPLETE", 1, job="load", run="1", inputs=["raw"], outputs=[named("p", "m")]),
        run_event("COMPLETE", 2, job="use", run="2", inputs=[named("t", "m")], outputs=["end"]),
    )
    names = reached(ask(world, "end", "up", view))
    assert names == [(0, "end"), (1, "t"), (2, "m"), (3, "p"), (4, "raw")]


def test_a_withdrawn_name_is_crossed_by_its_content_alone(copied: World) -> None:
    copied.send(
        run_event("COMPLETE", 9, job="use", run="3", inputs=[named("t", "new")], outputs=["end"])
    )
    assert reached(ask(copied, "end", "up", "structural")) == [(0, "end"), (1, "t")]
    assert (3, "raw") in reached(ask(copied, "end", "up", "structural", as_of=at(5)))
    assert (3, "raw") in reached(ask(copied, "end", "up", "content"))


def test_distances_count_the_crossing_and_the_limit_holds(copied: World) -> None:
    cut = ask(copied, "end", "up", "structural", limits=Limits(depth=2))
    assert reached(cut) == [(0, "end"), (1, "t"), (2, "path")]
    assert [reason.code for reason in cut.reasons if reason.missing] == ["depth"]
    cut = ask(copied, "end", "up", "structural", limits=Limits(nodes=2))
    assert len(cut.nodes) <= 2
    assert [reason.code for reason in cut.reasons if reason.missing] == ["nodes"]


def test_a_drawn_trace_shows_the_crossing(copied: World) -> None:
    drawn = text(ask(copied, "end", "up", "structural"))
    assert "dataset:[warehouse]path · symlink" in drawn


def after(looks: int) -> Callable[[], bool]:
    """Says no so many times, then yes."""
    left = iter([False] * looks)
    return lambda: next(left, True)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_whenever_time_runs_out_the_answer_says_so(
    world: World, direction: Literal["up", "down"], view: View, *, columns: bool
) -> None:
    training = named("t", "path")
    training["facets"]["schema"] = dataset("t", columns=["x"])["facets"]["schema"]
    fitted = dataset("m@1", tracehold_model=facet("Model", name="m", version="1"))
    world.send(
        run_event("COMPLETE", 1, job="load", inputs=[dataset("raw", columns=["x"])],
                  outputs=[dataset("path", columns=["x"], lineage={"x": ["raw.x"]})]),
        run_event("COMPLETE", 2, job="use", inputs=[training],
                  outputs=[dataset("end", columns=["x"], lineage={"x": ["t.x"]})]),
        run_event("COMPLETE", 3, job="fit", inputs=["end"], outputs=[fitted]),
    )  # fmt: skip
    ref = "raw" if direction == "down" else "end"
    whole = {node.key for node in ask(world, ref, direction, view, columns=columns).nodes}
    for looks in range(1, 1000):
        passed = after(looks)
        found = ask(
            world, ref, direction, view, columns=columns,
            limits=Limits(seconds=5), monotonic=lambda: 9.0 if passed() else 0.0,  # noqa: B023
        )  # fmt: skip
        assert {node.key for node in found.nodes} <= whole
        if found.complete:
            break
        assert [reason.code for reason in found.reasons if reason.missing] == ["time"]
    assert {node.key for node in found.nodes} == whole
    assert looks > 2


def test_whenever_nobody_waits_any_more_the_work_ends(copied: World) -> None:
    for looks in range(1000):
        limits = Limits(stopped=after(looks))
        try:
            found = ask(copied, "raw", "down", "content", limits=limits)
        except OutOfTime:
            continue
        break
    assert reached(found)[-1] == (3, "end")
    assert looks > 3
