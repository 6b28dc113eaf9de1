"""What came in, went out or changed between two traces to the sources. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lineage.facts import Json
from lineage.trace.model import Coverage, Trace, TraceEdge, TraceNode, TraceReason

__all__ = ["TOPICS", "Change", "Difference", "Side", "compare"]

TOPICS: Final = (
    "sources", "datasets", "models", "jobs", "edges", "columns", "license", "purposes",
    "legal_basis", "owner", "retention", "pii", "quality",
)  # fmt: skip
"""What is compared first, in this order; then whatever else is noted of nodes, by name."""
BROUGHT: Final = ("license", "purposes", "owner", "retention", "pii")
"""What is told of a source or dataset that came in or went out."""
ROOT: Final = ""
"""Stands for the key of what was asked about, which differs between two versions of a model."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        topic: Of ``TOPICS``, or the name of a note.
        what: ``in``, ``out`` or ``changed``.
        ref: The node concerned; of an edge, where data comes from.
        name: The part of it: a column, an entity type, a rule; of an edge, where data goes to.
        before: What it was; None where it came in.
        after: What it is; None where it went out.
    """

    topic: str
    what: Literal["in", "out", "changed"]
    ref: str
    name: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two traces, in brief.

    Attributes:
        ref: What was asked about.
        as_of: Moment, epoch milliseconds.
        known_at: Number of facts known.
        answered_by: Which engine answered.
        nodes: How many nodes were reached.
        complete: Whether nothing is missing.
        reasons: What is missing, and what else to know.
    """

    ref: str
    as_of: int
    known_at: int
    answered_by: str
    nodes: int
    complete: bool
    reasons: tuple[TraceReason, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """The answer to "what changed".

    Attributes:
        before: The earlier side.
        after: The later side.
        changes: By topic, then reference and name.
        complete: Whether nothing is missing on either side.
        coverage: How much of the estate has lineage, owner and class.
    """

    before: Side
    after: Side
    changes: tuple[Change, ...]
    complete: bool
    coverage: Coverage

    def count(self, what: Literal["in", "out", "changed"]) -> int:
        """How many changes are of a kind."""
        return sum(change.what == what for change in self.changes)


def compare(before: Trace, after: Trace) -> Difference:
    """What differs between two traces upwards of the same thing, or of two versions of a model.

    What is asked about counts as the same on both sides, whatever its reference. Hidden nodes are
    not compared.
    """
    old, new = _Picture(before), _Picture(after)
    changes = [
        *_nodes(old, new),
        *_members("jobs", dict.fromkeys(old.jobs), dict.fromkeys(new.jobs), lambda job: (job, "")),
        *_members("edges", old.edges, new.edges, lambda ends: _ends(ends, old, new)),
        *_notes(old, new),
    ]
    order = {topic: place for place, topic in enumerate(TOPICS)}
    changes.sort(key=lambda c: (order.get(c.topic, len(order)), c.topic, c.ref, c.name, c.what))
    return Difference(
        before=_side(before),
        after=_side(after),
        changes=tuple(changes),
        complete=before.complete and after.complete,
        coverage=after.coverage,
    )


class _Picture:
    """A trace by keys that are the same on both sides."""

    def __init__(self, trace: Trace) -> None:
        seen = [node for node in trace.nodes if node.label != "Hidden"]
        root = {node.key for node in seen if node.depth == 0}
        self.keys = {node.key: ROOT if node.key in root else node.key for node in seen}
        self.nodes: dict[str, TraceNode] = {self.keys[node.key]: node for node in seen}
        edges = [e for e in trace.edges if e.src in self.keys and e.dst in self.keys]
        self.jobs = sorted({edge.job for edge in edges if edge.job})
        self.edges: dict[tuple[str, str, str], dict[str, Json]] = {}
        for edge in edges:
            place = (self.keys[edge.src], self.keys[edge.dst], edge.job)
            _take_in(self.edges.setdefault(place, {}), edge)
        fed = {self.keys[edge.dst] for edge in edges}
        self.sources = {key for key in self.nodes if key not in fed and key != ROOT}


def _take_in(said: dict[str, Json], edge: TraceEdge) -> None:
    """What is compared of the edges that one job makes between two nodes."""
    if edge.job_name:
        said["job"] = edge.job_name
    said["kind"] = ", ".join(sorted({*filter(None, said.get("kind", "").split(", ")), edge.kind}))
    if edge.role:
        said["role"] = edge.role


def _nodes(old: _Picture, new: _Picture) -> Iterator[Change]:
    told = old.sources ^ new.sources
    yield from _came("sources", old, new, told, old.sources)
    for topic, label in (("datasets", "Dataset"), ("models", "Model")):
        differ = (old.nodes.keys() ^ new.nodes.keys()) - told
        some = {key for key in differ if (old.nodes | new.nodes)[key].label == label}
        yield from _came(topic, old, new, some, old.nodes)


def _came(
    topic: str, old: _Picture, new: _Picture, keys: Iterable[str], before: Iterable[str]
) -> Iterator[Change]:
    known = set(before)
    for key in keys:
        if key in known:
            node = old.nodes[key]
            yield Change(topic, "out", node.ref, "", _brought(node), None)
        else:
            node = new.nodes[key]
            yield Change(topic, "in", node.ref, "", None, _brought(node))


def _brought(node: TraceNode) -> Json:
    return {name: node.annotations[name] for name in BROUGHT if name in node.annotations} or None


def _members(
    topic: str,
    old: Mapping[Any, Json],
    new: Mapping[Any, Json],
    named: Callable[..., tuple[str, str]],
) -> Iterator[Change]:
    for key in {**old, **new}:
        ref, name = named(key)
        if key not in new:
            yield Change(topic, "out", ref, name, old[key], None)
        elif key not in old:
            yield Change(topic, "in", ref, name, None, new[key])
        elif old[key] != new[key]:
            yield Change(topic, "changed", ref, name, old[key], new[key])


def _ends(ends: tuple[str, str, str], old: _Picture, new: _Picture) -> tuple[str, str]:
    nodes = new.nodes if ends in new.edges else old.nodes
    return nodes[ends[0]].ref, nodes[ends[1]].ref


def _notes(old: _Picture, new: _Picture) -> Iterator[Change]:
    for key in old.nodes.keys() & new.nodes.keys():
        before, after = old.nodes[key].annotations, new.nodes[key].annotations
        ref = new.nodes[key].ref
        for topic in {**before, **after}:
            one, two = before.get(topic), after.get(topic)
            if one == two and (topic in before) == (topic in after):
                continue
            if _by_member(one) and _by_member(two):
                yield from _members(topic, one or {}, two or {}, lambda name: (ref, str(name)))  # noqa: B023
                if topic not in before or topic not in after:
                    yield from _empty(topic, ref, one, two)
            else:
                what: Literal["in", "out", "changed"] = "changed"
                if topic not in before:
                    what = "in"
                elif topic not in after:
                    what = "out"
                yield Change(topic, what, ref, "", one, two)


def _by_member(value: Json) -> bool:
    return value is None or (isinstance(value, Mapping) and "short" not in value)


def _empty(topic: str, ref: str, one: Json, two: Json) -> Iterator[Change]:
    """Looked at for the first time, or no longer, and nothing found: that too is a change."""
    if one == {} and two is None:
        yield Change(topic, "out", ref, "", one, None)
    if two == {} and one is None:
        yield Change(topic, "in", ref, "", None, two)


def _side(trace: Trace) -> Side:
    return Side(
        ref=trace.ref,
        as_of=trace.as_of,
        known_at=trace.known_at,
        answered_by=trace.answered_by,
        nodes=len(trace.nodes),
        complete=trace.complete,
        reasons=trace.reasons,
    )
