"""The other names of a thing through time, from what was said about its symlinks. Pure.

An alias is an edge and never a merge. A producer that no longer names one withdraws it: from then
on it is no longer wired so, but what came in under the other name may still be inside. Only a
person who decides that two names were never the same thing ends that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.graph.port import OPEN, Edge
from lineage.identity import Identity
from lineage.refs import DatasetRef, parse_ref
from lineage.state.port import AspectValue
from lineage.state.resolve import MANY, StoredPoint, timeline

__all__ = ["ASPECT", "SAME_AS", "alias_edges", "named_slots"]

ASPECT = "symlinks"
"""One slot per other name: the text of its reference."""

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


def alias_edges(
    key: str, points: Sequence[StoredPoint], identity: Identity
) -> tuple[dict[str, DatasetRef], list[Edge]]:
    """Other names by key, and an edge to each that was ever accepted.

    Args:
        key: Key of the thing.
        points: Points of its aspect ``symlinks``.
        identity: Derives the keys.
    """
    refs = named_slots(points)
    found: dict[str, _Alias] = {slot: _Alias() for slot in refs}
    moments = timeline(ASPECT, points)
    for number, (at, values) in enumerate(moments):
        until = moments[number + 1][0] if number + 1 < len(moments) else OPEN
        for value in values:
            alias = found.get(value.slot)
            if alias is None:
                continue
            if _accepted(value):
                alias.stand(value, at, until)
            else:
                alias.reject(at)
    others = {ref.key(identity): ref for ref in refs.values()}
    edges = [
        _edge(key, refs[slot].key(identity), alias.last, alias)
        for slot, alias in found.items()
        if alias.last is not None and refs[slot].key(identity) != key
    ]
    return others, edges


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
