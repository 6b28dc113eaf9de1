"""The other names of a thing through time, from what was said and decided of them. Pure.

An alias is an edge and never a merge. A producer that no longer names one withdraws it: from then
on it is no longer wired so, but what came in under the other name may still be inside. Only a
person who decides that two names were never the same thing ends that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.graph.port import OPEN, Edge
from lineage.graph.rows import normal_spans
from lineage.identity import Identity
from lineage.refs import DatasetRef, parse_ref
from lineage.state.port import AspectValue
from lineage.state.resolve import MANY, StoredPoint, timeline

__all__ = ["ASPECT", "PROPOSED", "SAME_AS", "Joined", "alias_edges", "named_slots"]

ASPECT: Final = "symlinks"
"""One slot per other name: the text of its reference."""
PROPOSED: Final = "symlinks_proposed"
"""The same of names for which the producer does not speak: they wait for a review."""

SAME_AS: Final = """
with wanted (key) as (select value from json_each(?1)),
named (key) as (
  select key from wanted
  union select naming.entity_key from wanted join naming on naming.named = wanted.key
)
select e.type, s.key, d.key, o.key, e.kind, e.props, e.spans from named
cross join owner as o on o.key = named.key || ':symlinks'
cross join edge as e on e.owner = o.id and e.live = 1
join node as s on s.id = e.src join node as d on d.id = e.dst
"""
"""Edges at any of the keys (a JSON list): what they say themselves, and who names them."""


def named_slots(points: Sequence[StoredPoint]) -> dict[str, DatasetRef]:
    """Every other name that was ever said, in any order, by its slot."""
    slots: set[str] = set()
    for point in points:
        if point.slot != MANY:
            slots.add(point.slot)
        elif isinstance(point.value, dict):
            slots.update(point.value)
    found = {}
    for slot in sorted(slots):
        try:
            ref = parse_ref(slot)
        except InvalidInput:
            continue
        if isinstance(ref, DatasetRef):
            found[slot] = ref
    return found


@dataclass(slots=True)
class _Alias:
    structural: list[tuple[int, int]] = field(default_factory=list)
    content: list[tuple[int, int]] = field(default_factory=list)
    last: AspectValue | None = None

    def stand(self, value: AspectValue, at: int, until: int) -> None:
        if self.structural and self.structural[-1][1] == at:
            self.structural[-1] = (self.structural[-1][0], until)
        else:
            self.structural.append((at, until))
        if not self.content or self.content[-1][1] != OPEN:
            self.content.append((at, OPEN))
        self.last = value

    def reject(self, at: int) -> None:
        if self.content and self.content[-1][1] == OPEN:
            self.content[-1] = (self.content[-1][0], at)

    def joined(self, other: _Alias) -> _Alias:
        """Both together; of what was said of the name, the later is shown."""
        said = [one for one in (self.last, other.last) if one is not None]
        return _Alias(
            list(normal_spans((*self.structural, *other.structural))),
            list(normal_spans((*self.content, *other.content))),
            max(said, key=lambda one: (one.time, one.actor), default=None),
        )


@dataclass(frozen=True, slots=True)
class Joined:
    """Another name that nobody said of this one thing alone: it follows.

    Attributes:
        ref: The other name.
        kind: ``rule``, or ``drop`` for the table that a DROP meant.
        rule: By which rules, joined by ``+``.
        actor: Opaque id of who decided the first of them, or reported the DROP.
        since: From when on, epoch milliseconds.
    """

    ref: DatasetRef
    kind: Literal["rule", "drop"]
    rule: str
    actor: str
    since: int = 0


def alias_edges(
    key: str,
    said: Sequence[Sequence[StoredPoint]],
    identity: Identity,
    joined: Sequence[Joined] = (),
) -> tuple[dict[str, DatasetRef], list[Edge]]:
    """Other names by key, and an edge to each that was ever accepted.

    Args:
        key: Key of the thing.
        said: Points that name others, by how they were said: a facet withdraws what it said itself
            and nothing else. Decisions stand in each.
        identity: Derives the keys.
        joined: Other names that follow.
    """
    refs: dict[str, DatasetRef] = {}
    found: dict[str, _Alias] = {}
    rejected: dict[str, list[tuple[int, int]]] = {}
    for points in said:
        refs |= named_slots(points)
        mine = {slot: _Alias() for slot in refs}
        moments = timeline(ASPECT, points)
        for number, (at, values) in enumerate(moments):
            until = moments[number + 1][0] if number + 1 < len(moments) else OPEN
            for value in values:
                if value.slot not in mine:
                    continue
                if _accepted(value):
                    mine[value.slot].stand(value, at, until)
                else:
                    mine[value.slot].reject(at)
                    rejected.setdefault(value.slot, []).append((at, until))
        for slot, alias in mine.items():
            found[slot] = found[slot].joined(alias) if slot in found else alias
    others = {ref.key(identity): ref for ref in refs.values()}
    edges = [
        _edge(key, refs[slot].key(identity), alias.last, alias)
        for slot, alias in found.items()
        if alias.last is not None and refs[slot].key(identity) != key
    ]
    for one in joined:
        other = one.ref.key(identity)
        others[other] = one.ref
        spans = _outside(one.since, rejected.get(str(one.ref), ()))
        props: dict[str, Json] = {"rule": one.rule, "actor": one.actor}
        if spans and other != key:
            owner = f"{key}:{ASPECT}"
            edges.append(Edge("SAME_AS", key, other, owner, one.kind, props, spans, spans))
    return others, edges


def _outside(since: int, gaps: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """From a moment on, but for some spans."""
    spans, start = [], since
    for first, last in sorted(gaps):
        spans.append((start, first))
        start = max(start, last)
    return _whole([*spans, (start, OPEN)])


def _accepted(value: AspectValue) -> bool:
    return not isinstance(value.value, dict) or value.value.get("accepted") is not False


def _edge(key: str, other: str, value: AspectValue, alias: _Alias) -> Edge:
    decided = value.source == "decision"
    props: dict[str, Json] = {
        "rule": "decided" if decided else "symlinks",
        "actor": value.actor,
    }
    if isinstance(value.value, dict) and isinstance(value.value.get("type"), str):
        props["alias"] = value.value["type"]
    kind = "decided" if decided else "symlink"
    return Edge(
        "SAME_AS", key, other, f"{key}:{ASPECT}", kind, props,
        tuple(alias.structural), _whole(alias.content),
    )  # fmt: skip


def _whole(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((start, until) for start, until in spans if start < until)
