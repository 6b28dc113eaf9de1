"""What may not be seen is shown as hidden, and what lies behind it is not shown."""

from __future__ import annotations

from msgspec import structs

from lineage.graph.port import Direction
from lineage.trace.model import Allowed, Hidden
from lineage.trace.reached import Reached

__all__ = ["HIDDEN", "hide"]

HIDDEN = "hidden-"
"""Begins the placeholder that stands for the key of what may not be seen."""


def hide(reached: Reached, start: str, direction: Direction, allowed: Allowed) -> Hidden:
    """Take out of what was reached everything that may not be seen.

    A hidden node next to a visible one becomes a placeholder without key and name; what only hidden
    nodes lead to goes altogether.

    Args:
        reached: Changed in place.
        start: Where the trace begins, which may be seen.
        direction: Where it leads.
        allowed: Whether a node may be seen; what has no node any more has nothing to hide.
    """
    barred = {key for key, node in reached.nodes.items() if not allowed(node)}
    if not barred:
        return Hidden()
    beyond: dict[str, list[str]] = {}
    for edge in reached.edges:
        near, far = (edge.dst, edge.src) if direction == "up" else (edge.src, edge.dst)
        beyond.setdefault(near, []).append(far)
    seen, pending = {start}, [start]
    while pending:
        for far in beyond.get(pending.pop(), ()):
            if far not in seen:
                seen.add(far)
                pending += [] if far in barred else [far]
    behind = bool(reached.depths.keys() - seen)
    shown = sorted(seen & barred, key=lambda key: (reached.depths[key], key))
    names = {key: f"{HIDDEN}{number}" for number, key in enumerate(shown, 1)}
    reached.depths = {names.get(k, k): depth for k, depth in reached.depths.items() if k in seen}
    reached.nodes = {k: node for k, node in reached.nodes.items() if k in seen and k not in barred}
    reached.passed_on = frozenset(reached.passed_on & (seen - barred))
    reached.edges = [
        structs.replace(edge, src=names.get(edge.src, edge.src), dst=names.get(edge.dst, edge.dst))
        for edge in reached.edges
        if edge.src in seen and edge.dst in seen and not (edge.src in barred and edge.dst in barred)
    ]
    return Hidden(len(shown), behind)
