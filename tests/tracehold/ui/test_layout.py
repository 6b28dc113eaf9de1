from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracehold.ui.layout import place

keys = st.integers(0, 12).map(str)
graphs = st.lists(st.tuples(keys, keys), max_size=40)


def test_data_flows_to_the_right() -> None:
    at = place(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
    assert at["a"][0] < at["b"][0] < at["c"][0]


def test_neighbors_stand_beside_each_other() -> None:
    at = place(["a", "b", "x", "y"], [("a", "y"), ("b", "x")])
    assert (at["a"][1] < at["b"][1]) == (at["y"][1] < at["x"][1])


@given(graphs)
def test_every_node_has_its_own_place_whatever_the_graph(edges: list[tuple[str, str]]) -> None:
    nodes = sorted({n for edge in edges for n in edge})
    at = place(nodes, edges)
    assert set(at) == set(nodes)
    assert len(set(at.values())) == len(nodes)


@given(graphs, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    edges: list[tuple[str, str]], random: object
) -> None:
    nodes = sorted({n for edge in edges for n in edge})
    shuffled = list(edges)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert place(nodes, edges) == place(nodes[::-1], shuffled)
