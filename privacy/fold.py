"""What each fact of privacy leaves in the state.

A case, a hold and a certificate are entities of their own. Every step of a case fills its own slot,
so that the order in which facts arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from lineage.facts import Entity, Fact, FactType, FoldContext, Json, Point
from lineage.refs import ColumnRef, DatasetRef, ModelRef, parse_ref
from privacy import events
from privacy.findings import plain_finding

__all__ = ["FACTS", "case_entity", "entity_of", "hold_entity", "tombstone_entity"]


def entity_of(ref: str) -> Entity:
    """The entity that a dataset or model reference names.

    Raises:
        ValueError: Some other kind of reference.
    """
    parsed = parse_ref(ref)
    if isinstance(parsed, DatasetRef):
        props = {"namespace": parsed.namespace, "name": parsed.name}
        return Entity("Dataset", (parsed.namespace, parsed.name), props)
    if isinstance(parsed, ModelRef):
        props = {"name": parsed.name, "version": parsed.version}
        return Entity("Model", (parsed.name, parsed.version), props)
    if isinstance(parsed, ColumnRef):
        return entity_of(str(parsed.dataset))
    raise ValueError("a dataset or a model was expected")


def case_entity(case: str) -> Entity:
    """The entity of a deletion case."""
    return Entity("Case", (case,), {"name": case})


def hold_entity(hold: str) -> Entity:
    """The entity of a hold."""
    return Entity("Hold", (hold,), {"name": hold})


def tombstone_entity(token: str) -> Entity:
    """The entity of a tombstone; its identity is the keyed token itself."""
    return Entity("Tombstone", (token,), {"name": token[:12]})


def _value(body: msgspec.Struct, *drop: str) -> dict[str, Json]:
    plain: dict[str, Json] = msgspec.to_builtins(body)
    return {name: v for name, v in plain.items() if name not in {"kind", *drop}}


def _scan(fact: Fact, body: events.ScanCompleted, _: FoldContext) -> Iterable[Point]:
    entity, at = entity_of(body.dataset), fact.when
    scan = {"engine": body.engine, "config_digest": body.config_digest, "rows": body.rows}
    scan["scanned_version"] = body.version
    yield Point(entity, "scan", scan, source="scan", time=at)
    for column, finding in sorted(body.columns.items()):
        found = plain_finding(finding)
        yield Point(entity, "pii", found, slot=column, source="scan", time=at)


def _review(fact: Fact, body: events.FindingReviewed, _: FoldContext) -> Iterable[Point]:
    value = _value(body, "dataset")
    slot = f"{body.column}#{body.entity}"
    yield Point(entity_of(body.dataset), "pii_review", value, slot=slot, time=fact.when)


def _retention(fact: Fact, body: events.RetentionAssigned, _: FoldContext) -> Iterable[Point]:
    value = {"class": body.retention_class, "clock_start": body.clock_start, "reason": body.reason}
    yield Point(entity_of(body.dataset), "retention", value, time=fact.when)


def _hold_placed(fact: Fact, body: events.HoldPlaced, ctx: FoldContext) -> Iterable[Point]:
    keys = [entity_of(ref).key(ctx.identity) for ref in body.scope]
    value = {**_value(body), "scope_keys": keys}
    yield Point(hold_entity(body.hold), "hold", value, slot="placed", time=fact.when)


def _hold_agreed(fact: Fact, body: events.HoldReleaseAgreed, _: FoldContext) -> Iterable[Point]:
    slot = f"agreed:{fact.actor}"
    yield Point(hold_entity(body.hold), "hold", _value(body), slot=slot, time=fact.when)


def _hold_released(fact: Fact, body: events.HoldReleased, _: FoldContext) -> Iterable[Point]:
    yield Point(hold_entity(body.hold), "hold", _value(body), slot="released", time=fact.when)


def _step(slot: Callable[[Fact, Any], str]) -> Callable[[Fact, Any, FoldContext], Iterable[Point]]:
    def points(fact: Fact, body: Any, _: FoldContext) -> Iterable[Point]:
        value = {**_value(body), "at": fact.when}
        entity = case_entity(body.case)
        yield Point(entity, "case", value, slot=slot(fact, body), time=fact.when)

    return points


def _certified(fact: Fact, body: events.CertificateIssued, _: FoldContext) -> Iterable[Point]:
    at = fact.when
    value = {**_value(body), "at": at}
    yield Point(case_entity(body.case), "case", value, slot="certified", time=at)
    certificate = Entity("Certificate", (body.certificate,), {"name": body.certificate})
    shown = {"certificate": body.certificate, "case": body.case, "note": body.note, "at": at}
    yield Point(certificate, "certificate", shown, time=at)
    for derived in body.derived:
        affected = {"decision": derived["decision"], "certificate": body.certificate}
        entity = entity_of(derived["ref"])
        yield Point(entity, "affected", affected, slot=body.case, time=at)


def _purged(fact: Fact, body: events.DatasetPurged, _: FoldContext) -> Iterable[Point]:
    value = {"case": body.case, "at": fact.when}
    yield Point(entity_of(body.ref), "purged", value, time=fact.when)


def _tombstone(fact: Fact, body: events.TombstoneLaid, _: FoldContext) -> Iterable[Point]:
    value = {"case": body.case, "at": fact.when}
    yield Point(tombstone_entity(body.token), "tombstone", value, time=fact.when)


def _incident(fact: Fact, body: events.IncidentRaised, _: FoldContext) -> Iterable[Point]:
    entity = Entity("Incident", (body.incident,), {"name": body.cause})
    value = {**_value(body), "at": fact.when}
    yield Point(entity, "incident", value, time=fact.when)


def _nothing(*_: object) -> Iterable[Point]:
    """Who looked at what is proven by its stream; the state says nothing of it."""
    return ()


FACTS: tuple[FactType, ...] = (
    FactType.of(events.ScanCompleted, _scan),
    FactType.of(events.PersonalDataRead, _nothing),
    FactType.of(events.FilesRead, _nothing),
    FactType.of(events.FindingReviewed, _review),
    FactType.of(events.RetentionAssigned, _retention),
    FactType.of(events.HoldPlaced, _hold_placed),
    FactType.of(events.HoldReleaseAgreed, _hold_agreed),
    FactType.of(events.HoldReleased, _hold_released),
    FactType.of(events.DeletionRequested, _step(lambda _, __: "requested")),
    FactType.of(events.DeletionPlanned, _step(lambda _, __: "planned")),
    FactType.of(events.DeletionApproved, _step(lambda fact, _: f"approved:{fact.actor}")),
    FactType.of(events.ItemQuarantined, _step(lambda _, body: f"quarantined:{body.item}")),
    FactType.of(events.ItemPurged, _step(lambda _, body: f"purged:{body.item}")),
    FactType.of(events.ItemRestored, _step(lambda _, body: f"restored:{body.item}")),
    FactType.of(events.DeletionVerified, _step(lambda _, __: "verified")),
    FactType.of(events.CertificateIssued, _certified),
    FactType.of(events.CaseBlocked, _step(lambda _, __: "blocked")),
    FactType.of(events.CaseCancelled, _step(lambda _, __: "cancelled")),
    FactType.of(events.DatasetPurged, _purged),
    FactType.of(events.TombstoneLaid, _tombstone),
    FactType.of(events.IncidentRaised, _incident),
)
"""Every fact type of this package, for bootstrap to join."""
