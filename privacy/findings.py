"""Findings as the state holds them: the scan's and what others claim, corrected by people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lineage.facts import Json
from lineage.state.port import AspectValue, StateReader
from privacy.claims import claims

__all__ = ["Known", "all_findings", "known_findings", "plain_finding"]


@dataclass(frozen=True, slots=True)
class Known:
    """One entity type in one column, with the facts that say so.

    Attributes:
        column: Field name.
        entity: Entity type.
        tier: ``confirmed``, ``candidate`` or ``claimed``; a review confirms or removes.
        method: How it is known; ``review`` where a person decided, ``tag`` where a label says so.
        prevalence: Share of cells, 0 to 1.
        facts: Ids of the facts cited.
    """

    column: str
    entity: str
    tier: str
    method: str
    prevalence: float
    facts: tuple[str, ...]


_TEXTS = ("entity", "tier", "method", "reason")
_NUMBERS = ("prevalence", "rows_seen", "rows_total", "score")


def plain_finding(value: Json) -> dict[str, Json]:
    """What the state keeps of a finding: type, place and counts.

    Whatever else somebody reports with it stays out, for it could be a value of the column.
    """
    if not isinstance(value, dict):
        return {}
    kept: dict[str, Json] = {n: value[n] for n in _TEXTS if isinstance(value.get(n), str)}
    kept |= {n: value[n] for n in _NUMBERS if _is_number(value.get(n))}
    interval = value.get("interval")
    if isinstance(interval, list) and len(interval) == 2 and all(map(_is_number, interval)):
        kept["interval"] = interval
    also = value.get("also")
    if isinstance(also, list):
        kept["also"] = [found for found in map(plain_finding, also) if found]
    return kept


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def all_findings(value: Mapping[str, Json]) -> Iterable[Mapping[str, Json]]:
    """The findings of one column: the first and those under ``also``."""
    yield value
    also = value.get("also")
    if isinstance(also, list):
        yield from (entry for entry in also if isinstance(entry, dict))


def known_findings(
    state: StateReader, keys: Sequence[str] | None = None, as_of: int | None = None
) -> dict[str, list[Known]]:
    """Per dataset key what its own columns hold; absent where nothing is known to be in it."""
    if keys is None:
        scanned = state.with_aspect("pii", as_of)
        reviewed = state.with_aspect("pii_review", as_of)
        tagged = state.with_aspect("tags", as_of)
    else:
        aspects = state.aspects(keys, ("pii", "pii_review", "tags"), as_of)
        scanned = {key: held["pii"] for key, held in aspects.items() if "pii" in held}
        reviewed = {k: held["pii_review"] for k, held in aspects.items() if "pii_review" in held}
        tagged = {key: held["tags"] for key, held in aspects.items() if "tags" in held}
    found: dict[str, list[Known]] = {}
    for key in sorted({*scanned, *reviewed, *tagged}):
        known = _merge(scanned.get(key, []), tagged.get(key, []), reviewed.get(key, []))
        if known:
            found[key] = known
    return found


def _merge(
    scanned: Sequence[AspectValue],
    tagged: Sequence[AspectValue],
    reviewed: Sequence[AspectValue],
) -> list[Known]:
    known: dict[tuple[str, str], Known] = {}
    for value in scanned:
        for finding in all_findings(value.value):
            entity, tier = str(finding.get("entity", "")), str(finding.get("tier", "none"))
            if tier == "none" or not entity:
                continue
            known[value.slot, entity] = Known(
                value.slot,
                entity,
                tier,
                str(finding.get("method", "")),
                float(finding.get("prevalence") or 0.0),
                (value.fact_id,),
            )
    for column, entity, fact in claims(tagged):
        claim = Known(column, entity, "claimed", "tag", 0.0, (fact,))
        known.setdefault((column, entity), claim)
    for review in reviewed:
        place = (review.value["column"], review.value["entity"])
        before = known.pop(place, None)
        if review.value["accepted"]:
            facts = (*(before.facts if before else ()), review.fact_id)
            share = before.prevalence if before else 0.0
            known[place] = Known(*place, "confirmed", "review", share, facts)
    return sorted(known.values(), key=lambda k: (k.column, k.entity))
