"""What deleting or holding something reaches: aliases, copies and everything made from it.

Content lineage decides, not wiring: a contribution counts until a proven overwrite. Aliases
(``SAME_AS``) are followed at every step, for a copy under another name feeds what it feeds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lineage.graph.port import OPEN, Edge, EdgeType, GraphReader, Limits, Spans

__all__ = ["MAX_NODES", "WIDE", "Reach", "alias_class", "reach_down"]

WIDE = Limits(depth=1000, nodes=1_000_000, seconds=60.0)
"""Limits of walks whose answer must be complete or say that it is not."""

MAX_NODES = 1_000_000


@dataclass(frozen=True, slots=True)
class Reach:
    """What was reached.

    Attributes:
        origin: The starting keys and their aliases.
        derived: Everything made from them, aliases included.
        parents: For each derived key the key it was reached from.
        truncated: Limits that were reached; a truncated reach must not be acted on.
    """

    origin: frozenset[str]
    derived: frozenset[str]
    parents: dict[str, str]
    truncated: tuple[str, ...]


def alias_class(reader: GraphReader, keys: Iterable[str]) -> set[str]:
    """The keys and everything that is the same thing under another name."""
    seen = set(keys)
    pending = sorted(seen)
    while pending:
        key = pending.pop()
        for edge in reader.neighbors(key, edge_types=("SAME_AS",)):
            other = edge.dst if edge.src == key else edge.src
            if other not in seen:
                seen.add(other)
                pending.append(other)
    return seen


def reach_down(
    reader: GraphReader, keys: Sequence[str], *, as_of: int, nodes: int = MAX_NODES
) -> Reach:
    """Everything in which content of ``keys`` can be at a moment.

    Paths respect time: what was in a table when a model was trained is still in the model after
    the table was overwritten. So every node is reached with the intervals in which it can hold
    content of the origin, and passes on what it held while an edge stood.

    Args:
        reader: The graph.
        keys: Where it starts.
        as_of: Epoch milliseconds.
        nodes: More than this many make the answer truncated.
    """
    origin = frozenset(alias_class(reader, keys))
    held: dict[str, Spans] = dict.fromkeys(sorted(origin), ((_BEGINNING, OPEN),))
    parents: dict[str, str] = {}
    pending = deque(held)
    while pending and len(held) <= nodes:
        key = pending.popleft()
        for edge in sorted(reader.neighbors(key, edge_types=_FOLLOWED, limit=nodes), key=_by_id):
            if edge.type == "SAME_AS":
                target = edge.dst if edge.src == key else edge.src
                passed = held[key]
            elif edge.src == key:
                target = edge.dst
                passed = _pass_on(held[key], edge.content, as_of)
            else:
                continue
            if target in origin or not passed:
                continue
            merged = _merge((*held.get(target, ()), *passed))
            if merged != held.get(target):
                held[target] = merged
                parents.setdefault(target, key)
                pending.append(target)
    derived = frozenset(
        key
        for key, spans in held.items()
        if key not in origin and any(start <= as_of < end for start, end in spans)
    )
    kept = {key: parent for key, parent in parents.items() if key in derived}
    return Reach(origin, derived, kept, ("nodes",) if pending else ())


_BEGINNING = -OPEN
_FOLLOWED: tuple[EdgeType, ...] = ("FEEDS", "SAME_AS")


def _by_id(edge: Edge) -> tuple[str, str, str, str, str]:
    return edge.id


def _pass_on(held: Spans, edge: Spans, as_of: int) -> Spans:
    """What arrives: from when content and edge stood together until the edge's content ends."""
    return tuple(
        (max(start, first), last)
        for start, end in held
        for first, last in edge
        if max(start, first) < min(end, last) and max(start, first) <= as_of
    )


def _merge(spans: Spans) -> Spans:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
