"""What something was made from: content lineage upwards, with aliases taken as one thing.

Content lineage decides and not wiring: a contribution counts until a proven overwrite, and in what
was made from it before also behind that. A file that is read by its path is the dataset that it
holds (``SAME_AS``), so aliases share ancestry and terms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lineage.graph.content import Aliases, Contents, Passages, contents
from lineage.graph.port import Edge, GraphReader, Limits
from lineage.state.port import AspectValue, StateReader

__all__ = ["WIDE", "Ancestry", "ancestry"]

WIDE = Limits(depth=1000, nodes=1_000_000, seconds=60.0)
"""A verdict must see everything or say that it did not."""


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Everything reached upwards. A *thing* is a class of aliases, named by its least key.

    Attributes:
        members: Thing → its keys, sorted.
        start: The things asked about.
        inputs: Thing → things that feed it directly.
        toward: Thing → the edge that leads towards the start by the shortest way.
        moments: Key → until when what is said of it concerns the content that came from it: the
            moment asked for, or the one before that content was replaced.
        truncated: Limits that were reached.
    """

    members: Mapping[str, tuple[str, ...]]
    start: frozenset[str]
    inputs: Mapping[str, frozenset[str]]
    toward: Mapping[str, Edge]
    moments: Mapping[str, int]
    truncated: tuple[str, ...]
    _thing: Mapping[str, str]

    @property
    def keys(self) -> list[str]:
        """Every key reached, sorted."""
        return sorted(self._thing)

    @property
    def sources(self) -> list[str]:
        """Things that nothing feeds, sorted."""
        return sorted(thing for thing in self.members if not self.inputs.get(thing))

    def path(self, thing: str) -> list[str]:
        """Keys from a thing to the start, both included."""
        keys: list[str] = []
        at = thing
        while (edge := self.toward.get(at)) is not None:
            keys.append(edge.src)
            at = self._thing[edge.dst]
            if at in self.start:
                keys.append(edge.dst)
        return keys or [self.members[thing][0]]

    def said(self, state: StateReader, aspect: str) -> dict[str, list[AspectValue]]:
        """Key → what is said of it by an aspect; not what was said behind its ``moments``."""
        # What was said after the content was replaced is not said of what came from it before.
        moments: dict[int, list[str]] = {}
        for key in self.keys:
            moments.setdefault(self.moments[key], []).append(key)
        return {
            key: said[aspect]
            for moment, some in moments.items()
            for key, said in state.aspects(some, [aspect], moment).items()
        }

    def topmost(self, things: Iterable[str]) -> list[str]:
        """Those of the things that have none of the others above them, sorted."""
        chosen = set(things)
        below: set[str] = set()
        feeds: dict[str, set[str]] = {}
        for thing, above in self.inputs.items():
            for one in above:
                feeds.setdefault(one, set()).add(thing)
        pending = [fed for thing in chosen for fed in feeds.get(thing, ())]
        while pending:
            thing = pending.pop()
            if thing not in below:
                below.add(thing)
                pending += feeds.get(thing, ())
        # In a loop every thing is below every other; one of them speaks for all.
        return sorted(chosen - below) or sorted(chosen)[:1]


def ancestry(
    reader: GraphReader,
    state: StateReader,
    starts: Sequence[str],
    *,
    as_of: int,
    limits: Limits = WIDE,
    passages: Passages | None = None,
) -> Ancestry:
    """Everything whose content can be in ``starts``.

    Args:
        reader: The graph.
        state: The state, which knows when data passed.
        starts: Keys of what is asked about.
        as_of: Epoch milliseconds.
        limits: What the walk may cost; reaching one is said.
        passages: Shared by whoever asks about many things that were made from the same.
    """
    aliases = Aliases(reader, as_of, same_as=state.same_as)
    passages = passages or state.passages()
    found = contents(
        reader,
        list(starts),
        "up",
        as_of=as_of,
        limits=limits,
        passages=passages,
        aliases=aliases,
    )
    moments = {}
    for key, spans in found.held.items():
        replaced = passages.replaced(key, spans[-1][1])
        moments[key] = as_of if replaced is None else min(as_of, replaced - 1)
    return _assemble(found, starts, aliases, moments)


def _assemble(
    found: Contents,
    starts: Sequence[str],
    aliases: Aliases,
    moments: Mapping[str, int],
) -> Ancestry:
    thing = {key: aliases.thing(key) for key in found.depths}
    members: dict[str, list[str]] = {}
    for key in sorted(found.depths):
        members.setdefault(thing[key], []).append(key)
    inputs: dict[str, set[str]] = {}
    into: dict[str, list[Edge]] = {}
    for edge in found.edges:
        src, dst = thing.get(edge.src), thing.get(edge.dst)
        if src is not None and dst is not None and src != dst:
            inputs.setdefault(dst, set()).add(src)
            into.setdefault(dst, []).append(edge)
    start = frozenset(thing[key] for key in starts)
    toward: dict[str, Edge] = {}
    pending = deque(sorted(start))
    while pending:
        for edge in into.get(pending.popleft(), ()):
            src = thing[edge.src]
            if src not in start and src not in toward:
                toward[src] = edge
                pending.append(src)
    return Ancestry(
        members={one: tuple(keys) for one, keys in members.items()},
        start=start,
        inputs={one: frozenset(above) for one, above in inputs.items()},
        toward=toward,
        moments=moments,
        truncated=found.truncated,
        _thing=thing,
    )
