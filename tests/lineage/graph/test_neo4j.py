"""What only the Neo4j engine promises: planned statements, deadlines, errors with advice."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import urlsplit

import pytest
from graph_builders import ALWAYS, GENEROUS, chain, dataset, feeds, sql_graph
from tcp_gate import TcpGate

from lineage.errors import InvalidInput, Unavailable
from lineage.graph import cypher
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import OPEN, Edge, EdgeType, GraphDiff, Limits, Node
from lineage.graph.refusal import GraphRefused
from lineage.graph.walk import OutOfTime
from lineage.identity import LABELS, Label

pytestmark = pytest.mark.neo4j


@pytest.fixture
def graph(neo4j_url: str, neo4j_auth: tuple[str, str]) -> Iterator[Neo4jGraph]:
    engine = Neo4jGraph(neo4j_url, *neo4j_auth, deadline_seconds=60)
    engine.load([], [], 0)
    yield engine
    engine.close()


def operators(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["operatorType"].partition("@")[0]
    for child in plan.get("children", ()):
        yield from operators(child)


def explain(graph: Neo4jGraph, statement: str) -> set[str]:
    with graph.bolt._connection().session() as session:
        summary = session.run("EXPLAIN CYPHER replan=force " + statement).consume()
    assert summary.plan is not None
    return set(operators(summary.plan))


def fill(graph: Neo4jGraph) -> None:
    """Enough of everything that the planner knows what is many and what is few."""
    keys = [f"{label}-{number:03}" for label in LABELS for number in range(120)]
    nodes = [Node(key, cast("Label", key.partition("-")[0]), {"name": key}) for key in keys]
    types = get_args(EdgeType)
    edges = [
        Edge(types[number % len(types)], src, dst, "owner", "kind", {}, ALWAYS, ALWAYS)
        for number, (src, dst) in enumerate(pairwise(keys))
    ]
    graph.load(nodes, edges, 1)
    with graph.bolt._connection().session() as session:
        session.run("CALL db.resampleOutdatedIndexes()").consume()


@pytest.mark.parametrize("content", [lambda graph: None, fill], ids=["near empty", "filled"])
def test_every_statement_is_planned_along_an_index(
    graph: Neo4jGraph, content: Callable[[Neo4jGraph], None]
) -> None:
    content(graph)
    for name, statement in cypher.STATEMENTS.items():
        used = explain(graph, statement)
        assert "AllNodesScan" not in used, name
        if name.partition("[")[0] not in cypher.WHOLE:
            # A product of two unique seeks is one row; the planner takes it on some statistics.
            assert not any("Scan" in operator and "Unique" not in operator for operator in used), (
                name,
                used,
            )
        if name.startswith("CLOSURE") and not name.endswith(" 1]"):
            assert any(operator.startswith("VarLengthExpand(Pruning") for operator in used), name


def test_constraints_and_indexes_are_those_of_the_schema_page(graph: Neo4jGraph) -> None:
    page = Path(__file__).parents[3].joinpath("docs/reference/graph-schema.md").read_text("utf-8")
    listed = [line for line in page.splitlines() if line.startswith("CREATE CONSTRAINT")]
    assert listed == list(cypher.SCHEMA)
    ours = "WHERE name STARTS WITH 'tracehold' RETURN name, labelsOrTypes, properties"
    constraints = graph.bolt.read(f"SHOW CONSTRAINTS YIELD * {ours}, type", {})
    assert {kind for *_, kind in constraints} == {"UNIQUENESS"}
    assert {(label, *properties) for _, [label], properties, _ in constraints} == {
        *((label, "key") for label in ("Tracehold", *LABELS)),
        ("TraceholdMeta", "id"),
    }
    indexes = graph.bolt.read(f"SHOW INDEXES YIELD * {ours}, state, owningConstraint", {})
    assert {row[0] for row in indexes} == {row[0] for row in constraints}
    assert all((row[3], row[4]) == ("ONLINE", row[0]) for row in indexes)
    assert {re.split(" +", line)[2] for line in listed} == {row[0] for row in constraints}


def test_people_find_labels_names_and_derived_properties(graph: Neo4jGraph) -> None:
    edge = feeds("a", "b", structural=((1, 5), (7, OPEN)), content=((1, 9),), direct=True)
    graph.apply(GraphDiff([dataset("a"), dataset("b")], [edge]), 1)
    rows = graph.bolt.read(
        "MATCH (a:Dataset {name: 'a'})-[r:FEEDS]->(:Dataset) WHERE r.current RETURN r{.*} AS r", {}
    )
    assert rows[0][0] == {
        "owner": "job",
        "kind": "product",
        "direct": True,
        "intervals": [1, 5, 7, OPEN],
        "content_intervals": [1, 9],
        "current": True,
        "content_until": 9,
    }


@pytest.mark.parametrize(
    "harm",
    [
        "MATCH ()-[r:FEEDS]->() SET r.current = false",
        "MATCH ()-[r:FEEDS]->() SET r.intervals = [0, 1]",
        "MATCH (n:Dataset {key: 'n001'}) REMOVE n.name",
        "MATCH (n:Dataset {key: 'n001'}) SET n:Model REMOVE n:Dataset",
        "MATCH (n:Dataset {key: 'n001'}) DETACH DELETE n",
        "MATCH (a:Dataset {key: 'n001'}) CREATE (a)-[:LIKES]->(a)",
        "CREATE (:Tracehold {key: 'stray'})",
    ],
)
def test_the_digest_shows_what_others_changed(graph: Neo4jGraph, harm: str) -> None:
    graph.apply(chain(3), 1)
    before = graph.digest()
    graph.bolt.write([(harm, {})])
    assert graph.digest() != before


def test_nodes_of_others_in_the_database_are_left_alone(graph: Neo4jGraph) -> None:
    graph.bolt.write([("CREATE (:Theirs {key: 'x'})-[:KNOWS]->(:Theirs)", {})])
    try:
        graph.load([dataset("a")], [], 1)
        assert graph.digest() == _digest([dataset("a")])
        assert graph.bolt.read("MATCH (n:Theirs) RETURN count(n) AS n", {}) == [[2]]
    finally:
        graph.bolt.write([("MATCH (n:Theirs) DETACH DELETE n", {})])


def _digest(nodes: list[Any]) -> str:
    sql = sql_graph()
    sql.load(nodes, [], 1)
    return sql.digest()


def test_more_candidates_than_the_limit_are_walked_level_by_level(graph: Neo4jGraph) -> None:
    """Edges that are over make many candidates of a small answer."""
    over = [feeds(f"old{number:03}", "z", structural=((0, 1),)) for number in range(60)]
    graph.load([], [*over, feeds("a", "z"), feeds("b", "a")], 1)
    found = graph.closure(
        ["z"],
        "up",
        edge_type="FEEDS",
        view="structural",
        as_of=5,
        limits=Limits(nodes=10, seconds=60),
    )
    assert (found.depths, found.truncated) == ({"z": 0, "a": 1, "b": 2}, ())
    assert len(found.edges) == 2


def test_values_never_become_statements(graph: Neo4jGraph) -> None:
    evil = "x'}) DETACH DELETE n //`"
    graph.apply(GraphDiff([dataset("a", **{evil: evil})]), 1)
    assert graph.find("Dataset", evil) == []
    assert graph.nodes([evil]) == {}
    assert graph.nodes(["a"])["a"].props[evil] == evil


def test_a_server_that_hangs_is_given_up_at_the_deadline(
    neo4j_url: str, neo4j_auth: tuple[str, str]
) -> None:
    address = urlsplit(neo4j_url)
    with TcpGate(address.hostname or "", address.port or 0) as gate:
        graph = Neo4jGraph(f"bolt://127.0.0.1:{gate.port}", *neo4j_auth, deadline_seconds=60)
        graph.load([], [], 0)
        graph.apply(chain(3), 1)
        graph.bolt.seconds = 0.2
        gate.freeze()
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="no answer within"):
            graph.position()
        assert time.monotonic() - begun < 30
        gate.open()
        graph.bolt.seconds = 60
        assert graph.position() == 1
        graph.close()


def test_a_restart_of_the_server_is_not_noticed_by_the_next_question(
    neo4j_url: str, neo4j_auth: tuple[str, str]
) -> None:
    address = urlsplit(neo4j_url)
    with TcpGate(address.hostname or "", address.port or 0) as gate:
        graph = Neo4jGraph(f"bolt://127.0.0.1:{gate.port}", *neo4j_auth, deadline_seconds=60)
        graph.load([], [], 0)
        graph.apply(chain(3), 1)
        gate.shut()
        gate.open()
        assert graph.position() == 1
        graph.close()


def test_the_server_ends_what_takes_longer_than_asked(graph: Neo4jGraph) -> None:
    graph.apply(chain(3), 1)
    slow = "UNWIND range(1, 1000000000) AS n WITH n WHERE n % 7 = 8 RETURN count(n)"
    with pytest.raises(OutOfTime):
        graph.bolt.read(slow, {}, seconds=0.5)
    found = graph.closure(
        ["n002"], "up", edge_type="FEEDS", view="structural", as_of=1, limits=GENEROUS
    )
    assert len(found.depths) == 3


def test_who_asks_of_a_position_hears_that_the_graph_was_emptied_or_taken_since(
    graph: Neo4jGraph, neo4j_url: str, neo4j_auth: tuple[str, str]
) -> None:
    def reached(asked: Neo4jGraph) -> int:
        found = asked.closure(
            ["n002"], "up", edge_type="FEEDS", view="structural", as_of=1, limits=GENEROUS
        )
        return len(found.depths)

    graph.apply(chain(3), 7)
    known = graph.at(7)
    assert (known.position(), reached(known)) == (7, 3)
    graph.begin()
    with pytest.raises(Unavailable, match="emptied or taken"):
        reached(known)
    graph.apply(GraphDiff(), 7)
    assert reached(known) == 3
    other = Neo4jGraph(neo4j_url, *neo4j_auth, workspace="theirs", deadline_seconds=60)
    other.begin(take_over=True)
    with pytest.raises(GraphRefused, match="another workspace"):
        reached(known)
    graph.bolt.write([("MATCH (m:TraceholdMeta) DELETE m", {})])
    with pytest.raises(Unavailable, match="emptied or taken"):
        reached(known)
    other.close()


def test_a_wrong_password_says_what_to_check(neo4j_url: str) -> None:
    graph = Neo4jGraph(neo4j_url, "neo4j", "wrong-password")
    with pytest.raises(Unavailable) as caught:
        graph.position()
    assert "password" in caught.value.advice
    assert "wrong-password" not in f"{caught.value!r} {caught.value.as_dict()}"
    graph.close()


def test_nobody_listening_is_told_at_once() -> None:
    graph = Neo4jGraph("bolt://127.0.0.1:9", "neo4j", "x")
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="ServiceUnavailable"):
        graph.position()
    assert time.monotonic() - begun < 5
    graph.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:7687", "bolt://neo4j:pw@127.0.0.1"])
def test_an_address_of_another_kind_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput, match="address of Neo4j") as caught:
        Neo4jGraph(url, "neo4j", "x")
    assert url not in str(caught.value.as_dict())
