"""What each fact of the catalog leaves in the state."""

from __future__ import annotations

from collections.abc import Iterable

from catalog import events
from lineage.errors import InvalidInput
from lineage.facts import Entity, Fact, FactType, FoldContext, Json, Point
from lineage.refs import DatasetRef, ModelRef, parse_ref
from lineage.state.alias_rules import BOOK, ENDED, RULE

__all__ = ["FACTS", "entity_of", "model_entity", "person_entity"]


def person_entity(person: str) -> Entity:
    """The entity of a person; shown by its opaque id, for names stay out of the graph."""
    return Entity("Agent", ("person", person), {"name": person})


def model_entity(name: str, version: str) -> Entity:
    """The entity of a version of a model."""
    return Entity("Model", (name, version), {"name": name, "version": version})


def entity_of(ref: str) -> Entity:
    """The entity that a dataset or model reference names.

    Raises:
        InvalidInput: Some other kind of reference, or none.
    """
    parsed = parse_ref(ref)
    if isinstance(parsed, DatasetRef):
        props = {"namespace": parsed.namespace, "name": parsed.name}
        return Entity("Dataset", (parsed.namespace, parsed.name), props)
    if isinstance(parsed, ModelRef):
        return model_entity(parsed.name, parsed.version)
    raise InvalidInput("a dataset or a model was expected", where=ref)


def _person(
    fact: Fact, body: events.PersonAdded | events.PersonChanged, _: FoldContext
) -> Iterable[Point]:
    disabled = isinstance(body, events.PersonChanged) and body.disabled
    value = {"name": body.name, "roles": sorted(set(body.roles)), "disabled": disabled}
    yield Point(person_entity(body.person), "person", value, time=fact.when)


def _token(fact: Fact, body: events.TokenIssued, _: FoldContext) -> Iterable[Point]:
    value = {
        "sha256": body.sha256,
        "expires": body.expires,
        "namespaces": sorted(set(body.namespaces)),
    }
    yield Point(person_entity(body.person), "token", value, slot=body.token, time=fact.when)


def _revoked(fact: Fact, body: events.TokenRevoked, _: FoldContext) -> Iterable[Point]:
    # A slot of its own: revoking must win in whatever order the two facts are folded.
    value = {"reason": body.reason, "at": fact.when}
    entity = person_entity(body.person)
    yield Point(entity, "token_revoked", value, slot=body.token, time=fact.when)


def _login(fact: Fact, body: events.LoginOpened, _: FoldContext) -> Iterable[Point]:
    value = {"at": fact.when, "expires": body.expires}
    yield Point(person_entity(body.person), "login", value, time=fact.when)


def _granted(fact: Fact, body: events.GrantGiven, _: FoldContext) -> Iterable[Point]:
    value: Json = {
        "namespaces": sorted(set(body.namespaces)),
        "classes": sorted(set(body.classes)),
        "reason": body.reason,
        "expires": body.expires,
    }
    yield Point(person_entity(body.person), "grant", value, slot=body.grant, time=fact.when)


def _grant_ended(fact: Fact, body: events.GrantEnded, _: FoldContext) -> Iterable[Point]:
    # A slot of its own: ending must win in whatever order the two facts are folded.
    value = {"reason": body.reason, "by": fact.actor}
    yield Point(person_entity(body.person), "grant_ended", value, slot=body.grant, time=fact.when)


_Waived = events.ModelWaived | events.DatasetWaived
_WaiverEnded = events.WaiverEnded | events.DatasetWaiverEnded


def _waived(fact: Fact, body: _Waived, _: FoldContext) -> Iterable[Point]:
    value = {
        "scope": body.scope,
        "reason": body.reason,
        "approver": fact.actor,
        "expires": body.expires,
        "at": fact.when,
    }
    yield Point(_waived_entity(body), "waiver", value, slot=body.waiver, time=fact.when)


def _waiver_ended(fact: Fact, body: _WaiverEnded, _: FoldContext) -> Iterable[Point]:
    value = {"reason": body.reason, "by": fact.actor, "at": fact.when}
    yield Point(_waived_entity(body), "waiver_ended", value, slot=body.waiver, time=fact.when)


def _waived_entity(body: _Waived | _WaiverEnded) -> Entity:
    if isinstance(body, events.DatasetWaived | events.DatasetWaiverEnded):
        return entity_of(body.dataset)
    return model_entity(body.model, body.version)


def _concluded(fact: Fact, body: events.LicenseConcluded, _: FoldContext) -> Iterable[Point]:
    texts = {"url": body.url, "attribution": body.attribution, "reason": body.reason}
    value = {"concluded": body.expression, **{k: v for k, v in texts.items() if v}}
    # Beside the declared license and not over it: both stay visible (SPDX keeps the two apart).
    yield Point(entity_of(body.dataset), "license", value, slot="concluded", time=fact.when)


def _verdict(fact: Fact, body: events.VerdictRecorded, _: FoldContext) -> Iterable[Point]:
    value: Json = {**body.judgement, "at": fact.when}
    yield Point(entity_of(body.ref), "verdict", value, slot=body.question, time=fact.when)


def _alias(fact: Fact, body: events.AliasDecided, _: FoldContext) -> Iterable[Point]:
    value: Json = {"accepted": body.accepted, "reason": body.reason}
    # Said of both: either may be the one whose producer names the other.
    for one, other in ((body.dataset, body.alias), (body.alias, body.dataset)):
        yield Point(entity_of(one), "symlinks", value, slot=other, time=fact.when)


def _ruled(fact: Fact, body: events.AliasRuled, _: FoldContext) -> Iterable[Point]:
    value: Json = {
        "form": body.form,
        "namespace": body.namespace,
        "prefix": body.prefix,
        "to_namespace": body.to_namespace,
        "to_prefix": body.to_prefix,
        "reason": body.reason,
    }
    yield Point(BOOK, RULE, value, slot=body.rule, time=fact.when)


def _rule_ended(fact: Fact, body: events.AliasRuleEnded, _: FoldContext) -> Iterable[Point]:
    # An aspect of its own: ending must win in whatever order the two facts are folded.
    yield Point(BOOK, ENDED, {"reason": body.reason}, slot=body.rule, time=fact.when)


def _stale(fact: Fact, body: events.DecisionStale, _: FoldContext) -> Iterable[Point]:
    value: Json = {
        "decision": body.decision,
        "known_at": body.known_at,
        "then": body.then,
        "now": body.now,
        "at": fact.when,
    }
    yield Point(entity_of(body.ref), "stale", value, slot=body.question, time=fact.when)


FACTS: tuple[FactType, ...] = (
    FactType.of(events.PersonAdded, _person),
    FactType.of(events.PersonChanged, _person),
    FactType.of(events.TokenIssued, _token),
    FactType.of(events.TokenRevoked, _revoked),
    FactType.of(events.LoginOpened, _login),
    FactType.of(events.GrantGiven, _granted),
    FactType.of(events.GrantEnded, _grant_ended),
    FactType.of(events.ModelWaived, _waived),
    FactType.of(events.WaiverEnded, _waiver_ended),
    FactType.of(events.DatasetWaived, _waived),
    FactType.of(events.DatasetWaiverEnded, _waiver_ended),
    FactType.of(events.LicenseConcluded, _concluded),
    FactType.of(events.VerdictRecorded, _verdict),
    FactType.of(events.AliasDecided, _alias),
    FactType.of(events.AliasRuled, _ruled),
    FactType.of(events.AliasRuleEnded, _rule_ended),
    FactType.of(events.DecisionStale, _stale),
)
"""Every fact type of this package, for bootstrap to join."""
