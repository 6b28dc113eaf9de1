"""People and tokens: opaque ids, hashed secrets, roles as facts.

Ids and tokens are random, never derived from a name. A token is 32 random bytes and is shown once;
the state holds its SHA-256. A plain hash is enough because there is nothing to guess: a password
hash protects secrets of low entropy, and this is not one. What a role allows is decided in the
package that faces people.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, get_args

from catalog.events import Role
from catalog.fold import person_entity
from catalog.grants import Grant, grants_of
from lineage.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from lineage.facts import Json
from lineage.identity import Identity
from lineage.state.port import AspectValue, StateReader

__all__ = [
    "ROLES",
    "Entropy",
    "IssuedToken",
    "Person",
    "authenticate",
    "find_person",
    "list_people",
    "new_person_id",
    "new_token",
    "person_by_id",
]

ROLES: Final[tuple[Role, ...]] = get_args(Role)

Entropy = Callable[[int], bytes]
"""Random bytes of a length; ``secrets.token_bytes`` outside tests."""

_TOKEN = re.compile(r"th_(p[a-z2-7]{16})_([a-z2-7]{8})_[A-Za-z0-9_-]{43}")
_PERSON: Final = ("person", "grant", "grant_ended")
_REFUSED: Final = "set the token you were given, or ask an admin for a new one"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, or a producer's machine, that may act.

    Attributes:
        id: Opaque id; the actor of every fact this person causes.
        name: What is shown; never written to logs, facts of others, or the graph.
        roles: What the person may do.
        namespaces: Where the token in use may report lineage; empty for everywhere.
        disabled: True where the person may do nothing any more.
        grants: What more the person may see, or might once.
    """

    id: str
    name: str
    roles: frozenset[str]
    namespaces: tuple[str, ...] = ()
    disabled: bool = False
    grants: tuple[Grant, ...] = ()

    def may_report(self, namespace: str) -> bool:
        """Whether the token may report lineage of a namespace; ``*`` stands for anything."""
        return not self.namespaces or any(fnmatchcase(namespace, one) for one in self.namespaces)

    def grants_at(self, now: int) -> list[Grant]:
        """The grants in force at a moment, epoch milliseconds."""
        return [one for one in self.grants if one.holds(now)]


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token. ``text`` is shown once and kept nowhere.

    Attributes:
        text: What the owner presents.
        token_id: Names it in facts and lists.
        sha256: Of ``text``, hexadecimal.
    """

    text: str
    token_id: str
    sha256: str


def _letters(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def new_person_id(entropy: Entropy) -> str:
    """An opaque id of 80 random bits."""
    return f"p{_letters(entropy(10))}"


def new_token(person: str, entropy: Entropy) -> IssuedToken:
    """A token of a person; 256 random bits."""
    token_id = _letters(entropy(5))
    secret = base64.urlsafe_b64encode(entropy(32)).decode().rstrip("=")
    text = f"th_{person}_{token_id}_{secret}"
    return IssuedToken(text, token_id, hashlib.sha256(text.encode()).hexdigest())


def authenticate(state: StateReader, identity: Identity, token: str, now: int) -> Person:
    """The person that a token belongs to.

    Args:
        state: Where people and tokens are.
        identity: Derives keys.
        token: As presented; never logged, never part of an error.
        now: Epoch milliseconds.

    Raises:
        Unauthenticated: The token is missing, unknown, revoked or expired, or its owner disabled.
            The error does not say which, except for an expired one.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Unauthenticated("a valid token is required", advice=_REFUSED)
    person_id, token_id = match.groups()
    key = person_entity(person_id).key(identity)
    aspects = state.aspects([key], [*_PERSON, "token", "token_revoked"]).get(key, {})
    issued = _slot(aspects.get("token", ()), token_id)
    digest = hashlib.sha256(token.encode()).hexdigest()
    known = isinstance(issued, dict) and isinstance(issued.get("sha256"), str)
    expected = issued["sha256"] if known else "0" * 64
    if not hmac.compare_digest(expected, digest) or not known:
        raise Unauthenticated("a valid token is required", advice=_REFUSED)
    person = _person(person_id, aspects, tuple(issued.get("namespaces", ())))
    revoked = _slot(aspects.get("token_revoked", ()), token_id) is not None
    if revoked or person is None or person.disabled:
        raise Unauthenticated("a valid token is required", advice=_REFUSED)
    if issued["expires"] <= now:
        raise Unauthenticated("the token has expired", advice="ask an admin for a new one")
    return person


def person_by_id(state: StateReader, identity: Identity, person: str) -> Person | None:
    """The person of an opaque id, disabled ones included; None where there is none."""
    key = person_entity(person).key(identity)
    return _person(person, state.aspects([key], _PERSON).get(key, {}))


def list_people(state: StateReader) -> list[Person]:
    """Everybody, disabled ones included, by name then id."""
    found: list[Person] = []
    for key, values in state.with_aspect("person").items():
        node = state.node(key)
        person = _person(str(node.props.get("name", "")), {"person": values}) if node else None
        if person is not None:
            found.append(person)
    return sorted(found, key=lambda one: (one.name, one.id))


def find_person(state: StateReader, text: str) -> Person:
    """The person of an id or of an unambiguous name.

    Raises:
        NotFound: Nobody.
        Conflict: Several have the name; the advice lists their ids.
        InvalidInput: The text is empty.
    """
    if not text:
        raise InvalidInput("a person was expected", advice="give a name or an id")
    people = list_people(state)
    found = [one for one in people if one.id == text] or [one for one in people if one.name == text]
    if not found:
        raise NotFound("nobody of that name is known", advice="see tracehold user list")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise Conflict("several people have that name", advice=f"use an id: {ids}")
    return found[0]


def _slot(values: list[AspectValue] | tuple[AspectValue, ...], slot: str) -> Json:
    return next((value.value for value in values if value.slot == slot), None)


def _person(
    person: str,
    aspects: Mapping[str, list[AspectValue]],
    namespaces: tuple[str, ...] = (),
) -> Person | None:
    said = _slot(aspects.get("person", ()), "")
    if not isinstance(said, dict):
        return None
    known = frozenset(said.get("roles", ())) & frozenset(ROLES)
    disabled = bool(said.get("disabled"))
    return Person(person, str(said["name"]), known, namespaces, disabled, grants_of(aspects))
