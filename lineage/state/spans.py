"""When edges stand: the timeline of one owner, in both views. Pure.

Structural: a COMPLETE run or a static event replaces the wiring from its time on; a run that has
not ended adds; FAIL and ABORT change nothing. Content: every run contributes, a failed one too
(partial data may be inside), until a proven closing of the destination strictly after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lineage.facts import Json
from lineage.graph.port import OPEN, Edge, Spans
from lineage.state.wiring import EdgeKey, Wired, Wiring

__all__ = ["Occurrence", "derive", "seen_first"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A run or static event in the timeline of its owner.

    Attributes:
        first: Its earliest event.
        last: Its latest event; a contribution ends at a closing strictly after it.
        key: Breaks ties.
        effect: What it does to the structure.
        wiring: Index of its wiring.
    """

    first: int
    last: int
    key: str
    effect: Literal["replace", "add", "none"]
    wiring: int


@dataclass(slots=True)
class _Open:
    """Structural spans while the timeline is walked."""

    since: dict[EdgeKey, int] = field(default_factory=dict)
    spans: dict[EdgeKey, list[tuple[int, int]]] = field(default_factory=dict)

    def end(self, key: EdgeKey, at: int) -> None:
        start = self.since.pop(key)
        if start < at:
            self.spans.setdefault(key, []).append((start, at))

    def put(self, edges: Iterable[EdgeKey], at: int) -> None:
        for key in edges:
            self.since.setdefault(key, at)


def _joined(spans: Sequence[tuple[int, int]]) -> Spans:
    if len(spans) < 2:
        return tuple(spans)
    joined: list[tuple[int, int]] = []
    for start, until in sorted(spans):
        if joined and start <= joined[-1][1]:
            if until > joined[-1][1]:
                joined[-1] = (joined[-1][0], until)
        else:
            joined.append((start, until))
    return tuple(joined)


def _structural(
    occurrences: Sequence[Occurrence],
    wirings: Mapping[int, Wiring],
    drops: Iterable[tuple[int, str]],
) -> dict[EdgeKey, Spans]:
    timed = {
        number: [key for key, wired in wiring.edges.items() if not wired.timeless]
        for number, wiring in wirings.items()
    }
    ends = {
        key: wired.ends
        for wiring in wirings.values()
        for key, wired in wiring.edges.items()
        if not wired.timeless
    }
    items: list[tuple[int, int, str, str, int]] = [
        (at, 0, dataset, "drop", 0) for at, dataset in drops
    ]
    items.extend((o.first, 1, o.key, o.effect, o.wiring) for o in occurrences if o.effect != "none")
    items.sort()
    open_ = _Open()
    in_force: int | None = None
    for at, _, subject, effect, number in items:
        if effect == "replace":
            if number == in_force:
                continue
            kept = set(timed[number])
            for key in [key for key in open_.since if key not in kept]:
                open_.end(key, at)
            open_.put(timed[number], at)
            in_force = number
        elif effect == "add":
            if number != in_force:
                open_.put(timed[number], at)
                in_force = None
        else:
            for key in [key for key in open_.since if subject in ends[key]]:
                open_.end(key, at)
            in_force = None
    for key in list(open_.since):
        open_.end(key, OPEN)
    return {key: _joined(spans) for key, spans in open_.spans.items()}


def _contributions(occurrences: Sequence[Occurrence], closings: Sequence[tuple[int, int]]) -> Spans:
    """Spans in which contributions of one wiring are inside one destination.

    A run that overwrites ends what was there before it began: what came in meanwhile, or in the
    millisecond of its beginning, may remain.
    """
    if not closings:
        return ((min(o.first for o in occurrences), OPEN),)
    spans = []
    for occurrence in occurrences:
        place = bisect_right(closings, (occurrence.last, OPEN))
        later = (closings[number] for number in range(place, len(closings)))
        until = next((at for at, began in later if began > occurrence.last), OPEN)
        spans.append((occurrence.first, until))
    return _joined(spans)


def _masking(said: Sequence[Json]) -> Json:
    if any(value is False for value in said):
        return False
    return True if all(value is True for value in said) else "unknown"


def _props(said: Sequence[tuple[tuple[int, str], bool, Wired]]) -> Mapping[str, Json]:
    """Properties of an edge that several wirings know.

    The newest counts, but a column stays unmasked as long as unmasked data can be inside.
    """
    if len(said) == 1:
        return said[0][2].props
    newest = max(said, key=lambda item: item[0])[2].props
    if "masking" not in newest:
        return newest
    inside = [wired for _, still, wired in said if still] or [
        max(said, key=lambda item: item[0])[2]
    ]
    return {
        **newest,
        "direct": any(bool(wired.props["direct"]) for wired in inside),
        "masking": _masking([wired.props["masking"] for wired in inside]),
    }


def seen_first(
    occurrences: Sequence[Occurrence], wirings: Mapping[int, Wiring]
) -> list[Occurrence]:
    """The same, where imports do nothing to the structure once a producer itself has shown it.

    Args:
        occurrences: All runs and static events of an owner.
        wirings: The wiring of each shape that occurs.
    """
    shown = [
        o.first for o in occurrences if o.effect == "replace" and not wirings[o.wiring].imported
    ]
    if not shown or len(shown) == len(occurrences):
        return list(occurrences)
    since = min(shown)
    return [
        replace(o, effect="none") if o.first >= since and wirings[o.wiring].imported else o
        for o in occurrences
    ]


def derive(
    owner: str,
    occurrences: Sequence[Occurrence],
    wirings: Mapping[int, Wiring],
    closings: Mapping[str, Sequence[tuple[int, int]]],
    drops: Iterable[tuple[int, str]],
) -> dict[tuple[str, str, str, str, str], Edge]:
    """All edges of an owner with their intervals, by edge id.

    Args:
        owner: Key of the job or dataset whose timeline it is.
        occurrences: All its runs and static events, in any order.
        wirings: The wiring of each shape that occurs.
        closings: Per destination the proven closings, sorted (ended, began).
        drops: (time, dataset) of every DROP of a dataset that the edges touch.
    """
    by_wiring: dict[int, list[Occurrence]] = {}
    for occurrence in occurrences:
        by_wiring.setdefault(occurrence.wiring, []).append(occurrence)
    structural = _structural(occurrences, wirings, drops)
    content: dict[EdgeKey, list[tuple[int, int]]] = {}
    said: dict[EdgeKey, list[tuple[tuple[int, str], bool, Wired]]] = {}
    for number, mine in by_wiring.items():
        latest = max((o.first, o.key) for o in mine)
        contributed: dict[str, Spans] = {}
        for key, wired in wirings[number].edges.items():
            still = True
            if wired.into is not None:
                if wired.into not in contributed:
                    contributed[wired.into] = _contributions(mine, closings.get(wired.into, ()))
                spans = contributed[wired.into]
                still = bool(spans) and spans[-1][1] == OPEN
                content.setdefault(key, []).extend(spans)
            said.setdefault(key, []).append((latest, still, wired))
    edges = {}
    for key, mentions in said.items():
        type_, src, dst, kind = key
        wired = mentions[0][2]
        inside, wired_spans = _joined(content.get(key, ())), structural.get(key, ())
        if not wired.timeless and not inside and not wired_spans:
            continue
        edge = Edge(type_, src, dst, owner, kind, _props(mentions), wired_spans, inside)
        edges[edge.id] = edge
    return edges
