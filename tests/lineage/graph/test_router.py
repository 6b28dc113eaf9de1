"""The router: the preferred engine where it is fit to answer, and always a word on which it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_builders import GENEROUS, Ticks, chain, dataset, remembering_sql, sql_graph
from sqlite_memory import connect

from lineage.errors import Unavailable
from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import GraphDiff
from lineage.graph.router import RETRY_AFTER, Allowance, GraphRouter, answer
from lineage.graph.sql import SqlGraph


class Mirrored:
    """A source and a mirrored engine that calls itself neo4j."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.source = sql_graph(str(path))
        self.target = remembering_sql()
        self.target.name = "neo4j"

    def catch_up(self) -> None:
        mirror = Mirror(lambda: sql_graph(str(self._path)), self.target)
        while mirror.step():
            pass


@pytest.fixture
def pair(tmp_path: Path) -> Mirrored:
    pair = Mirrored(tmp_path / "state.db")
    pair.source.apply(chain(3), 4)
    pair.catch_up()
    return pair


def test_without_a_second_engine_sql_answers() -> None:
    router = GraphRouter(sql_graph())
    assert router.nodes(["a"]) == {}
    assert router.answered_by == "sql"


def test_a_mirror_that_is_level_answers(pair: Mirrored) -> None:
    router = GraphRouter(pair.source, pair.target)
    assert set(router.nodes(["n000"])) == {"n000"}
    assert router.answered_by == "neo4j"
    assert len(router.find("Dataset")) == 3
    assert len(router.neighbors("n001")) == 2
    assert router.count_linked("Dataset") == 3
    found = router.closure(
        ["n002"], "up", edge_type="FEEDS", view="content", as_of=1, limits=GENEROUS
    )
    assert len(found.depths) == 3
    assert (router.position(), router.digest()) == (4, pair.source.digest())


def test_a_mirror_behind_is_passed_over_unless_the_lag_is_allowed(pair: Mirrored) -> None:
    pair.source.apply(GraphDiff([dataset("new")]), 16)
    router = GraphRouter(pair.source, pair.target)
    assert set(router.nodes(["new"])) == {"new"}
    assert router.answered_by == "sql (neo4j is 12 facts behind)"
    lenient = GraphRouter(pair.source, pair.target, allowance=Allowance(lag=12))
    assert lenient.nodes(["new"]) == {}
    assert lenient.answered_by == "neo4j (12 facts behind)"


def test_a_mirror_of_another_state_does_not_answer(pair: Mirrored) -> None:
    older = sql_graph()
    older.apply(chain(2), 3)
    router = GraphRouter(older, pair.target)
    assert router.nodes(["n002"]) == {}
    assert router.answered_by == "sql (neo4j waits to be filled)"
    fresh = remembering_sql()
    fresh.name = "neo4j"
    _, who = GraphRouter(pair.source, fresh).answer(lambda engine: engine.position())
    assert who == "sql (neo4j waits to be filled)"


def test_an_engine_out_of_reach_is_left_alone_for_a_while(pair: Mirrored) -> None:
    ticks = Ticks()
    gone = Neo4jGraph("bolt://127.0.0.1:9", "neo4j", "x")
    router = GraphRouter(pair.source, gone, monotonic=ticks)
    for _ in range(2):
        assert set(router.nodes(["n000"])) == {"n000"}
        assert router.answered_by == "sql (neo4j cannot be reached)"
    router._neo4j = pair.target
    assert router.answer(lambda engine: engine.name) == ("sql", "sql (neo4j cannot be reached)")
    gone.close()
    ticks.now += RETRY_AFTER
    assert router.answer(lambda engine: engine.name) == ("neo4j", "neo4j")


def test_a_question_that_fails_halfway_is_put_to_sql_as_a_whole(pair: Mirrored) -> None:
    asked = []

    def question(engine: object) -> str:
        asked.append(engine)
        if engine is pair.target:
            raise Unavailable("the server went away")
        return "answer"

    router = GraphRouter(pair.source, pair.target)
    assert router.answer(question) == ("answer", "sql (neo4j cannot be reached)")
    assert asked == [pair.target, pair.source]


def test_each_thread_can_bring_its_own_sql(pair: Mirrored) -> None:
    opened: list[SqlGraph] = []

    def own() -> SqlGraph:
        opened.append(SqlGraph(connect(":memory:")))
        return pair.source

    router = GraphRouter(own)
    assert set(router.nodes(["n000"])) == {"n000"}
    assert opened


def test_an_engine_alone_can_be_asked_like_a_router(pair: Mirrored) -> None:
    assert answer(pair.source, lambda engine: engine.position()) == (4, "sql")
    assert answer(GraphRouter(pair.source), lambda engine: engine.position()) == (4, "sql")
