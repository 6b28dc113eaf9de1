"""What networkx says of a trace: in the content view over a graph of (thing, moment).

Moments are small integers, so that every interval can be written out. ``(v, t)`` stands for the
content of ``v`` at the moment ``t``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
from choices import Choices, chosen
from hypothesis import strategies as st

from lineage.graph.port import Direction, Edge, Spans
from lineage.graph.rows import normal_spans

MOMENTS = range(-1, 20)


@dataclass(frozen=True)
class Found:
    """Keys with distances, identities of edges, and what is inside at the moment asked for."""

    depths: dict[str, int]
    edges: set[tuple[str, str, str, str, str]]
    inside: set[str]


def wired(
    edges: Iterable[Edge], start: str, direction: Direction, as_of: int, to: str | None = None
) -> Found:
    """The structural view; with ``to``, what lies on a way there."""
    standing = [e for e in edges if any(s <= as_of < u for s, u in e.structural)]
    graph = _graph(standing, direction)
    graph.add_nodes_from([start, *([to] if to else [])])
    reached = set(nx.descendants(graph, start)) | {start}
    if to is not None:
        reached &= set(nx.ancestors(graph, to)) | {to}
    return _found(graph, standing, start, reached, to)


def inside(
    edges: Sequence[Edge], start: str, direction: Direction, as_of: int, to: str | None = None
) -> Found:
    """The content view, from the intervals of the edges alone."""
    carried = [e for e in edges if e.content and e.content[0][0] <= as_of]
    if to is not None:
        src, dst = (to, start) if direction == "up" else (start, to)
        held = _held(carried, src, as_of)
        counted, seen = _wanted(carried, [dst] if (dst, as_of) in held else [], as_of, held)
        return _along(carried, counted, start, direction, seen, to)
    if direction == "up":
        counted, seen = _wanted(carried, [start], as_of, None)
        return _along(carried, counted, start, direction, seen, None)
    held = _held(carried, start, as_of)
    now = {key for key, moment in held if moment == as_of}
    counted, _ = _wanted(carried, sorted(now), as_of, held)
    return _along(carried, counted, start, direction, now, None)


def _held(edges: Iterable[Edge], start: str, as_of: int) -> set[tuple[str, int]]:
    """(thing, moment) at which it held something of the start, which holds it always."""
    graph = nx.DiGraph()
    points = [(start, moment) for moment in MOMENTS]
    graph.add_nodes_from(points)
    for edge in edges:
        for first, last in edge.content:
            for moment in range(first, min(last, as_of + 1)):
                graph.add_edges_from(
                    ((edge.src, moment), (edge.dst, later)) for later in range(moment, last)
                )
    return _reached(graph, points)


def _wanted(
    edges: Iterable[Edge], ends: Iterable[str], as_of: int, within: set[tuple[str, int]] | None
) -> tuple[set[Any], set[str]]:
    """Edges by which what is in the ends came there, and the things that it was in."""
    graph = nx.DiGraph()
    points = [(key, as_of) for key in ends]
    graph.add_nodes_from(points)
    carrying: dict[tuple[Any, Any], set[Any]] = {}
    for edge in edges:
        for first, last in edge.content:
            for moment in range(first, last):
                for earlier in range(first, moment + 1):
                    near, far = (edge.dst, moment), (edge.src, earlier)
                    if within is None or (near in within and far in within):
                        graph.add_edge(near, far)
                        carrying.setdefault((near, far), set()).add(edge.id)
    reached = _reached(graph, points)
    counted = {
        number for pair, numbers in carrying.items() if pair[0] in reached for number in numbers
    }
    return counted, {key for key, _ in reached}


def _reached(graph: Any, points: Iterable[Any]) -> set[Any]:
    return {far for point in points for far in (point, *nx.descendants(graph, point))}


def _along(
    edges: Iterable[Edge], counted: set[Any], start: str, direction: Direction,
    inside: set[str], to: str | None,
) -> Found:  # fmt: skip
    passed = [edge for edge in edges if edge.id in counted]
    graph = _graph(passed, direction)
    graph.add_node(start)
    reached = set(nx.descendants(graph, start)) | {start}
    found = _found(graph, passed, start, reached, to)
    return Found(found.depths, found.edges, inside & reached)


def _found(
    graph: Any, edges: Iterable[Edge], start: str, reached: set[str], to: str | None
) -> Found:
    if to is not None and to not in reached:
        return Found({}, set(), set())
    depths = nx.single_source_shortest_path_length(graph.subgraph(reached), start)
    among = {e.id for e in edges if e.src in depths and e.dst in depths}
    return Found(dict(depths), among, set(depths))


def _graph(edges: Iterable[Edge], direction: Direction) -> Any:
    graph = nx.MultiDiGraph()
    graph.add_edges_from(
        (edge.src, edge.dst) if direction == "down" else (edge.dst, edge.src) for edge in edges
    )
    return graph


KEYS = ["k0", "k1", "k2", "k3", "k4", "k5"]


def _spans(choices: Choices) -> Spans:
    """One interval, and after a gap a second one where it has a length."""
    start, length = choices.below(9), choices.between(1, 6)
    second = start + length + choices.between(1, 3)
    return normal_spans([(start, start + length), (second, second + choices.of([0, 0, 2]))])


def _tangled(choices: Choices) -> list[Edge]:
    keys = KEYS[: choices.between(3, len(KEYS))]
    owners: dict[int, tuple[str, ...]] = {1: ("j1",), 2: ("j1", "j2")}
    return [
        Edge("FEEDS", src, dst, owner, "product", {}, _spans(choices), _spans(choices))
        for src in keys
        for dst in keys
        for owner in owners.get(choices.below(5), ())
    ]


def tangled() -> st.SearchStrategy[list[Edge]]:
    """Graphs in which much is reached: few nodes, many edges, cycles, loops, parallel edges."""
    return chosen(_tangled, size=400)
