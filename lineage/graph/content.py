"""Whose data is inside: reachability in the content view, which respects time along paths.

A table passes on what it holds when it is read, not what it holds now: a model still holds what
its training set held when it was trained, also after that was overwritten or purged. An engine
gives the candidates, every edge that ever carried content by the moment asked for. This walk
carries for each node the intervals in which its content matters and passes on along an edge only
what stood together. Pure; the same for every engine. In doubt a contribution counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, Protocol

from lineage.graph.port import OPEN, Direction, Edge, GraphReader, Limits, Node, Spans, View
from lineage.graph.rows import normal_spans
from lineage.graph.walk import Deadline

__all__ = [
    "ALL_TIME", "Aliases", "BySpans", "Contents", "Passages", "contents", "holds_at",
    "passages_between",
]  # fmt: skip

ALL_TIME: Final[Spans] = ((-OPEN, OPEN),)
LIMITS: Final = ("depth", "nodes", "edges", "time")
PREPARED: Final = 500
"""Edges looked up at once, between two looks at the clock."""
MOST_SPANS: Final = 32
"""Intervals carried per node; more are taken together as one."""

EdgeId = tuple[str, str, str, str, str]


class Passages(Protocol):
    """Says when data passed along an edge; never less than what is so."""

    def prepare(self, edges: Sequence[Edge]) -> None:
        """These edges will be asked about; what is cheaper for all at once is done now."""
        ...

    def read(self, edge: Edge, wanted: Spans) -> Spans:
        """When the source held what was inside the target during ``wanted``."""
        ...

    def kept(self, edge: Edge, held: Spans) -> Spans:
        """When the target held what was inside the source during ``held``."""
        ...

    def replaced(self, key: str, after: int) -> int | None:
        """When the first run behind a moment began that left nothing of a dataset's content."""
        ...


class BySpans:
    """Knows the intervals of the edges alone: data may have passed at any moment within one."""

    def prepare(self, edges: Sequence[Edge]) -> None:
        """Nothing is looked up."""

    def read(self, edge: Edge, wanted: Spans) -> Spans:
        """From the beginning of the edge's interval to the end of what is wanted."""
        return normal_spans(
            (first, min(last, until))
            for since, until in wanted
            for first, last in edge.content
            if first < until and since < last
        )

    def kept(self, edge: Edge, held: Spans) -> Spans:
        """From when source and edge stood together to the end of the edge's interval."""
        return normal_spans(
            (max(since, first), last)
            for since, until in held
            for first, last in edge.content
            if max(since, first) < min(until, last)
        )

    def replaced(self, key: str, after: int) -> int | None:  # noqa: ARG002 - edges do not say
        """Not known."""
        return None


@dataclass(frozen=True, slots=True)
class Contents:
    """What was reached.

    Attributes:
        depths: Distance in edges. Downwards, also what only passed it on: see ``inside``.
        edges: Those along which it passed.
        held: Upwards, when the content of a node mattered; downwards, when it held something.
        inside: Nodes that hold something at the moment asked for; all of them upwards.
        parents: The node from which each was reached first.
        truncated: Limits that were reached.
        nodes: What was learned of nodes on the way.
    """

    depths: Mapping[str, int]
    edges: Sequence[Edge]
    held: Mapping[str, Spans]
    inside: frozenset[str]
    parents: Mapping[str, str]
    truncated: tuple[str, ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict, compare=False)


class Aliases:
    """Classes of keys that are the same thing under other names, asked for as they are met."""

    def __init__(
        self,
        reader: GraphReader,
        as_of: int = OPEN - 1,
        *,
        view: View = "content",
        same_as: Callable[[Sequence[str]], Sequence[Edge]] | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            reader: The graph.
            as_of: Epoch milliseconds.
            view: ``content``: every alias that was said by then, withdrawn or not, unless a person
                rejected it; ``structural``: those that stand.
            same_as: Gives the ``SAME_AS`` edges at many keys at once; the graph tells them one by
                one.
        """
        self._reader = reader
        self._as_of = as_of
        self._view: View = view
        self._same_as = same_as or self._one_by_one
        self._twins: dict[str, set[str]] = {}
        self._edges: dict[EdgeId, Edge] = {}
        self._parent: dict[str, str] = {}

    def thing(self, key: str) -> str:
        """The least key of the class as far as it is known."""
        while (parent := self._parent.get(key, key)) != key:
            key = parent
        return key

    def twins(self, key: str) -> list[str]:
        """The keys that an edge says to be the same, sorted."""
        return sorted(self._twins.get(key, ()))

    def of(self, keys: Iterable[str]) -> set[str]:
        """The keys and all their aliases."""
        found = set(keys)
        pending = set(found)
        while pending:
            self._look(sorted(pending - self._twins.keys()))
            pending = {other for key in pending for other in self._twins[key]} - found
            found |= pending
        return found

    def edges_among(self, keys: Iterable[str]) -> list[Edge]:
        """The edges between names that were met, both of them among the keys."""
        wanted = set(keys)
        return [
            edge
            for _, edge in sorted(self._edges.items())
            if edge.src in wanted and edge.dst in wanted
        ]

    def _look(self, keys: Sequence[str]) -> None:
        self._twins |= {key: set() for key in keys}
        for edge in self._same_as(keys) if keys else ():
            timeless = not edge.structural and not edge.content
            if not timeless and not edge.holds_at(self._view, self._as_of):
                continue
            self._edges[edge.id] = edge
            for key, other in ((edge.src, edge.dst), (edge.dst, edge.src)):
                if key in self._twins:
                    self._twins[key].add(other)
            left, right = sorted((self.thing(edge.src), self.thing(edge.dst)))
            if left != right:
                self._parent[right] = left

    def _one_by_one(self, keys: Sequence[str]) -> list[Edge]:
        return [e for key in keys for e in self._reader.neighbors(key, edge_types=("SAME_AS",))]


def contents(
    reader: GraphReader,
    starts: Sequence[str],
    direction: Direction,
    *,
    as_of: int,
    limits: Limits,
    passages: Passages,
    edge_type: Literal["FEEDS", "FEEDS_COLUMN"] = "FEEDS",
    aliases: Aliases | None = None,
    begin: Mapping[str, Spans] | None = None,
    deadline: Deadline | None = None,
) -> Contents:
    """What can be inside ``starts`` at a moment, or what can hold something of them.

    Args:
        reader: The graph, for the candidates.
        starts: Keys to begin with; downwards they count as holding their content at all times.
        direction: ``up`` to what is inside, ``down`` to where it went.
        as_of: Epoch milliseconds.
        limits: What the walk may cost; they bound the candidates too.
        passages: When data passed: from the state, or ``BySpans``.
        edge_type: Along datasets or along columns.
        aliases: Follow ``SAME_AS`` at every step, for a copy under another name feeds what it
            feeds; None to stay with the names.
        begin: When the content of a start matters, or when it held it, where that is known better.
        deadline: When all of it must end; without one, after ``limits.seconds``. What is not
            followed by then is missing, and ``truncated`` says so.
    """
    deadline = deadline or Deadline(limits.seconds, time.monotonic, limits.stopped)
    found = _candidates(
        reader, starts, direction, as_of=as_of, limits=limits, edge_type=edge_type,
        aliases=aliases, deadline=deadline,
    )  # fmt: skip
    walk = _Walk(found, passages, as_of, deadline)
    always = walk.now if direction == "up" else ALL_TIME
    opening = {key: (begin or {}).get(key, always) for key in found.starts}
    flow = walk.up(opening) if direction == "up" else walk.down(opening)
    return walk.answer(found.starts, direction, flow, limits)


def passages_between(
    reader: GraphReader,
    starts: Sequence[str],
    ends: Mapping[str, Spans],
    *,
    as_of: int,
    limits: Limits,
    passages: Passages,
    edge_type: Literal["FEEDS", "FEEDS_COLUMN"] = "FEEDS",
    aliases: Aliases | None = None,
    begin: Mapping[str, Spans] | None = None,
    deadline: Deadline | None = None,
) -> Contents:
    """Along which content of ``starts`` came into ``ends``: everything on any way, never the ways.

    Args:
        reader: The graph, for the candidates.
        starts: Keys that the content comes from; they count as holding it at all times.
        ends: When the content of each end matters.
        as_of: Epoch milliseconds.
        limits: What the walk may cost.
        passages: When data passed.
        edge_type: Along datasets or along columns.
        aliases: Follow ``SAME_AS`` at every step.
        begin: When a start held its content, where that is known better.
        deadline: When all of it must end.

    Returns:
        Distances are those from the starts. An end that nothing came into is not among them.
    """
    deadline = deadline or Deadline(limits.seconds, time.monotonic, limits.stopped)
    ask = partial(
        _candidates, reader, as_of=as_of, limits=limits, edge_type=edge_type, aliases=aliases,
        deadline=deadline,
    )  # fmt: skip
    found = ask(list(ends), "up")
    if found.truncated:
        # Every way is among what one end reaches, whichever; from the other end it may be less.
        other = ask(starts, "down")
        found = found.joined(other) if other.truncated else other
    walk = _Walk(found, passages, as_of, deadline)
    held = walk.forth({key: (begin or {}).get(key, ALL_TIME) for key in starts})
    met = {key: _within(spans, key, held) for key, spans in ends.items() if key in held}
    wanted, counted = walk.back({key: spans for key, spans in met.items() if spans}, held)
    starts_met = [key for key in starts if key in wanted]
    return walk.answer(starts_met, "down", _Flow(wanted, set(wanted), counted), limits)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Every edge that may count, and what is to be known about how it was found."""

    starts: Sequence[str]
    edges: Sequence[Edge]
    twins: Callable[[str], Sequence[str]]
    truncated: frozenset[str]

    def joined(self, other: _Candidates) -> _Candidates:
        """Both together."""
        edges = {edge.id: edge for edge in (*self.edges, *other.edges)}
        ordered = [edge for _, edge in sorted(edges.items())]
        return _Candidates(self.starts, ordered, self.twins, self.truncated | other.truncated)


def _candidates(
    reader: GraphReader,
    starts: Sequence[str],
    direction: Direction,
    *,
    as_of: int,
    limits: Limits,
    edge_type: Literal["FEEDS", "FEEDS_COLUMN"],
    aliases: Aliases | None,
    deadline: Deadline,
) -> _Candidates:
    edges: dict[EdgeId, Edge] = {}
    truncated: set[str] = set()
    reached: set[str] = set()
    frontier = aliases.of(starts) if aliases else set(starts)
    first = [*dict.fromkeys(starts), *sorted(frontier.difference(starts))]
    while frontier:
        closure = reader.closure(
            first if not reached else sorted(frontier),
            direction,
            edge_type=edge_type,
            view="content",
            as_of=as_of,
            limits=deadline.rest(limits),
        )
        truncated.update(closure.truncated)
        edges |= {edge.id: edge for edge in closure.edges}
        fresh = (closure.depths.keys() | frontier) - reached
        reached |= fresh
        frontier = aliases.of(fresh) - reached if aliases else set()
        if len(reached) > limits.nodes:
            truncated.add("nodes")
            break
        if len(edges) > limits.edges:
            truncated.add("edges")
            break
        if deadline.passed():
            truncated.update({"time"} if frontier else ())
            break
    twins = aliases.twins if aliases else _no_twins
    ordered = sorted(edges.values(), key=lambda edge: edge.id)
    return _Candidates(first, ordered, twins, frozenset(truncated))


def _no_twins(key: str) -> list[str]:  # noqa: ARG001 - nothing has another name
    return []


@dataclass(frozen=True, slots=True)
class _Flow:
    held: Mapping[str, Spans]
    inside: set[str]
    counted: set[EdgeId]


class _Walk:
    def __init__(
        self, found: _Candidates, passages: Passages, as_of: int, deadline: Deadline
    ) -> None:
        self.edges = found.edges
        self.twins = found.twins
        self.truncated = set(found.truncated)
        self.passages = passages
        self.as_of = as_of
        self.deadline = deadline
        self.now: Spans = ((as_of, as_of + 1),)
        for begin in range(0, len(self.edges), PREPARED):
            if self.late():
                break
            passages.prepare(self.edges[begin : begin + PREPARED])

    def up(self, opening: dict[str, Spans]) -> _Flow:
        wanted, counted = self.back(opening, None)
        return _Flow(wanted, set(wanted), counted)

    def down(self, opening: dict[str, Spans]) -> _Flow:
        held = self.forth(opening)
        inside = {key for key, spans in held.items() if holds_at(spans, self.as_of)}
        if self.late():
            return _Flow(held, inside, self.ways(inside, held))
        # Of what once held something only that stays through which something came to where it is.
        _, counted = self.back(dict.fromkeys(sorted(inside), self.now), held)
        return _Flow(held, inside, counted)

    def ways(self, inside: set[str], held: Mapping[str, Spans]) -> set[EdgeId]:
        """Every edge that leads from what held something to what is inside; no run is asked."""
        into: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.src in held and edge.dst in held:
                into.setdefault(edge.dst, []).append(edge)
        pending, seen = list(inside), set(inside)
        while pending:
            for edge in into.get(pending.pop(), ()):
                if edge.src not in seen:
                    seen.add(edge.src)
                    pending.append(edge.src)
        return {edge.id for key in seen for edge in into.get(key, ())}

    def back(
        self, wanted: dict[str, Spans], within: Mapping[str, Spans] | None
    ) -> tuple[dict[str, Spans], set[EdgeId]]:
        """When the content of each node mattered for ``wanted``, and the edges it came by."""
        into: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if within is None or (edge.src in within and edge.dst in within):
                into.setdefault(edge.dst, []).append(edge)
        counted: set[EdgeId] = set()
        fresh = dict(wanted)
        for key, spans, edges in self.steps(fresh, into):
            for twin in self.twins(key):
                self.add(wanted, fresh, twin, _within(spans, twin, within))
            for edge in edges:
                passed = _within(self.passages.read(edge, spans), edge.src, within)
                if passed:
                    counted.add(edge.id)
                    self.add(wanted, fresh, edge.src, passed)
        return wanted, counted

    def forth(self, held: dict[str, Spans]) -> dict[str, Spans]:
        """When each node held something of what ``held`` begins with."""
        out: dict[str, list[Edge]] = {}
        for edge in self.edges:
            out.setdefault(edge.src, []).append(edge)
        fresh = dict(held)
        for key, spans, edges in self.steps(fresh, out):
            for twin in self.twins(key):
                self.add(held, fresh, twin, spans)
            for edge in edges:
                passed = self.passages.kept(edge, spans)
                self.add(held, fresh, edge.dst, [s for s in passed if s[0] <= self.as_of])
        return held

    def steps(
        self, fresh: dict[str, Spans], table: Mapping[str, Sequence[Edge]]
    ) -> Iterator[tuple[str, Spans, Iterator[Edge]]]:
        """What is still to be followed, in the order of arrival, until time is up."""
        while fresh and not self.late():
            key, spans = _first(fresh)
            yield key, spans, self.timely(table.get(key, ()))

    def timely(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        """The edges for which there is time: each costs a look at its runs."""
        for edge in edges:
            if self.late():
                return
            yield edge

    def late(self) -> bool:
        """Whether time is up; then the answer says so."""
        if self.deadline.passed():
            self.truncated.add("time")
            return True
        return False

    def add(
        self,
        spans: dict[str, Spans],
        fresh: dict[str, Spans],
        key: str,
        more: Iterable[tuple[int, int]],
    ) -> None:
        """Take in what passed; what is new of it is still to be followed."""
        known, fresh_spans = spans.get(key, ()), tuple(more)
        if all(span in known for span in fresh_spans):
            return
        joined = normal_spans((*known, *fresh_spans))
        if len(joined) > MOST_SPANS:
            joined = ((joined[0][0], joined[-1][1]),)
        if joined != known:
            spans[key] = joined
            new = (span for span in joined if span not in known)
            fresh[key] = normal_spans((*fresh.get(key, ()), *new))

    def answer(
        self,
        starts: Sequence[str],
        direction: Direction,
        flow: _Flow,
        limits: Limits,
    ) -> Contents:
        """The answer, with what lies too far away left out."""
        held, truncated = flow.held, self.truncated
        passed = [edge for edge in self.edges if edge.id in flow.counted]
        onward: dict[str, list[str]] = {}
        for edge in passed:
            near, far = (edge.dst, edge.src) if direction == "up" else (edge.src, edge.dst)
            onward.setdefault(near, []).append(far)
        depths = dict.fromkeys(starts, 0)
        parents: dict[str, str] = {}
        pending = deque(depths)
        while pending:
            key = pending.popleft()
            for far in (*(t for t in self.twins(key) if t in held), *onward.get(key, ())):
                if far in depths:
                    continue
                if depths[key] >= limits.depth:
                    truncated.add("depth")
                    continue
                depths[far] = depths[key] + 1
                parents[far] = key
                pending.append(far)
        return Contents(
            depths=depths,
            edges=[edge for edge in passed if edge.src in depths and edge.dst in depths],
            held={key: held[key] for key in depths},
            inside=frozenset(flow.inside & depths.keys()),
            parents=parents,
            truncated=tuple(limit for limit in LIMITS if limit in truncated),
        )


def holds_at(spans: Spans, moment: int) -> bool:
    """Whether a moment lies in one of the intervals."""
    return any(since <= moment < until for since, until in spans)


def _first(fresh: dict[str, Spans]) -> tuple[str, Spans]:
    """Take what has waited longest."""
    key = next(iter(fresh))
    return key, fresh.pop(key)


def _within(spans: Spans, key: str, bounds: Mapping[str, Spans] | None) -> Spans:
    if bounds is None:
        return spans
    return normal_spans(
        (max(since, first), min(until, last))
        for since, until in spans
        for first, last in bounds.get(key, ())
    )
