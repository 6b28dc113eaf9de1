"""Traces equal networkx on random graphs: cycles, both views, random moments, limits, paths."""

from __future__ import annotations

from typing import Any

import pytest
from graph_builders import sql_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_data import TABLES, Step, Tables, steps_after_each_other
from msgspec.structs import replace
from openlineage_events import IDENTITY as EVENTS_IDENTITY
from openlineage_events import NS, World, at
from rounds import rounds
from trace_oracle import KEYS, Found, inside, tangled, wired
from trace_world import IDENTITY, GraphState

from lineage.graph.port import Direction, Edge, Limits, Node, View
from lineage.refs import ColumnRef, DatasetRef, Ref
from lineage.trace.model import Trace
from lineage.trace.walk import trace

UNHURRIED = Limits(seconds=60)
REFS: dict[str, Ref] = {key: DatasetRef("t", key) for key in KEYS}
COLUMNS: dict[str, Ref] = {key: ColumnRef("t", "table", key) for key in KEYS}


def named(drawn: list[Edge], refs: dict[str, Ref]) -> list[Edge]:
    """The edges between the keys of references."""
    keys = {key: ref.key(IDENTITY) for key, ref in refs.items()}
    type_: Any = "FEEDS" if refs is REFS else "FEEDS_COLUMN"
    return [replace(e, type=type_, src=keys[e.src], dst=keys[e.dst]) for e in drawn]


def state_of(edges: list[Edge], refs: dict[str, Ref]) -> GraphState:
    graph = sql_graph()
    nodes = []
    for ref in refs.values():
        if isinstance(ref, ColumnRef):
            props = {"namespace": ref.namespace, "name": ref.name, "field": ref.field}
            nodes.append(Node(ref.key(IDENTITY), "Column", props))
        elif isinstance(ref, DatasetRef):
            props = {"namespace": ref.namespace, "name": ref.name}
            nodes.append(Node(ref.key(IDENTITY), "Dataset", props))
    graph.load(nodes, edges, 1)
    return GraphState(graph)


def ask(state: GraphState, ref: Ref, **options: Any) -> Trace:
    options = {"limits": UNHURRIED, **options}
    return trace(state.graph, state, IDENTITY, ref, **options)


def by_kind(numbers: set[Any]) -> set[Any]:
    return {(type_, src, dst, kind) for type_, src, dst, _, kind in numbers}


def equal(found: Trace, wanted: Found) -> None:
    assert {node.key: node.depth for node in found.nodes} == wanted.depths
    assert {(e.type, e.src, e.dst, e.kind) for e in found.edges} == by_kind(wanted.edges)
    assert len(found.edges) == len(wanted.edges)


def oracle(
    view: View, edges: list[Edge], start: str, direction: Direction, as_of: int,
    to: str | None = None,
) -> Found:  # fmt: skip
    ask_it = wired if view == "structural" else inside
    return ask_it(edges, start, direction, as_of, to)


ASKED: dict[str, Any] = {
    "drawn": tangled(),
    "start": st.sampled_from(KEYS[:3]),
    "as_of": st.integers(1, 14),
}
ENDS = st.sampled_from(KEYS[:4])


def both(test: Any) -> Any:
    """In both directions and both views."""
    ways = pytest.mark.parametrize("direction", ["up", "down"])
    return ways(pytest.mark.parametrize("view", ["structural", "content"])(test))


@both
@settings(max_examples=rounds(usual=60, campaign=3_000))
@given(**ASKED)
def test_a_trace_equals_networkx(
    drawn: list[Edge], start: str, direction: Direction, view: View, as_of: int
) -> None:
    edges = named(drawn, REFS)
    state = state_of(edges, REFS)
    ref = REFS[start]
    found = ask(state, ref, direction=direction, view=view, as_of=as_of)
    wanted = oracle(view, edges, ref.key(IDENTITY), direction, as_of)
    equal(found, wanted)
    left = {n.key for n in found.nodes if "content" not in n.annotations}
    assert left == wanted.inside
    assert (found.complete, found.total) == (True, len(found.nodes))


@both
@settings(max_examples=rounds(usual=60, campaign=3_000))
@given(**ASKED, end=ENDS)
def test_what_lies_between_two_things_equals_networkx(
    drawn: list[Edge], start: str, direction: Direction, view: View, as_of: int, end: str
) -> None:
    edges = named(drawn, REFS)
    state = state_of(edges, REFS)
    ref, to = REFS[start], REFS[end]
    asked: dict[str, Any] = {"view": view, "as_of": as_of}
    found = ask(state, ref, to=to, direction=direction, **asked)
    first, last = ref.key(IDENTITY), to.key(IDENTITY)
    equal(found, oracle(view, edges, first, direction, as_of, last))
    whole = ask(state, ref, direction=direction, **asked)
    there = {n.key for n in whole.nodes if "content" not in n.annotations}
    assert bool(found.nodes) == (last in there)
    assert ("no-path" in {r.code for r in found.reasons}) == (not found.nodes)
    back = ask(state, to, to=ref, direction="down" if direction == "up" else "up", **asked)
    assert {n.key for n in back.nodes} == {n.key for n in found.nodes}
    assert sorted(e.src + e.dst + e.kind for e in back.edges) == sorted(
        e.src + e.dst + e.kind for e in found.edges
    )


@both
@settings(max_examples=rounds(usual=25, campaign=1_500))
@given(**ASKED)
def test_a_trace_along_columns_equals_networkx(
    drawn: list[Edge], start: str, direction: Direction, view: View, as_of: int
) -> None:
    edges = named(drawn, COLUMNS)
    state = state_of(edges, COLUMNS)
    ref = COLUMNS[start]
    found = ask(state, ref, direction=direction, view=view, as_of=as_of)
    equal(found, oracle(view, edges, ref.key(IDENTITY), direction, as_of))


@both
@settings(max_examples=rounds(usual=25, campaign=1_500))
@given(**ASKED, end=ENDS)
def test_what_lies_between_two_columns_equals_networkx(
    drawn: list[Edge], start: str, direction: Direction, view: View, as_of: int, end: str
) -> None:
    edges = named(drawn, COLUMNS)
    state = state_of(edges, COLUMNS)
    ref, to = COLUMNS[start], COLUMNS[end]
    found = ask(state, ref, to=to, direction=direction, view=view, as_of=as_of)
    first, last = ref.key(IDENTITY), to.key(IDENTITY)
    equal(found, oracle(view, edges, first, direction, as_of, last))


LIMITS = st.builds(
    Limits,
    depth=st.integers(1, 4),
    nodes=st.integers(1, 9),
    seconds=st.sampled_from([0.0, 60.0]),
    edges=st.integers(0, 20),
)


@both
@settings(max_examples=rounds(usual=30, campaign=1_500))
@given(**ASKED, limits=LIMITS, end=st.none() | ENDS)
def test_limits_only_ever_take_away_and_say_so(
    drawn: list[Edge], start: str, direction: Direction, view: View, as_of: int,
    limits: Limits, end: str | None,
) -> None:  # fmt: skip
    edges = named(drawn, REFS)
    state = state_of(edges, REFS)
    asked: dict[str, Any] = {"direction": direction, "view": view, "as_of": as_of}
    if end is not None:
        asked["to"] = REFS[end]
    cut = ask(state, REFS[start], limits=limits, **asked)
    whole = ask(state, REFS[start], **asked)
    there = {node.key: node for node in whole.nodes}
    kept = {node.key: node for node in cut.nodes}
    assert kept.keys() <= there.keys()
    assert {(e.src, e.dst, e.kind) for e in cut.edges} <= {
        (e.src, e.dst, e.kind) for e in whole.edges
    }
    assert len(kept) <= limits.nodes or end is not None
    if kept.keys() != there.keys():
        assert not cut.complete
        assert {r.code for r in cut.reasons} & {"depth", "nodes", "edges", "time"}
        assert cut.total is None


@both
@settings(max_examples=rounds(usual=15, campaign=1_500))
@given(**ASKED, size=st.integers(1, 5))
def test_pages_taken_together_are_the_answer(
    drawn: list[Edge], start: str, direction: Direction, view: View, as_of: int, size: int
) -> None:
    from lineage.trace.paging import Cursor, Page

    edges = named(drawn, REFS)
    state = state_of(edges, REFS)
    asked: dict[str, Any] = {"direction": direction, "view": view, "as_of": as_of}
    whole = ask(state, REFS[start], **asked)
    nodes: list[Any] = []
    passed: list[Any] = []
    after = None
    while True:
        page = ask(state, REFS[start], page=Page(size, after), **asked)
        nodes += page.nodes
        passed += page.edges
        seen = {node.key for node in nodes}
        assert all(edge.src in seen and edge.dst in seen for edge in page.edges)
        assert (page.total, page.complete) == (whole.total, whole.complete)
        if page.next is None:
            break
        assert len(page.nodes) == size
        after = Cursor.read(page.next)
    assert nodes == list(whole.nodes)
    assert len(passed) == len(whole.edges)
    assert all(edge in whole.edges for edge in passed)


@settings(max_examples=rounds(usual=15, campaign=1_000))
@given(st.lists(st.integers(0, 8), min_size=1, max_size=3), steps_after_each_other())
def test_folded_events_are_traced_to_what_really_moved(
    moments: list[int], steps: list[Step]
) -> None:
    """From events over the fold to the trace: what is inside, and where it came through."""
    world = World()
    for number, step in enumerate(steps):
        world.send(*step.events(number))
    for moment in (10 * step + 9 for step in moments):
        held = Tables().play(steps, moment)
        for name in TABLES:
            if world.state.node(DatasetRef(NS, name).key(EVENTS_IDENTITY)) is None:
                assert not held[name]
                continue
            asked: dict[str, Any] = {"view": "content", "as_of": at(moment)}
            up = _ask(world, name, direction="up", **asked)
            assert {node.name for node in up.nodes} == {name} | held[name]
            for other in TABLES:
                if other == name or not up.nodes:
                    continue
                if world.state.node(DatasetRef(NS, other).key(EVENTS_IDENTITY)) is None:
                    continue
                between = _ask(world, other, direction="down", to=name, **asked)
                assert bool(between.nodes) == (other in held[name])
    world.close()


def _ask(world: World, name: str, *, to: str | None = None, **options: Any) -> Trace:
    end = None if to is None else DatasetRef(NS, to)
    return trace(
        world.state.graph, world.state, EVENTS_IDENTITY, DatasetRef(NS, name), to=end,
        limits=UNHURRIED, **options,
    )  # fmt: skip
