"""The access table, whole: every act by every role, and nothing that stands in no row."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from allowed_acts import ALLOWED

from catalog.people import ROLES as PEOPLE_ROLES
from lineage.errors import Denied
from tracehold.access import ROLES, TABLE, authorize, may
from tracehold.acts import ACTS
from tracehold.gates import GATES


@dataclass(frozen=True)
class Somebody:
    id: str
    roles: frozenset[str]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("act", sorted(TABLE))
def test_each_role_may_do_its_acts_and_no_other(role: str, act: str) -> None:
    person = Somebody("p", frozenset({role}))
    allowed = act in ALLOWED[role].split()
    assert may(person.roles, act) is allowed
    if allowed:
        authorize(person, act)
    else:
        with pytest.raises(Denied) as caught:
            authorize(person, act)
        assert caught.value.exit_code == 3
        assert caught.value.http_status == 403


def test_what_stands_in_no_row_is_allowed_to_nobody() -> None:
    everything = Somebody("p", frozenset(ROLES))
    for act in ("", "person.add ", "PERSON.ADD", "deletion.purge", "__class__"):
        with pytest.raises(Denied):
            authorize(everything, act)


def test_no_role_allows_nothing() -> None:
    for act in TABLE:
        with pytest.raises(Denied):
            authorize(Somebody("p", frozenset()), act)


def test_every_act_and_every_gate_stands_in_the_table_and_the_table_has_no_other() -> None:
    routes = {*ACTS, *(f"gates.{name}" for name in GATES)}
    assert routes | {"lineage.receive", "question", "metrics"} == set(TABLE)


def test_the_roles_are_those_of_people() -> None:
    assert set(ROLES) == set(PEOPLE_ROLES)


def test_who_administers_people_neither_approves_nor_executes() -> None:
    for act in ("deletion.approve", "deletion.apply", "waiver.grant", "hold.release"):
        assert not may({"admin"}, act)
    # Requester, approver and executor are different hands.
    hands = [TABLE[act] for act in ("deletion.request", "deletion.approve", "deletion.apply")]
    assert len(frozenset().union(*hands)) == sum(map(len, hands))
