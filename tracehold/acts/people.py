"""Acts on people: who may act here, with which roles, and with which tokens."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from catalog.events import (
    LoginOpened,
    PersonAdded,
    PersonChanged,
    Role,
    TokenIssued,
    TokenRevoked,
    kind_of,
)
from catalog.fold import person_entity
from catalog.people import (
    ROLES,
    IssuedToken,
    Person,
    find_person,
    list_people,
    new_person_id,
    new_token,
)
from lineage.errors import Conflict, InvalidInput, NotFound, Unavailable
from lineage.facts import Draft, Json
from tracehold.acts.act import Act, Body
from tracehold.logins import CODE_MILLIS
from tracehold.services import Services

__all__ = ["PEOPLE", "add_person", "record_people"]

DAY_MILLIS: Final = 24 * 60 * 60 * 1000
STREAM: Final = "people"
"""The dense governance stream of people and tokens."""

# The name of a person also names the file of the token, so it has no separators.
_NAME = re.compile(r"[^\W_][\w .@+'-]{0,63}")
# Who hands out roles must not be able to use these (separation of duties).
_APART: Final = frozenset({"approver", "executor"})


class AddPerson(Body, frozen=True, kw_only=True):
    """A new person and the first token."""

    name: str
    roles: list[Role]
    namespaces: tuple[str, ...] = ()
    days: int = 365


class ChangeRoles(Body, frozen=True, kw_only=True):
    """All roles of a person from now on."""

    person: str
    roles: list[Role]


class DisablePerson(Body, frozen=True, kw_only=True):
    """The person may do nothing any more."""

    person: str


class IssueToken(Body, frozen=True, kw_only=True):
    """A further token of a person."""

    person: str
    namespaces: tuple[str, ...] = ()
    days: int = 365


class RevokeToken(Body, frozen=True, kw_only=True):
    """A token is void."""

    person: str
    token: str
    reason: str = ""


class OpenLogin(Body, frozen=True, kw_only=True):
    """A one-time code for oneself."""


def _add(services: Services, actor: Person, body: AddPerson) -> Json:
    return add_person(services, actor.id, body)


def add_person(services: Services, actor: str, body: AddPerson) -> Json:
    """Add a person with a first token; the token's text is in the answer and nowhere else.

    Args:
        services: The workspace.
        actor: Opaque id of who does it; a new workspace adds its first person by itself.
        body: Name, roles, reach and life of the token.

    Raises:
        InvalidInput: The name cannot be used, or no role is given.
        Conflict: The name is taken, or the roles must not meet in one person.
    """
    name = body.name.strip()
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "a person needs a name of letters, digits, spaces and . @ + ' -",
            where="name",
            advice="at most 64 characters, beginning with a letter or digit",
        )
    _check_roles(body.roles)
    if any(one.name == name for one in list_people(services.state)):
        raise Conflict("somebody of that name is known", where="name", advice="choose another")
    person = new_person_id(secrets.token_bytes)
    token, issued = _issue(services, person, body.days, body.namespaces)
    record_people(services, actor, [PersonAdded(person, name, sorted(set(body.roles))), issued])
    return {
        "person": person,
        "name": name,
        "roles": sorted(set(body.roles)),
        **_shown(token, issued),
    }


def _roles(services: Services, actor: Person, body: ChangeRoles) -> Json:
    person = _other(services, actor, body.person)
    _check_roles(body.roles)
    gained = _APART & set(body.roles) - person.roles
    if gained:
        # Whoever issued a token of theirs could use the role.
        raise Conflict(
            f"{' and '.join(sorted(gained))} cannot be given to somebody who has an account",
            where=person.id,
            advice="add the person anew, under a new name, for that role",
        )
    changed = PersonChanged(person.id, person.name, sorted(set(body.roles)), person.disabled)
    record_people(services, actor.id, [changed], after=person.id)
    return {"person": person.id, "name": person.name, "roles": changed.roles}


def _disable(services: Services, actor: Person, body: DisablePerson) -> Json:
    person = _other(services, actor, body.person)
    record_people(
        services,
        actor.id,
        [PersonChanged(person.id, person.name, _held(person), disabled=True)],
        after=person.id,
    )
    return {"person": person.id, "name": person.name, "disabled": True}


def _issue_token(services: Services, actor: Person, body: IssueToken) -> Json:
    person = find_person(services.state, body.person)
    if person.disabled:
        raise Conflict("this account is disabled", where=person.id)
    if person.id != actor.id and _APART & person.roles:
        # Else who administers people could act as an approver.
        raise Conflict(
            "a further token of an approver or executor cannot be issued by another person",
            where=person.id,
            advice="disable the account and add the person anew",
        )
    token, issued = _issue(services, person.id, body.days, body.namespaces)
    record_people(services, actor.id, [issued])
    return {"person": person.id, "name": person.name, **_shown(token, issued)}


def _revoke(services: Services, actor: Person, body: RevokeToken) -> Json:
    person = find_person(services.state, body.person)
    key = person_entity(person.id).key(services.identity)
    issued = services.state.aspects([key], ["token"]).get(key, {}).get("token", [])
    if body.token not in {value.slot for value in issued}:
        raise NotFound(
            "this person has no such token",
            where="token",
            advice="give the token's id, the third part of its text between the underscores",
        )
    record_people(services, actor.id, [TokenRevoked(body.token, person.id, body.reason)])
    # Whoever held the token may have opened a session with it.
    services.logins.end_all(person.id)
    return {"person": person.id, "token_id": body.token, "revoked": True}


def _login(services: Services, actor: Person, _: OpenLogin) -> Json:
    if services.advancer is None or not services.serving:
        raise Unavailable(
            "a code opens a session of a running server, and there is none",
            advice="start one: tracehold up",
        )
    expires = services.clock() + CODE_MILLIS
    record_people(services, actor.id, [LoginOpened(actor.id, expires)])
    return {"code": services.logins.open(actor.id), "expires": expires, "person": actor.id}


def _check_roles(roles: Collection[str]) -> None:
    if not roles:
        raise InvalidInput("a person needs a role", where="roles")
    if "admin" in roles and _APART & set(roles):
        raise Conflict(
            "an admin can neither approve nor execute",
            where="roles",
            advice="give these roles to different people",
        )


def _held(person: Person) -> list[Role]:
    return [role for role in ROLES if role in person.roles]


def _other(services: Services, actor: Person, text: str) -> Person:
    person = find_person(services.state, text)
    if person.id == actor.id:
        raise Conflict(
            "nobody changes their own account", where=person.id, advice="ask another admin"
        )
    return person


def _issue(
    services: Services, person: str, days: int, namespaces: Sequence[str]
) -> tuple[IssuedToken, TokenIssued]:
    if not 1 <= days <= 3660:
        raise InvalidInput("a token lives 1 to 3660 days", where="days")
    token = new_token(person, secrets.token_bytes)
    expires = services.clock() + days * DAY_MILLIS
    return token, TokenIssued(token.token_id, person, token.sha256, expires, list(namespaces))


def _shown(token: IssuedToken, issued: TokenIssued) -> dict[str, Json]:
    return {"token": token.text, "token_id": token.token_id, "expires": issued.expires}


def record_people(
    services: Services, actor: str, bodies: Sequence[msgspec.Struct], *, after: str = ""
) -> None:
    """Record facts on people as one transaction, and let nobody be remembered as before.

    A change of the person ``after`` holds from after what it changes, also where the clock went
    back in between: else who was disabled would stay in.
    """
    since = _since(services, after) if after else None
    drafts = [
        Draft(
            kind_of(body),
            actor,
            msgspec.json.encode(body, order="deterministic"),
            valid_time=since,
            stream=STREAM,
        )
        for body in bodies
    ]
    receipts = services.journal.append(drafts)
    if services.advancer is not None:
        services.advancer.until(receipts[-1])
    services.people.forget()


def _since(services: Services, person: str) -> int:
    key = person_entity(person).key(services.identity)
    said = services.state.aspects([key], ["person"]).get(key, {}).get("person", [])
    return max([services.clock(), *(value.time + 1 for value in said)])


PEOPLE: Final = (
    Act("person.add", "Add a person with roles and a first token.", AddPerson, _add),
    Act("person.roles", "Replace the roles of a person.", ChangeRoles, _roles),
    Act("person.disable", "Disable a person and all tokens.", DisablePerson, _disable),
    Act("token.issue", "Issue a further token.", IssueToken, _issue_token),
    Act("token.revoke", "Revoke a token.", RevokeToken, _revoke),
    Act("login.open", "Open a one-time code for oneself, valid ten minutes.", OpenLogin, _login),
)
