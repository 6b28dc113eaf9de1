from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog_world import DAY, World

from catalog.events import PersonAdded, PersonChanged, TokenIssued, TokenRevoked
from catalog.people import (
    IssuedToken,
    authenticate,
    find_person,
    list_people,
    new_person_id,
    new_token,
    person_by_id,
)
from lineage.errors import Conflict, InvalidInput, NotFound, Unauthenticated


class Dice:
    """Bytes that differ with every call and repeat with every test."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, length: int) -> bytes:
        self.calls += 1
        return hashlib.shake_256(self.calls.to_bytes(4, "big")).digest(length)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def add(world: World, dice: Dice, name: str = "Ada", roles: list[str] | None = None) -> str:
    person = new_person_id(dice)
    world.record(PersonAdded(person, name, roles or ["engineer"]), actor="p-admin")
    return person


def issue(
    world: World, dice: Dice, person: str, days: float = 30, namespaces: list[str] | None = None
) -> IssuedToken:
    token = new_token(person, dice)
    expires = world.clock() + round(days * DAY)
    world.record(TokenIssued(token.token_id, person, token.sha256, expires, namespaces or []))
    return token


def test_a_token_names_its_owner_roles_and_namespaces(world: World) -> None:
    dice = Dice()
    ada = add(world, dice, roles=["producer", "engineer"])
    token = issue(world, dice, ada, namespaces=["shop", "lake-*"])
    person = authenticate(world.state, world.identity, token.text, world.clock())
    assert person.id == ada
    assert person.name == "Ada"
    assert person.roles == {"producer", "engineer"}
    assert [person.may_report(one) for one in ("shop", "lake-7", "shops", "other")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_token_without_namespaces_reports_everywhere(world: World) -> None:
    dice = Dice()
    token = issue(world, dice, add(world, dice))
    person = authenticate(world.state, world.identity, token.text, world.clock())
    assert person.may_report("anything")


@pytest.mark.parametrize("spoil", ["", "th_", "Bearer x", "last", "first", "\ud800", "th_" * 5000])
def test_a_wrong_token_is_refused_and_never_repeated(world: World, spoil: str) -> None:
    dice = Dice()
    token = issue(world, dice, add(world, dice)).text
    wrong = {"last": token[:-1] + ("A" if token[-1] != "A" else "B"), "first": "x" + token}
    text = wrong.get(spoil, spoil)
    with pytest.raises(Unauthenticated) as caught:
        authenticate(world.state, world.identity, text, world.clock())
    assert not text or text not in str(caught.value.as_dict())


def test_expired_and_revoked_tokens_and_disabled_people_are_refused(world: World) -> None:
    dice = Dice()
    ada = add(world, dice)
    short, gone, other = issue(world, dice, ada, days=1), issue(world, dice, ada), None
    world.record(TokenRevoked(gone.token_id, ada, "lost"))
    other = issue(world, dice, ada)
    now = world.clock()

    def refused(token: IssuedToken, at: int) -> bool:
        try:
            authenticate(world.state, world.identity, token.text, at)
        except Unauthenticated:
            return True
        return False

    assert refused(gone, now)
    assert not refused(short, now + DAY - 1)
    assert refused(short, now + DAY)
    assert not refused(other, now)
    world.clock.now += 1
    world.record(PersonChanged(ada, "Ada", ["engineer"], disabled=True))
    assert refused(other, now)


def test_a_token_of_one_person_does_not_open_another(world: World) -> None:
    dice = Dice()
    ada, bob = add(world, dice), add(world, dice, "Bob", ["admin"])
    token = issue(world, dice, ada).text
    with pytest.raises(Unauthenticated):
        authenticate(world.state, world.identity, token.replace(ada, bob), world.clock())


def test_roles_change_with_a_fact_and_the_latest_holds(world: World) -> None:
    dice = Dice()
    ada = add(world, dice)
    world.clock.now += 1
    world.record(PersonChanged(ada, "Ada L.", ["approver"]))
    person = person_by_id(world.state, world.identity, ada)
    assert person is not None
    assert (person.name, person.roles) == ("Ada L.", {"approver"})


def test_people_are_found_by_id_and_by_unambiguous_name(world: World) -> None:
    dice = Dice()
    ada, bob = add(world, dice), add(world, dice, "Bob")
    second = add(world, dice, "Bob")
    assert [one.id for one in list_people(world.state)] == [ada, *sorted([bob, second])]
    assert find_person(world.state, "Ada").id == ada
    assert find_person(world.state, bob).name == "Bob"
    with pytest.raises(Conflict) as caught:
        find_person(world.state, "Bob")
    assert bob in caught.value.advice
    with pytest.raises(NotFound):
        find_person(world.state, "Eve")
    with pytest.raises(InvalidInput):
        find_person(world.state, "")


def test_neither_name_nor_token_stands_in_graph_or_journal_envelope(world: World) -> None:
    dice = Dice()
    ada = add(world, dice, "Ada Lovelace")
    token = issue(world, dice, ada)
    nodes = str(world.state.list_nodes("Agent"))
    assert ada in nodes
    assert "Lovelace" not in nodes
    for stored in world.journal.stored():
        assert b"Lovelace" not in stored.envelope
        assert token.text.encode() not in stored.envelope + (stored.distilled or b"")
