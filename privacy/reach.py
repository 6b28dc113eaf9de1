"""What deleting or holding something reaches: aliases, copies and everything made from it.

Content lineage decides, not wiring: a contribution counts until a proven overwrite. Aliases
(``SAME_AS``) are followed at every step, for a copy under another name feeds what it feeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lineage.graph.port import GraphReader, Limits

__all__ = ["WIDE", "Reach", "alias_class", "reach_down"]

WIDE = Limits(depth=1000, nodes=1_000_000, seconds=60.0)
"""A deletion must see everything or say that it did not."""


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
    reader: GraphReader, keys: Sequence[str], *, as_of: int, limits: Limits = WIDE
) -> Reach:
    """Everything whose content can come from ``keys``, as of a moment (epoch milliseconds)."""
    origin = alias_class(reader, keys)
    reached = set(origin)
    parents: dict[str, str] = {}
    truncated: set[str] = set()
    frontier = origin
    while frontier:
        closure = reader.closure(
            sorted(frontier),
            "down",
            edge_type="FEEDS",
            view="content",
            as_of=as_of,
            limits=limits,
        )
        truncated.update(closure.truncated)
        for edge in sorted(closure.edges, key=lambda e: (closure.depths.get(e.dst, 0), e.id)):
            parents.setdefault(edge.dst, edge.src)
        fresh = set(closure.depths) - reached
        aliases = alias_class(reader, fresh) - fresh - reached
        reached |= fresh | aliases
        frontier = aliases
    derived = frozenset(reached - origin)
    kept = {key: parent for key, parent in parents.items() if key in derived}
    return Reach(frozenset(origin), derived, kept, tuple(sorted(truncated)))
