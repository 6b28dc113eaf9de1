"""One contract for every graph engine: what is put is what is answered."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from typing import Any

import pytest
from graph_builders import (
    ALWAYS,
    GENEROUS,
    KEYS,
    awkward_props,
    chain,
    dataset,
    feeds,
    graphs,
    oracle,
    sql_graph,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lineage.errors import Fault
from lineage.graph.content import BySpans, contents
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import (
    OPEN,
    Direction,
    Edge,
    GraphDiff,
    GraphReader,
    GraphWriter,
    Limits,
    LinkCounter,
    Node,
    View,
)
from lineage.graph.rows import digest_of, normal_edge, normal_node
from lineage.graph.sql import SqlGraph

Engine = SqlGraph | Neo4jGraph
EMPTY = f"{0:064x}"


@pytest.fixture(params=["sql", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def graph(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine: Engine
    if request.param == "sql":
        engine = sql_graph()
    else:
        user, password = request.getfixturevalue("neo4j_auth")
        url = request.getfixturevalue("neo4j_url")
        engine = Neo4jGraph(url, user, password, deadline_seconds=60)
        engine.load([], [], 0)
    yield engine
    engine.close()


def feed_closure(
    graph: Engine,
    *starts: str,
    direction: Direction = "up",
    view: View = "structural",
    as_of: int = 5,
    limits: Limits = GENEROUS,
) -> Any:
    return graph.closure(
        starts, direction, edge_type="FEEDS", view=view, as_of=as_of, limits=limits
    )


def ids(edges: Any) -> list[tuple[str, ...]]:
    return sorted(edge.id for edge in edges)


def test_a_new_graph_is_empty(graph: Engine) -> None:
    assert graph.position() == 0
    assert graph.digest() == EMPTY
    assert graph.nodes(["a"]) == {}
    assert list(graph.find("Dataset")) == []
    assert list(graph.neighbors("a")) == []
    assert graph.count_linked("Dataset") == 0


def test_what_was_put_is_read_back(graph: Engine) -> None:
    node = dataset("a", rows=3, share=0.5, tags=["x", "y"], empty=[], flag=True, big=2**60)
    edge = feeds("a", "b", structural=((1, 3), (7, OPEN)), content=((1, OPEN),), direct=True)
    graph.apply(GraphDiff([node, dataset("b")], [edge]), 4)

    assert graph.nodes(["a", "missing"]) == {"a": node}
    assert list(graph.neighbors("b")) == [edge]
    assert graph.position() == 4
    assert graph.digest() == digest_of([node, dataset("b")], [edge])


def test_putting_the_same_again_changes_nothing(graph: Engine) -> None:
    graph.apply(chain(4), 1)
    before = graph.digest()
    graph.apply(chain(4), 2)
    assert graph.digest() == before
    assert graph.position() == 2
    assert len(graph.neighbors("n001")) == 2


def test_putting_replaces_all_properties(graph: Engine) -> None:
    graph.apply(GraphDiff([dataset("a", old=1)], [feeds("a", "b", old=1)]), 1)
    graph.apply(GraphDiff([dataset("a", new=2)], [feeds("a", "b", new=2, structural=())]), 2)
    assert graph.nodes(["a"])["a"].props == {"namespace": "test", "name": "a", "new": 2}
    assert graph.neighbors("a")[0].props == {"new": 2}
    assert feed_closure(graph, "b").depths == {"b": 0}


def test_what_is_dropped_is_gone_and_can_come_back(graph: Engine) -> None:
    graph.apply(chain(3), 1)
    full = graph.digest()
    edge = feeds("n000", "n001")
    graph.apply(GraphDiff(drop_nodes=["n002", "never"], drop_edges=[edge.id, edge.id]), 2)
    assert graph.nodes(["n002"]) == {}
    assert feed_closure(graph, "n001").depths == {"n001": 0}
    assert [node.key for node in graph.find("Dataset")] == ["n000", "n001"]
    graph.apply(GraphDiff([dataset("n002")], [edge]), 3)
    assert graph.digest() == full
    assert feed_closure(graph, "n002").depths == {"n002": 0, "n001": 1, "n000": 2}


def test_an_id_both_dropped_and_put_is_there(graph: Engine) -> None:
    edge = feeds("a", "b")
    graph.apply(GraphDiff([dataset("a")], [edge], ["a"], [edge.id]), 1)
    assert list(graph.nodes(["a"])) == ["a"]
    assert ids(graph.neighbors("a")) == [edge.id]


def test_edges_may_come_before_their_nodes_and_outlive_them(graph: Engine) -> None:
    graph.apply(GraphDiff(put_edges=[feeds("a", "b")]), 1)
    assert graph.nodes(["a", "b"]) == {}
    assert feed_closure(graph, "b").depths == {"b": 0, "a": 1}
    graph.apply(GraphDiff([dataset("a"), dataset("b")]), 2)
    assert set(graph.nodes(["a", "b"])) == {"a", "b"}
    graph.apply(GraphDiff(drop_nodes=["a"]), 3)
    assert set(graph.nodes(["a", "b"])) == {"b"}
    assert ids(graph.neighbors("b")) == [feeds("a", "b").id]
    assert graph.digest() == digest_of([dataset("b")], [feeds("a", "b")])


def test_edges_differ_by_type_owner_and_kind(graph: Engine) -> None:
    edges = [
        feeds("a", "b"),
        feeds("a", "b", owner="other"),
        feeds("a", "b", kind="columns"),
        feeds("b", "a"),
        Edge("TRAINED_ON", "a", "b", "job", "product"),
    ]
    graph.apply(GraphDiff(put_edges=edges), 1)
    assert ids(graph.neighbors("a")) == sorted(edge.id for edge in edges)
    graph.apply(GraphDiff(drop_edges=[edges[2].id]), 2)
    assert ids(graph.neighbors("a")) == sorted(e.id for e in edges if e is not edges[2])


def test_views_and_moments_differ(graph: Engine) -> None:
    graph.apply(
        GraphDiff(put_edges=[feeds("a", "b", structural=((10, 20),), content=((10, OPEN),))]), 1
    )

    def reaches(view: View, as_of: int) -> bool:
        return "a" in feed_closure(graph, "b", view=view, as_of=as_of).depths

    assert [reaches("structural", at) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert [reaches("content", at) for at in (9, 10, 19, 20)] == [False, True, True, True]


def test_columns_and_datasets_are_walked_apart(graph: Engine) -> None:
    column = Edge("FEEDS_COLUMN", "c1", "c2", "job", "columns", {}, ALWAYS, ALWAYS)
    graph.apply(GraphDiff(put_edges=[column, feeds("c2", "d")]), 1)
    found = graph.closure(
        ["c1"], "down", edge_type="FEEDS_COLUMN", view="structural", as_of=1, limits=GENEROUS
    )
    assert found.depths == {"c1": 0, "c2": 1}
    assert ids(found.edges) == [column.id]


def test_a_start_that_nobody_knows_is_reached_alone(graph: Engine) -> None:
    found = feed_closure(graph, "nowhere")
    assert (found.depths, list(found.edges), found.truncated) == ({"nowhere": 0}, [], ())


def test_several_starts_share_one_answer(graph: Engine) -> None:
    graph.apply(GraphDiff(put_edges=[feeds("a", "b"), feeds("b", "c"), feeds("a", "d")]), 1)
    found = feed_closure(graph, "c", "d", "c")
    assert found.depths == {"c": 0, "d": 0, "b": 1, "a": 1}
    assert len(found.edges) == 3


def test_the_depth_limit_is_named_only_where_more_lies_beyond(graph: Engine) -> None:
    graph.apply(chain(6), 1)
    cut = feed_closure(graph, "n005", limits=Limits(depth=4, seconds=60))
    assert (max(cut.depths.values()), cut.truncated, len(cut.edges)) == (4, ("depth",), 4)
    whole = feed_closure(graph, "n005", limits=Limits(depth=5, seconds=60))
    assert (len(whole.depths), whole.truncated) == (6, ())


def test_depth_is_not_bounded_by_the_statements_of_an_engine(graph: Engine) -> None:
    graph.apply(chain(301), 1)
    found = feed_closure(graph, "n300", limits=Limits(depth=299, seconds=60))
    assert (max(found.depths.values()), found.truncated) == (299, ("depth",))


def test_edges_among_the_last_level_belong_to_the_answer(graph: Engine) -> None:
    graph.apply(
        GraphDiff(put_edges=[feeds("a", "z"), feeds("b", "z"), feeds("a", "b"), feeds("q", "a")]), 1
    )
    found = feed_closure(graph, "z", limits=Limits(depth=1, seconds=60))
    assert found.depths == {"z": 0, "a": 1, "b": 1}
    assert ids(found.edges) == sorted(
        e.id for e in (feeds("a", "z"), feeds("b", "z"), feeds("a", "b"))
    )
    assert found.truncated == ("depth",)


def test_the_node_limit_keeps_the_nearest_and_smallest(graph: Engine) -> None:
    fan = [feeds(f"s{number:02}", "z") for number in range(30)]
    graph.apply(GraphDiff(put_edges=[*fan, feeds("far", "s00")]), 1)
    found = feed_closure(graph, "z", limits=Limits(nodes=4, seconds=60))
    assert found.depths == {"z": 0, "s00": 1, "s01": 1, "s02": 1}
    assert found.truncated == ("nodes",)
    assert len(found.edges) == 3


def test_time_that_is_up_ends_the_walk(graph: Engine) -> None:
    graph.apply(chain(6), 1)
    found = feed_closure(graph, "n005", limits=Limits(seconds=0))
    assert found.truncated == ("time",)
    assert found.depths == {"n005": 0}


def test_parallel_intervals_on_one_pair_stay_apart(graph: Engine) -> None:
    edges = [
        feeds("a", "b", owner=f"job{n}", structural=((n * 10, n * 10 + 10),)) for n in range(200)
    ]
    graph.apply(GraphDiff(put_edges=edges), 1)
    assert ids(feed_closure(graph, "b", as_of=555).edges) == [edges[55].id]


def test_names_are_found_by_part_without_case_in_order(graph: Engine) -> None:
    names = {"k1": "Orders", "k2": "raw.orders", "k3": "people", "k4": "Orders", "k5": "ÄRGER"}
    nodes = [Node(key, "Dataset", {"name": name}) for key, name in names.items()]
    graph.apply(GraphDiff([*nodes, Node("j", "Job", {"name": "orders"}), Node("n", "Dataset")]), 1)
    assert [node.key for node in graph.find("Dataset", "ORDER")] == ["k1", "k4", "k2"]
    assert [node.key for node in graph.find("Dataset", "ärg")] == ["k5"]
    assert [node.key for node in graph.find("Dataset", limit=2)] == ["n", "k1"]
    assert list(graph.find("Dataset", "%")) == []
    assert [node.key for node in graph.find("Job")] == ["j"]


def test_neighbors_are_both_ways_by_type_and_limited(graph: Engine) -> None:
    edges = [
        feeds("a", "b"),
        feeds("b", "c"),
        feeds("b", "b"),
        Edge("HAS_COLUMN", "b", "col", "b:schema", "schema"),
    ]
    graph.apply(GraphDiff(put_edges=edges), 1)
    assert list(graph.neighbors("b")) == sorted(edges, key=lambda edge: edge.id)
    assert ids(graph.neighbors("b", edge_types=("HAS_COLUMN", "SAME_AS"))) == [edges[3].id]
    assert len(graph.neighbors("b", limit=2)) == 2


def test_datasets_with_lineage_are_counted(graph: Engine) -> None:
    graph.apply(chain(3), 1)
    graph.apply(GraphDiff([dataset("alone")]), 2)
    assert graph.count_linked("Dataset") == 3
    graph.apply(GraphDiff(drop_edges=[feeds("n000", "n001").id]), 3)
    assert graph.count_linked("Dataset") == 2


def test_load_replaces_everything(graph: Engine) -> None:
    graph.apply(chain(5), 9)
    nodes, edges = [dataset("x"), Node("m", "Model", {"name": "m"})], [feeds("x", "m")]
    graph.load(iter(nodes), iter(edges), 3)
    assert graph.position() == 3
    assert graph.digest() == digest_of(nodes, edges)
    assert graph.nodes(["n000", "x"]) == {"x": nodes[0]}
    graph.apply(GraphDiff(drop_nodes=["x"]), 4)
    assert graph.digest() == digest_of(nodes[1:], edges)


def test_a_reserved_property_is_a_fault_of_ours(graph: Engine) -> None:
    with pytest.raises(Fault, match="reserved"):
        graph.apply(GraphDiff([Node("a", "Dataset", {"key": "b"})]), 1)
    with pytest.raises(Fault, match="reserved"):
        graph.apply(GraphDiff(put_edges=[feeds("a", "b", intervals=[1])]), 1)
    assert graph.digest() == EMPTY
    assert graph.position() == 0


def test_a_failing_diff_leaves_nothing(graph: Engine) -> None:
    graph.apply(chain(2), 1)
    before = graph.digest()
    bad = GraphDiff([dataset("new")], [feeds("a", "b"), feeds("a", "c", current=True)])
    with pytest.raises(Fault):
        graph.apply(bad, 2)
    assert (graph.digest(), graph.position()) == (before, 1)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(awkward_props())
@example({"name": "a\x00b", "count": [1, 2.5, None], "x.y": [True, "x", None], "é": float("nan")})
@example({"count": -0.0, "a b": [], "`": [2**80, 1], "name": 7})
def test_any_property_reads_back_as_its_normal_form(
    graph: Engine, props: dict[str, object]
) -> None:
    node = Node("a", "Dataset", props)
    edge = Edge("FEEDS", "a", "b", "job", "k", {**props}, ((3, 5), (1, 3)), ((9, 9),))
    graph.load([node], [edge], 1)
    assert graph.nodes(["a"])["a"] == normal_node(node)
    assert list(graph.neighbors("a")) == [normal_edge(edge)]
    assert graph.digest() == digest_of([normal_node(node)], [normal_edge(edge)])


def _agrees_with_networkx(
    graph: Engine, diff: GraphDiff, starts: list[str], direction: Direction, view: View, as_of: int
) -> None:
    graph.load(diff.put_nodes, diff.put_edges, 1)
    found = feed_closure(graph, *starts, direction=direction, view=view, as_of=as_of)
    depths, among = oracle(list(diff.put_edges), starts, direction, view, as_of)
    assert found.depths == depths
    assert set(ids(found.edges)) == among
    assert len(found.edges) == len(among)
    assert found.truncated == ()


QUESTIONS = {
    "diff": graphs(),
    "starts": st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True),
    "direction": st.sampled_from(["up", "down"]),
    "view": st.sampled_from(["structural", "content"]),
    "as_of": st.integers(0, 13),
}


@given(**QUESTIONS)
def test_sql_closures_agree_with_networkx(**question: Any) -> None:
    _agrees_with_networkx(sql_graph(), **question)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_graph_agrees_with_networkx(graph: Engine, seed: int) -> None:
    chance = random.Random(seed)
    keys = [f"k{number:02}" for number in range(40)]

    def spans() -> tuple[tuple[int, int], ...]:
        start = chance.randrange(10)
        return ((start, start + chance.randrange(1, 8)), (19, OPEN))

    pairs = {(chance.choice(keys), chance.choice(keys)) for _ in range(110)}
    edges = [feeds(a, b, structural=spans(), content=spans()) for a, b in sorted(pairs)]
    graph.load([dataset(key) for key in keys[:30]], edges, 1)
    for direction in ("up", "down"):
        for view in ("structural", "content"):
            for as_of in (0, 4, 8, 18, 20):
                start = chance.choice(keys)
                found = feed_closure(graph, start, direction=direction, view=view, as_of=as_of)
                depths, among = oracle(edges, [start], direction, view, as_of)
                assert found.depths == depths
                assert set(ids(found.edges)) == among
                few = Limits(depth=3, nodes=6, seconds=60)
                asked: dict[str, Any] = {
                    "direction": direction,
                    "view": view,
                    "as_of": as_of,
                    "limits": few,
                }
                exact = sql_graph()
                exact.load([], edges, 1)
                cut, same = feed_closure(graph, start, **asked), feed_closure(exact, start, **asked)
                assert (cut.depths, ids(cut.edges)) == (same.depths, ids(same.edges))
                assert set(cut.truncated) == set(same.truncated)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_inside_does_not_depend_on_the_engine(graph: Engine, seed: int) -> None:
    chance = random.Random(seed)
    keys = [f"k{number:02}" for number in range(30)]

    def spans() -> tuple[tuple[int, int], ...]:
        start = chance.randrange(10)
        return ((start, start + chance.randrange(1, 6)), (17, 19))

    pairs = {(chance.choice(keys), chance.choice(keys)) for _ in range(70)}
    edges = [feeds(a, b, content=spans()) for a, b in sorted(pairs)]
    graph.load([], edges, 1)
    exact = sql_graph()
    exact.load([], edges, 1)
    few = Limits(depth=2, nodes=6, seconds=60)
    for direction in ("up", "down"):
        for as_of in (0, 4, 8, 12, 18, 20):
            for limits in (GENEROUS, few):
                start = chance.choice(keys)
                asked: dict[str, Any] = {"as_of": as_of, "limits": limits, "passages": BySpans()}
                found = contents(graph, [start], direction, **asked)
                assert found == contents(exact, [start], direction, **asked)
                assert len(found.depths) <= limits.nodes
                assert max(found.depths.values()) <= limits.depth
                if direction == "down":
                    held = {edge.dst for edge in edges if edge.holds_at("content", as_of)}
                    assert found.inside <= held | {start}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(graphs(), min_size=1, max_size=4), st.data())
def test_diffs_lead_where_a_load_leads(
    graph: Engine, diffs: list[GraphDiff], data: st.DataObject
) -> None:
    graph.load([], [], 0)
    nodes: dict[str, Node] = {}
    edges: dict[Any, Edge] = {}
    for position, diff in enumerate(diffs, 1):
        gone = data.draw(st.sets(st.sampled_from(KEYS), max_size=3))
        cut = data.draw(st.sets(st.sampled_from(sorted(edges)), max_size=4)) if edges else set()
        whole = GraphDiff(diff.put_nodes, diff.put_edges, sorted(gone), sorted(cut))
        graph.apply(whole, position)
        nodes = {key: node for key, node in nodes.items() if key not in gone}
        edges = {key: edge for key, edge in edges.items() if key not in cut}
        nodes |= {node.key: node for node in diff.put_nodes}
        edges |= {edge.id: edge for edge in diff.put_edges}
    assert graph.digest() == digest_of(nodes.values(), edges.values())
    assert graph.position() == len(diffs)


@pytest.mark.parametrize("engine", [SqlGraph, Neo4jGraph])
@pytest.mark.parametrize("port", [GraphReader, GraphWriter, LinkCounter])
def test_each_engine_has_the_signatures_of_the_port(engine: type, port: type) -> None:
    methods = [
        name for name, member in vars(port).items() if inspect.isfunction(member) and name[0] != "_"
    ]
    assert methods
    for name in methods:
        wanted, given_ = inspect.signature(vars(port)[name]), inspect.signature(vars(engine)[name])
        assert given_ == wanted, name
