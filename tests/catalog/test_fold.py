from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog_world import NS, START, World

from catalog.errors import BadManifest
from catalog.events import (
    LicenseConcluded,
    LoginOpened,
    ModelWaived,
    PersonAdded,
    TokenIssued,
    TokenRevoked,
    VerdictRecorded,
    WaiverEnded,
    kind_of,
)
from catalog.fold import FACTS, entity_of, person_entity
from lineage.errors import InvalidInput


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_every_fact_type_is_versioned_and_declared_once() -> None:
    kinds = [one.kind for one in FACTS]
    assert len(set(kinds)) == len(kinds)
    assert all(kind.endswith("/1") for kind in kinds)
    assert kind_of(LoginOpened("p", 1)) in kinds


def test_a_recorded_verdict_stands_at_its_subject_under_its_question(world: World) -> None:
    judged = world.judge()
    world.record(VerdictRecorded("model:m@1", judged.question, judged.as_dict()), actor="p-auditor")
    key = world.model_key("m", "1")
    (value,) = world.state.aspects([key], ["verdict"])[key]["verdict"]
    assert value.slot == "license"
    assert value.value == {**judged.as_dict(), "at": START}
    assert value.actor == "p-auditor"


def test_a_sign_in_leaves_a_trace_and_no_code(world: World) -> None:
    world.record(PersonAdded("p1", "Ada", ["engineer"]))
    world.record(LoginOpened("p1", START + 600_000))
    key = person_entity("p1").key(world.identity)
    (value,) = world.state.aspects([key], ["login"])[key]["login"]
    assert value.value == {"at": START, "expires": START + 600_000}


def test_the_order_of_facts_does_not_matter(tmp_path: Path) -> None:
    facts = [
        TokenIssued("t1", "p1", "a" * 64, START + 1000),
        TokenRevoked("t1", "p1"),
        ModelWaived("w1", "m", "1", "license", "why", START + 1000),
        WaiverEnded("w1", "m", "1", "no more"),
    ]
    found = set()
    for number, order in enumerate(itertools.permutations(facts)):
        if number % 5:
            continue
        world = World(tmp_path / str(number))
        for fact in order:
            world.record(fact)
        key = world.model_key("m", "1")
        waivers = world.state.aspects([key], ["waiver", "waiver_ended"])[key]
        person = person_entity("p1").key(world.identity)
        tokens = world.state.aspects([person], ["token", "token_revoked"])[person]
        found.add((len(waivers), len(tokens), not world.judge().passes))
        world.close()
    assert found == {(2, 2, True)}


def test_only_datasets_and_models_are_judged() -> None:
    assert entity_of(f"dataset:[{NS}]a").parts == (NS, "a")
    with pytest.raises(InvalidInput):
        entity_of(f"job:[{NS}]a")


def test_a_conclusion_stands_beside_the_declaration(world: World) -> None:
    world.record(LicenseConcluded(f"dataset:[{NS}]a", "MIT", "read", "https://x", "Us"))
    key = world.key("a")
    (value,) = world.state.aspects([key], ["license"])[key]["license"]
    assert (value.slot, value.value["concluded"]) == ("concluded", "MIT")


def test_errors_of_the_catalog_are_errors_of_input() -> None:
    assert BadManifest("x").exit_code == 2
