"""Graphs for tests: builders, random graphs, a networkx oracle, engines by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise

import networkx as nx
from hypothesis import strategies as st
from sqlite_memory import connect

from lineage.graph.port import OPEN, Direction, Edge, GraphDiff, Limits, Node, Spans, View
from lineage.graph.sql import SqlGraph, create_tables

ALWAYS: Spans = ((0, OPEN),)
GENEROUS = Limits(depth=64, nodes=10_000, seconds=60.0)


def sql_graph(path: str = ":memory:") -> SqlGraph:
    """An empty SQL graph."""
    connection = connect(path, isolation_level=None)
    create_tables(connection)
    return SqlGraph(connection)


def dataset(key: str, **props: object) -> Node:
    """A dataset named like its key."""
    return Node(key, "Dataset", {"namespace": "test", "name": key, **props})


def feeds(
    src: str,
    dst: str,
    *,
    owner: str = "job",
    kind: str = "product",
    structural: Spans = ALWAYS,
    content: Spans | None = None,
    **props: object,
) -> Edge:
    """Data flows from one dataset to another, always unless told otherwise."""
    inside = structural if content is None else content
    return Edge("FEEDS", src, dst, owner, kind, props, structural, inside)


def chain(length: int) -> GraphDiff:
    """``n000`` feeds ``n001`` feeds …"""
    keys = [f"n{number:03}" for number in range(length)]
    return GraphDiff(
        [dataset(key) for key in keys],
        [feeds(a, b) for a, b in pairwise(keys)],
    )


@contextmanager
def a_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction of the caller."""
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("COMMIT")


def oracle(
    edges: list[Edge], starts: list[str], direction: Direction, view: View, as_of: int
) -> tuple[dict[str, int], set[tuple[str, str, str, str, str]]]:
    """What networkx says: distances, and identities of the edges among what is reached."""
    standing = [
        edge
        for edge in edges
        if any(
            first <= as_of and (view == "content" or as_of < last)
            for first, last in edge.spans(view)
        )
    ]
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(starts)
    graph.add_edges_from((e.src, e.dst) for e in standing)
    if direction == "up":
        graph = graph.reverse()
    depths = dict(nx.multi_source_dijkstra_path_length(graph, set(starts)))
    among = {e.id for e in standing if e.src in depths and e.dst in depths}
    return depths, among


KEYS = [f"k{number}" for number in range(9)]


def _spans(draw: Callable[..., list[int]]) -> Spans:
    moments = sorted(set(draw(st.lists(st.integers(0, 12), max_size=6))))
    return tuple(zip(moments[::2], moments[1::2], strict=False))


@st.composite
def graphs(draw: st.DrawFn) -> GraphDiff:
    """Small graphs with cycles, loops, parallel edges, intervals and ends that nobody put."""
    names = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
    pairs = draw(
        st.lists(
            st.tuples(
                st.sampled_from(KEYS),
                st.sampled_from(KEYS),
                st.sampled_from(["j1", "j2"]),
                st.sampled_from(["columns", "product"]),
            ),
            unique=True,
            max_size=25,
        )
    )
    edges = [
        feeds(src, dst, owner=owner, kind=kind, structural=_spans(draw), content=_spans(draw))
        for src, dst, owner, kind in pairs
    ]
    return GraphDiff([dataset(name) for name in names], edges)


def _scalars() -> st.SearchStrategy[object]:
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(st.characters(exclude_categories=()), max_size=8),
    )


def awkward_props() -> st.SearchStrategy[dict[str, object]]:
    """Properties that an engine could bend: nulls, big numbers, mixed lists, odd text."""
    values = st.one_of(_scalars(), st.lists(_scalars(), max_size=4))
    names = st.sampled_from(["name", "count", "a b", "é", "x.y", "`"])
    return st.dictionaries(names, values, max_size=5)


class RememberingSql(SqlGraph):
    """SQL as the target of a mirror: it also remembers what the source says of itself."""

    remembered = (0, "")

    def meta(self) -> tuple[int, str]:
        """Position and digest as told."""
        return self.remembered

    def answering_within(self, seconds: float) -> AbstractContextManager[None]:
        """Never too slow for a question."""
        return nullcontext()

    def at(self, position: int) -> RememberingSql:
        """Asking it where it stands costs nothing."""
        return self

    def apply(self, diff: GraphDiff, position: int) -> None:
        """Write, then remember."""
        super().apply(diff, position)
        self.remembered = (position, diff.digest)

    def load(self, nodes: Iterable[Node], edges: Iterable[Edge], position: int) -> None:
        """Replace everything, and what was told with it."""
        super().load(nodes, edges, position)
        self.remembered = (0, "")

    def begin(self, *, anew: bool = False, take_over: bool = False) -> bool:
        """Claim it, which is all that it takes."""
        self.remembered = (0, "")
        if anew or take_over:
            self.load([], [], 0)
        return self.pages().count() == 0

    def add(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """Write."""
        super().apply(GraphDiff(nodes, edges), 0)

    def rows(self, low: str, high: str) -> tuple[list[Node], list[Edge]]:
        """A range of it."""
        stored = self.pages().between(low, high)
        return [stored.node(key) for key in stored.nodes], [stored.edge(e) for e in stored.edges]


def remembering_sql() -> RememberingSql:
    """An empty target."""
    connection = connect(":memory:", isolation_level=None, check_same_thread=False)
    create_tables(connection)
    return RememberingSql(connection)


class Ticks:
    """A monotonic clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now
