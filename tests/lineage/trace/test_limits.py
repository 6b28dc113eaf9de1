"""Limits end the work, counted in what is looked at, whatever the speed of the machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import count, pairwise
from typing import Any

import pytest
from graph_builders import Ticks, chain, dataset, feeds, sql_graph
from sqlite_memory import connect
from trace_world import IDENTITY, Estate, GraphState

from lineage.facts import Json
from lineage.graph.content import BySpans, contents
from lineage.graph.port import Edge, GraphDiff, Limits, Node, Spans
from lineage.graph.sql import SqlGraph, create_tables
from lineage.graph.walk import Deadline, OutOfTime
from lineage.refs import DatasetRef
from lineage.trace.model import Trace
from lineage.trace.walk import trace

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"


class Counting(BySpans):
    """Counts how often runs are looked at; each look takes a second."""

    def __init__(self, ticks: Ticks) -> None:
        self.looks = 0
        self.ticks = ticks

    def read(self, edge: Edge, wanted: Spans) -> Spans:
        self.looks += 1
        self.ticks.now += 1
        return super().read(edge, wanted)

    def kept(self, edge: Edge, held: Spans) -> Spans:
        self.looks += 1
        self.ticks.now += 1
        return super().kept(edge, held)


def estate_of(size: int) -> tuple[Estate, DatasetRef]:
    """A chain of tables, the last of which is returned."""
    estate = Estate()
    refs = [estate.dataset(f"d{n:04}") for n in range(size)]
    for src, dst in pairwise(refs):
        estate.feed(src, dst, "job", kind="columns")
    return estate, refs[-1]


def codes(found: Trace) -> set[str]:
    return {reason.code for reason in found.reasons if reason.missing}


@pytest.mark.parametrize("direction", ["up", "down"])
def test_looking_at_runs_ends_at_the_deadline(direction: Any) -> None:
    ticks = Ticks()
    passages = Counting(ticks)
    graph = sql_graph()
    graph.apply(chain(200), 1)
    start = "n199" if direction == "up" else "n000"
    found = contents(
        graph, [start], direction, as_of=5, limits=Limits(depth=1000, seconds=20),
        passages=passages, deadline=Deadline(20, ticks),
    )  # fmt: skip
    assert found.truncated == ("time",)
    assert passages.looks == 20
    assert 1 < len(found.depths) <= 21
    assert len(found.edges) >= len(found.depths) - 1


def test_a_hub_is_left_in_the_middle_of_its_edges() -> None:
    ticks = Ticks()
    passages = Counting(ticks)
    graph = sql_graph()
    graph.apply(GraphDiff(put_edges=[feeds(f"s{n:04}", "hub") for n in range(3000)]), 1)
    found = contents(
        graph, ["hub"], "up", as_of=5, limits=Limits(seconds=50), passages=passages,
        deadline=Deadline(50, ticks),
    )  # fmt: skip
    assert (passages.looks, found.truncated) == (50, ("time",))


class Interrupting:
    """A monotonic clock that has passed the deadline after some looks at it."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self) -> float:
        self.left -= 1
        return 0.0 if self.left > 0 else 1e9


def test_a_statement_is_interrupted_in_its_middle() -> None:
    """One level with very many edges: SQLite itself is stopped, by its virtual machine's steps."""
    connection = connect(":memory:", isolation_level=None)
    create_tables(connection)
    full = SqlGraph(connection)
    full.apply(GraphDiff(put_edges=[feeds(f"s{n:05}", "hub") for n in range(20_000)]), 1)
    for looks in (3, 4, 6):
        graph = SqlGraph(connection, monotonic=Interrupting(looks))
        found = graph.closure(
            ["hub"], "up", edge_type="FEEDS", view="structural", as_of=5,
            limits=Limits(nodes=100_000, seconds=5),
        )  # fmt: skip
        assert found.truncated == ("time",)
        assert found.depths == {"hub": 0}
    whole = full.closure(
        ["hub"], "up", edge_type="FEEDS", view="structural", as_of=5,
        limits=Limits(nodes=100_000, seconds=600),
    )  # fmt: skip
    assert len(whole.depths) == 20_001


def test_a_deadline_around_any_question_ends_it() -> None:
    graph = sql_graph()
    graph.apply(GraphDiff([dataset(f"d{n:05}") for n in range(5_000)]), 1)
    passed = Deadline(-1, lambda: 0.0)
    with pytest.raises(OutOfTime), graph.within(passed):
        graph.digest()
    with pytest.raises(OutOfTime), graph.within(passed), graph.within(Deadline(9, lambda: 0.0)):
        graph._db.execute(ENDLESS)
    assert len(graph.digest()) == 64


def test_other_errors_of_the_database_stay_what_they_are() -> None:
    graph = sql_graph()
    with pytest.raises(sqlite3.OperationalError), graph.within(Deadline(9, lambda: 0.0)):
        graph._db.execute("select nothing from nowhere")


@pytest.mark.parametrize("edges", [0, 1, 5, 12])
def test_no_more_edges_are_read_than_the_limit_allows(edges: int) -> None:
    graph = sql_graph()
    fans = [feeds(f"l{level}n{n}", f"l{level - 1}n0") for level in (1, 2, 3) for n in range(4)]
    graph.apply(GraphDiff(put_edges=fans), 1)
    found = graph.closure(
        ["l0n0"], "up", edge_type="FEEDS", view="structural", as_of=5,
        limits=Limits(seconds=60, edges=edges),
    )  # fmt: skip
    levels = edges // 4
    assert len(found.edges) == min(levels, 3) * 4
    assert found.truncated == (() if edges >= 12 else ("edges",))


def test_reasons_say_how_far_the_walk_came_and_how_to_go_on() -> None:
    estate, last = estate_of(30)

    def ask(limits: Limits, **options: Any) -> Trace:
        return trace(
            estate.graph, estate.state, IDENTITY, last, direction="up", as_of=5, limits=limits,
            **options,
        )  # fmt: skip

    [deep] = [r for r in ask(Limits(depth=4, seconds=60)).reasons if r.missing]
    assert deep.text == "the walk stopped 4 edges away, with 5 nodes; more lies beyond"
    assert "--depth" in deep.advice
    [wide] = [r for r in ask(Limits(nodes=3, seconds=60)).reasons if r.missing]
    assert wide.text == "the walk stopped after 3 nodes, up to 2 edges away; more lies beyond"
    [many] = [r for r in ask(Limits(edges=6, seconds=60)).reasons if r.missing]
    assert many.text == (
        "the walk stopped before 6 edges were read, with 7 nodes, up to 6 edges away; "
        "more lies beyond"
    )
    late = ask(Limits(seconds=0)).reasons[0]
    assert late.text == (
        "the walk stopped after 0 s, with 1 node, up to 0 edges away; more may lie beyond"
    )
    assert "--depth" in late.advice


def test_a_client_that_hangs_up_ends_the_work() -> None:
    graph = sql_graph()
    graph.apply(chain(500), 1)
    asked = count()
    stopped = lambda: next(asked) >= 10  # noqa: E731
    found = graph.closure(
        ["n499"], "up", edge_type="FEEDS", view="structural", as_of=5,
        limits=Limits(depth=1000, seconds=600, stopped=stopped),
    )  # fmt: skip
    assert found.truncated == ("time",)
    assert len(found.depths) <= 11


def test_nobody_gets_an_answer_who_hung_up() -> None:
    estate, last = estate_of(20)
    with pytest.raises(OutOfTime, match="nobody waits"):
        trace(
            estate.graph, estate.state, IDENTITY, last, direction="up", as_of=5,
            limits=Limits(seconds=60, stopped=lambda: True),
        )  # fmt: skip


def annotator(
    log: list[int], ticks: Ticks, seconds: float
) -> Callable[[Any, Sequence[Node], int], Mapping[str, Mapping[str, Json]]]:
    def annotate(
        state: GraphState, nodes: Sequence[Node], as_of: int
    ) -> Mapping[str, Mapping[str, Json]]:
        log.append(len(nodes))
        ticks.now += seconds
        return {node.key: {"seen": True} for node in nodes}

    return annotate


def test_notes_end_at_the_deadline_and_the_answer_says_for_how_many() -> None:
    estate, last = estate_of(1200)
    ticks, log = Ticks(), list[int]()
    found = trace(
        estate.graph, estate.state, IDENTITY, last, direction="up", as_of=5,
        limits=Limits(depth=5000, seconds=3), monotonic=ticks,
        annotators=(annotator(log, ticks, 2.0),),
    )  # fmt: skip
    assert log == [500, 500]
    assert sum(bool(node.annotations) for node in found.nodes) == 1000
    [reason] = [r for r in found.reasons if r.code == "notes"]
    assert (reason.count, found.complete) == (200, False)


def test_an_annotator_is_interrupted_in_the_middle_of_its_question() -> None:
    estate, last = estate_of(3)
    clock = Interrupting(100)

    def endless(state: GraphState, nodes: Sequence[Node], as_of: int) -> Any:
        return state.graph._db.execute(ENDLESS).fetchall()

    found = trace(
        estate.graph, estate.state, IDENTITY, last, direction="up", as_of=5,
        limits=Limits(seconds=5), monotonic=clock, annotators=(endless,),
    )  # fmt: skip
    assert codes(found) == {"notes"}
    assert len(found.nodes) == 3


def test_a_step_to_models_and_gaps_ends_at_the_deadline_too() -> None:
    estate = Estate()
    table = estate.dataset("table")
    for number in range(50):
        estate.column(table, f"c{number}")
        estate.feed(table, estate.model("m", str(number)), "train", kind="declared")
    ticks = Ticks()
    passages = Counting(ticks)
    estate.state.passages = lambda: passages  # type: ignore[method-assign]
    found = trace(
        estate.graph, estate.state, IDENTITY, table, direction="down", columns=True,
        view="content", as_of=5, limits=Limits(seconds=10), monotonic=ticks,
    )  # fmt: skip
    assert "time" in codes(found)
    assert passages.looks < 50 * 4
