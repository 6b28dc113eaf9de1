"""What deleting or holding something reaches: aliases, copies and everything made from it.

Content lineage decides, not wiring: a contribution counts until a proven overwrite, and what was
passed on before it stays where it went. Aliases (``SAME_AS``) are followed at every step, for a
copy under another name feeds what it feeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lineage.graph.content import Aliases, contents
from lineage.graph.port import GraphReader, Limits
from lineage.state.port import StateReader

__all__ = ["MAX_NODES", "WIDE", "Reach", "alias_class", "reach_down"]

MAX_NODES = 1_000_000

WIDE = Limits(depth=1000, nodes=MAX_NODES, seconds=60.0)
"""Limits of walks whose answer must be complete or say that it is not."""


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
    parents: Mapping[str, str]
    truncated: tuple[str, ...]


def alias_class(reader: GraphReader, keys: Iterable[str]) -> set[str]:
    """The keys and everything that is the same thing under another name."""
    return Aliases(reader).of(keys)


def reach_down(
    reader: GraphReader,
    state: StateReader,
    keys: Sequence[str],
    *,
    as_of: int,
    nodes: int = MAX_NODES,
) -> Reach:
    """Everything in which content of ``keys`` can be at a moment.

    Args:
        reader: The graph.
        state: The state, which knows when data passed.
        keys: Where it starts.
        as_of: Epoch milliseconds.
        nodes: More than this many make the answer truncated.
    """
    aliases = Aliases(reader, as_of)
    origin = frozenset(aliases.of(keys))
    found = contents(
        reader,
        sorted(origin),
        "down",
        as_of=as_of,
        limits=replace(WIDE, nodes=nodes),
        passages=state.passages(),
        aliases=aliases,
    )
    derived = found.inside - origin
    parents = {key: found.parents[key] for key in derived}
    return Reach(origin, derived, parents, found.truncated)
