"""What is kept between questions: the answers are those of a graph that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from graph_builders import GENEROUS, KEYS, chain, dataset, feeds, graphs
from hypothesis import given, settings
from hypothesis import strategies as st
from rounds import rounds
from sqlite_memory import connect

from lineage.graph import kept as kept_rows
from lineage.graph.kept import Kept
from lineage.graph.port import Direction, GraphDiff, Node, View
from lineage.graph.sql import SqlGraph, create_tables

MODELS = ["m0", "m1"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down")
VIEWS: tuple[View, ...] = ("structural", "content")


@contextmanager
def a_file() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder) / "graph.db"


def opened(path: Path, kept: Kept | None = None) -> SqlGraph:
    connection = connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = off")
    create_tables(connection)
    return SqlGraph(connection, kept=kept)


def everything(graph: SqlGraph) -> list[object]:
    """All that the kept rows have a part in, as of some moments."""
    keys = [*KEYS, *MODELS]
    found: list[object] = [graph.nodes(keys)]
    for as_of in (2, 9):
        for view in VIEWS:
            models = graph.edges_to_models(KEYS, view, as_of)
            found.append([(edge.id, edge.spans(view)) for edge in models])
            for direction in DIRECTIONS:
                for start in (["k0"], ["k1", "m0"], ["k5", "nobody"]):
                    closure = graph.closure(
                        start, direction, edge_type="FEEDS", view=view, as_of=as_of,
                        limits=GENEROUS,
                    )  # fmt: skip
                    edges = sorted((e.id, e.props, e.structural, e.content) for e in closure.edges)
                    found.append((dict(closure.depths), edges, dict(closure.nodes)))
    return found


@st.composite
def steps(draw: st.DrawFn) -> tuple[GraphDiff, bool, bool]:
    """A change, whether it is pruned at once, and whether the kept rows see the graph before."""
    made = draw(graphs())
    models = draw(st.sets(st.sampled_from(MODELS)))
    ends = draw(st.sets(st.tuples(st.sampled_from(KEYS), st.sampled_from(MODELS)), max_size=4))
    gone = draw(st.sets(st.sampled_from([*KEYS, *MODELS]), max_size=5))
    diff = GraphDiff(
        [*made.put_nodes, *(Node(key, "Model", {"name": key, "version": "1"}) for key in models)],
        [*made.put_edges, *(feeds(src, dst) for src, dst in sorted(ends))],
        sorted(gone),
    )
    return diff, draw(st.booleans()), draw(st.booleans())


@settings(max_examples=rounds(usual=20, campaign=5_000))
@given(st.lists(steps(), min_size=2, max_size=5), st.data())
def test_after_any_change_answers_are_those_of_a_graph_that_keeps_nothing(
    changes: list[tuple[GraphDiff, bool, bool]], data: st.DataObject
) -> None:
    with a_file() as path:
        writer, kept = opened(path), Kept()
        reader, other, plain = opened(path, kept), opened(path, kept), opened(path)
        for position, (diff, prune, look) in enumerate(changes, 1):
            ids = [edge.id for edge in writer.all_edges()]
            drop = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
            whole = GraphDiff(diff.put_nodes, diff.put_edges, diff.drop_nodes, sorted(drop))
            writer.apply(whole, position)
            if prune:
                writer.prune(position)
            if look:
                assert everything(reader) == everything(plain)
                assert everything(other) == everything(plain)
        assert everything(reader) == everything(plain)


def test_a_reader_of_an_earlier_moment_gets_nothing_of_a_later_one() -> None:
    with a_file() as path:
        writer, kept = opened(path), Kept()
        early, late, plain = opened(path, kept), opened(path, kept), opened(path)
        writer.apply(chain(5), 1)
        with early.snapshot(), plain.snapshot():
            before = up(plain, "n004")
            assert up(early, "n004") == before
            writer.apply(GraphDiff([dataset("n000", owner="x")], [feeds("new", "n001")]), 2)
            assert up(late, "n004") != before
            assert up(early, "n004") == before == up(plain, "n004")
        assert up(early, "n004") == up(late, "n004") == up(plain, "n004")


def test_what_was_dropped_and_pruned_meanwhile_is_not_given_any_more() -> None:
    with a_file() as path:
        writer, kept = opened(path), Kept()
        reader, plain = opened(path, kept), opened(path)
        keys = [f"n{number:03}" for number in range(5)]
        writer.apply(chain(5), 1)
        assert up(reader, "n004") == up(plain, "n004")
        assert reader.nodes(keys).keys() == {*keys}
        gone = [edge.id for edge in writer.all_edges() if "n002" in (edge.src, edge.dst)]
        writer.apply(GraphDiff(drop_nodes=["n002"], drop_edges=gone), 2)
        writer.apply(GraphDiff([dataset("other")], [feeds("other", "n004")]), 3)
        writer.prune(3)
        assert up(reader, "n004") == up(plain, "n004")
        assert reader.nodes(keys) == plain.nodes(keys)
        assert "n002" not in reader.nodes(keys)


def test_what_is_asked_again_is_not_read_again_but_for_what_changed() -> None:
    with a_file() as path:
        writer, kept = opened(path), Kept()
        writer.apply(chain(60), 1)
        connection = connect(path, isolation_level=None)
        graph = SqlGraph(connection, kept=kept)
        ran: list[str] = []
        connection.set_trace_callback(ran.append)

        def statements() -> int:
            ran.clear()
            up(graph, "n059")
            return len(ran)

        first, again = statements(), statements()
        assert again < 10 < 60 < first
        writer.apply(GraphDiff([], [feeds("n030", "n031", kind="declared")]), 2)
        assert statements() < 20
        assert statements() == again


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_rows, "MOST_NODES", 50)
    with a_file() as path:
        writer, kept = opened(path), Kept()
        for position, begin in zip(count(1), range(0, 400, 20), strict=False):
            keys = [f"c{begin + step}" for step in range(20)]
            edges = [feeds(keys[0], key) for key in keys[1:]]
            writer.apply(GraphDiff([dataset(key) for key in keys], edges), position)
        reader, plain = opened(path, kept), opened(path)
        for begin in range(0, 400, 20):
            assert up(reader, f"c{begin}") == up(plain, f"c{begin}")
            down = reader.closure(
                [f"c{begin}"], "down", edge_type="FEEDS", view="structural", as_of=5,
                limits=GENEROUS,
            )  # fmt: skip
            assert len(down.depths) == 20
            with reader.snapshot():
                assert len(kept.at(reader._db).nodes) <= 70


def up(graph: SqlGraph, key: str) -> object:
    found = graph.closure(
        [key], "up", edge_type="FEEDS", view="structural", as_of=5, limits=GENEROUS
    )
    return dict(found.depths), sorted(edge.id for edge in found.edges), dict(found.nodes)
