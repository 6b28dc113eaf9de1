"""Where the nodes of a trace stand: layers from left to right, few crossings, always the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

__all__ = ["place"]

LAYER_WIDTH = 210
ROW_HEIGHT = 72
SWEEPS = 4


def _layers(keys: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Longest distance from a node without predecessors; a cycle ends where it closes."""
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        before[target].append(source)
    layer: dict[str, int] = {}
    for root in keys:
        stack, open_nodes = [root], set[str]()
        while stack:
            key = stack[-1]
            pending = [p for p in before[key] if p not in layer and p not in open_nodes]
            open_nodes.add(key)
            if key not in layer and pending:
                stack.extend(pending[:1])
                continue
            known = [layer[p] for p in before[key] if p in layer]
            layer.setdefault(key, 1 + max(known) if known else 0)
            stack.pop()
    return layer


def _pull(
    columns: Mapping[int, list[str]], neighbors: Mapping[str, list[str]], order: Sequence[int]
) -> None:
    """One sweep of the barycenter method: each column is sorted by its neighbors' mean row."""
    row = {key: index for column in columns.values() for index, key in enumerate(column)}
    for number in order:
        means = {
            key: sum(row[n] for n in neighbors[key]) / len(neighbors[key])
            if neighbors[key]
            else float(row[key])
            for key in columns[number]
        }
        columns[number].sort(key=lambda key: (means[key], key))
        row.update({key: index for index, key in enumerate(columns[number])})


def place(keys: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Positions in pixels, x to the right along the flow of data, y centered per layer.

    Args:
        keys: Node keys; every edge ends in two of them.
        edges: Pairs (from, to) along the flow of data; cycles are allowed.
    """
    known = set(keys)
    flow = sorted({(s, t) for s, t in edges if s in known and t in known and s != t})
    layer = _layers(sorted(known), flow)
    columns: dict[int, list[str]] = defaultdict(list)
    for key in sorted(known):
        columns[layer[key]].append(key)
    sources: dict[str, list[str]] = defaultdict(list)
    targets: dict[str, list[str]] = defaultdict(list)
    for source, target in flow:
        sources[target].append(source)
        targets[source].append(target)
    numbers = sorted(columns)
    for _ in range(SWEEPS):
        _pull(columns, sources, numbers)
        _pull(columns, targets, numbers[::-1])
    return {
        key: (number * LAYER_WIDTH, (index - (len(column) - 1) / 2) * ROW_HEIGHT)
        for number, column in columns.items()
        for index, key in enumerate(column)
    }
