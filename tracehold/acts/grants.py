"""Acts on grants: who may look at what is guarded or not open, why, and until when."""

from __future__ import annotations

import secrets
from typing import Final

from catalog.events import GrantEnded, GrantGiven
from catalog.people import Person, find_person, person_by_id
from lineage.clock import format_millis
from lineage.errors import Conflict, InvalidInput, NotFound
from lineage.facts import Json
from privacy.sensitivity import CLASSES, Sensitivity
from tracehold.acts.act import Act, Body, read_moment
from tracehold.acts.people import record_people
from tracehold.services import Services

__all__ = ["GRANTS"]

MOST_MILLIS: Final = 366 * 24 * 60 * 60 * 1000
"""A grant lasts a year at most; then somebody looks again."""


class GiveGrant(Body, frozen=True, kw_only=True):
    """Who may look at which namespaces, at which guarded classes there, why, and until when."""

    person: str
    namespaces: tuple[str, ...]
    classes: tuple[Sensitivity, ...] = ()
    reason: str
    expires: str


class EndGrant(Body, frozen=True, kw_only=True):
    """A grant is taken back."""

    person: str
    grant: str
    reason: str


def _give(services: Services, actor: Person, body: GiveGrant) -> Json:
    person = find_person(services.whole.state, body.person)
    if person.id == actor.id:
        raise Conflict("nobody grants themselves anything", where=person.id, advice="ask another")
    if person.disabled:
        raise Conflict("this account is disabled", where=person.id)
    if not body.namespaces or not all(body.namespaces):
        raise InvalidInput(
            "a grant opens namespaces",
            where="namespaces",
            advice="name at least one; * stands for anything",
        )
    _require(body.reason)
    expires, now = read_moment(body.expires, "expires"), services.clock()
    if not now < expires <= now + MOST_MILLIS:
        raise InvalidInput(
            "a grant ends within a year, and not before it begins",
            where="expires",
            advice=f"give a date up to {format_millis(now + MOST_MILLIS)[:10]}",
        )
    given = GrantGiven(
        grant=f"G-{secrets.token_hex(4)}",
        person=person.id,
        namespaces=sorted(set(body.namespaces)),
        classes=[name for name in CLASSES if name in body.classes],
        reason=body.reason,
        expires=expires,
    )
    record_people(services, actor.id, [given])
    return {
        "grant": given.grant,
        "person": person.id,
        "name": person.name,
        "namespaces": given.namespaces,
        "classes": given.classes,
        "expires": format_millis(expires),
    }


def _end(services: Services, actor: Person, body: EndGrant) -> Json:
    _require(body.reason)
    found = find_person(services.whole.state, body.person)
    person = person_by_id(services.whole.state, services.identity, found.id)
    grant = (
        next((one for one in person.grants if one.grant == body.grant), None) if person else None
    )
    if grant is None:
        raise NotFound(
            "this person has no such grant", where=body.grant, advice="see tracehold grant list"
        )
    if grant.ended is not None:
        raise Conflict("this grant was taken back already", where=grant.grant)
    record_people(services, actor.id, [GrantEnded(grant.grant, found.id, body.reason)])
    return {"grant": grant.grant, "person": found.id, "name": found.name, "ended": True}


def _require(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("a reason is needed", where="reason", advice="say why")


GRANTS: Final = (
    Act("grant.give", "Let a person look at more, for a time.", GiveGrant, _give),
    Act("grant.end", "Take a grant back.", EndGrant, _end),
)
