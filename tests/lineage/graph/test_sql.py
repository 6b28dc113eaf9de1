"""What only the SQL engine promises: transactions of the caller, digests kept, changes told."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_builders import (
    GENEROUS,
    KEYS,
    a_transaction,
    chain,
    dataset,
    feeds,
    graphs,
    sql_graph,
)
from hypothesis import given
from hypothesis import strategies as st
from sqlite_memory import connect

from lineage.errors import Fault
from lineage.graph.port import Edge, GraphDiff, Limits, Node
from lineage.graph.rows import MODULUS
from lineage.graph.sql import SqlGraph, create_tables


@given(st.lists(graphs(), max_size=4), st.data())
def test_the_kept_digest_equals_the_one_read_back(
    diffs: list[GraphDiff], data: st.DataObject
) -> None:
    graph = sql_graph()
    for position, diff in enumerate(diffs, 1):
        edges = [edge.id for edge in graph.all_edges()]
        drop = data.draw(st.sets(st.sampled_from(edges))) if edges else set()
        gone = data.draw(st.sets(st.sampled_from(KEYS), max_size=3))
        graph.apply(GraphDiff(diff.put_nodes, diff.put_edges, sorted(gone), sorted(drop)), position)
        assert graph.stored_digest() == graph.digest()


@given(st.lists(graphs(), max_size=5), st.data())
def test_spans_hold_exactly_the_intervals_of_live_edges(
    diffs: list[GraphDiff], data: st.DataObject
) -> None:
    connection = connect(":memory:", isolation_level=None)
    create_tables(connection)
    graph = SqlGraph(connection)
    for position, diff in enumerate(diffs, 1):
        edges = [edge.id for edge in graph.all_edges()]
        drop = data.draw(st.sets(st.sampled_from(edges))) if edges else set()
        graph.apply(GraphDiff(diff.put_nodes, diff.put_edges, (), sorted(drop)), position)
    wanted = 2 * sum(len(edge.structural) + len(edge.content) for edge in graph.all_edges())
    assert connection.execute("SELECT count(*) FROM span").fetchone() == (wanted,)


def test_a_diff_inside_a_callers_transaction_goes_with_it() -> None:
    connection = connect(":memory:", isolation_level=None)
    create_tables(connection)
    graph = SqlGraph(connection)
    connection.execute("BEGIN")
    graph.apply(chain(3), 1)
    assert connection.in_transaction
    connection.execute("ROLLBACK")
    assert (graph.position(), graph.count("Dataset")) == (0, 0)
    with a_transaction(connection):
        graph.apply(chain(3), 1)
        graph.apply(GraphDiff([dataset("x")]), 1)
    assert (graph.position(), graph.count("Dataset")) == (1, 4)
    assert graph.stored_digest() == graph.digest()


def test_connections_of_either_isolation_work(tmp_path: Path) -> None:
    connection = connect(tmp_path / "state.db")
    create_tables(connection)
    graph = SqlGraph(connection)
    graph.apply(chain(2), 1)
    assert not connection.in_transaction
    assert SqlGraph(connect(tmp_path / "state.db")).count("Dataset") == 2


def test_rows_that_do_not_change_are_not_told_again() -> None:
    graph = sql_graph()
    graph.apply(chain(3), 1)
    graph.apply(GraphDiff([*chain(3).put_nodes, dataset("new")], chain(3).put_edges), 2)
    diff, position = graph.changes(1)
    assert position == 2
    assert ([node.key for node in diff.put_nodes], list(diff.put_edges)) == (["new"], [])


def test_a_label_is_fixed_at_creation() -> None:
    graph = sql_graph()
    graph.apply(GraphDiff([dataset("a")]), 1)
    with pytest.raises(Fault, match="cannot become"):
        graph.apply(GraphDiff([Node("a", "Model", {})]), 2)
    assert graph.position() == 1


def test_changes_come_in_batches_that_end_with_a_transaction() -> None:
    graph = sql_graph()
    for position in range(1, 6):
        graph.apply(GraphDiff([dataset(f"a{position}"), dataset(f"b{position}")]), position * 10)
    diff, upto = graph.changes(0, limit=5)
    assert ([node.key for node in diff.put_nodes], upto) == (["a1", "b1", "a2", "b2"], 20)
    assert diff.digest == graph.mark(20) != graph.mark(30)
    whole, upto = graph.changes(20, limit=1)
    assert (len(whole), upto) == (2, 30)
    assert graph.changes(50) == (GraphDiff([], [], [], [], graph.stored_digest()), 50)


def test_a_position_without_changes_is_told() -> None:
    graph = sql_graph()
    graph.apply(chain(2), 1)
    graph.apply(GraphDiff(), 7)
    diff, upto = graph.changes(1)
    assert (len(diff), upto, diff.digest) == (0, 7, graph.stored_digest())


def test_tombstones_hold_no_name_and_go_when_pruned() -> None:
    connection = connect(":memory:", isolation_level=None)
    create_tables(connection)
    graph = SqlGraph(connection)
    graph.apply(GraphDiff([dataset("a", note="jane")], [feeds("a", "b", owner="o", by="jane")]), 1)
    graph.apply(GraphDiff(drop_nodes=["a"], drop_edges=[feeds("a", "b", owner="o").id]), 2)
    rows = connection.execute("SELECT name, folded, props FROM node").fetchall()
    rows += connection.execute("SELECT kind, spans, props FROM edge").fetchall()
    assert "jane" not in str(rows)
    diff, _ = graph.changes(1)
    assert (list(diff.drop_nodes), len(diff.drop_edges)) == (["a"], 1)
    assert graph.prune(1) == 0
    assert graph.prune(2) == 3  # the edge, its dropped end, and the end that nobody put
    for table in ("node", "edge", "owner", "span"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert graph.digest() == graph.stored_digest() == f"{0:064x}"


def test_marks_before_the_pruned_position_are_not_known_any_more() -> None:
    graph = sql_graph()
    for position in (2, 4, 6):
        graph.apply(GraphDiff([dataset(f"n{position}")]), position)
    marks = [graph.mark(position) for position in range(1, 8)]
    assert marks[0] is None
    assert marks[6] is None
    assert marks[1] == marks[2] != marks[3] == marks[4] != marks[5] == graph.stored_digest()
    graph.prune(5)
    assert [graph.mark(2), graph.mark(4)] == [None, marks[3]]


def test_pages_of_a_label_follow_each_other() -> None:
    graph = sql_graph()
    graph.apply(GraphDiff([Node(f"k{n}", "Dataset", {"name": f"n{n // 2}"}) for n in range(7)]), 1)
    seen: list[str] = []
    while page := graph.list_nodes("Dataset", after=seen[-1] if seen else "", limit=2):
        seen += [node.key for node in page]
    assert seen == [f"k{number}" for number in range(7)]
    assert [node.key for node in graph.list_nodes("Dataset", text="N3")] == ["k6"]


def test_edges_of_an_owner_are_all_that_it_says() -> None:
    graph = sql_graph()
    mine = [feeds("a", "b", owner="me"), Edge("OWNED_BY", "a", "p", "me", "ownership")]
    graph.apply(GraphDiff(put_edges=[*mine, feeds("a", "b", owner="you")]), 1)
    assert sorted(edge.id for edge in graph.edges_of_owner("me")) == sorted(e.id for e in mine)
    assert graph.edges_of_owner("nobody") == []


def test_a_long_statement_is_interrupted_at_the_deadline() -> None:
    graph = sql_graph()
    fan = [feeds(f"s{number:05}", "z") for number in range(20_000)]
    graph.load([], fan, 1)
    readings = iter(range(10_000))
    slow = SqlGraph(graph._db, monotonic=lambda: float(next(readings)))
    found = slow.closure(
        ["z"],
        "up",
        edge_type="FEEDS",
        view="structural",
        as_of=1,
        limits=Limits(nodes=50_000, seconds=3),
    )
    assert (found.depths, found.truncated) == ({"z": 0}, ("time",))
    again = graph.closure(
        ["s00000"], "down", edge_type="FEEDS", view="structural", as_of=1, limits=GENEROUS
    )
    assert len(again.depths) == 2


def test_a_digest_changes_with_any_changed_row() -> None:
    graph = sql_graph()
    graph.apply(chain(4), 1)
    before = graph.digest()
    graph._db.execute("UPDATE node SET props = '{\"name\":\"forged\"}' WHERE key = 'n002'")
    assert graph.digest() != before == graph.stored_digest()
    assert int(before, 16) < MODULUS
