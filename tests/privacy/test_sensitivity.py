"""How sensitive a thing is: by what was found, by what is declared, and by its other names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import dataset, facet
from privacy_world import NS, World

from catalog.facets import FACETS
from lineage.state.words import saying
from privacy.events import FindingReviewed, ScanCompleted, kind_of
from privacy.sensitivity import CLASSES, is_special, sensitive

TABLE = f"dataset:[{NS}]people"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("privacy_world.FACETS", _all_facets())
    made = World(tmp_path)
    yield made
    made.close()


def _all_facets() -> tuple[Any, ...]:
    from privacy.facets import FACETS as OURS

    return (*FACETS, *OURS)


def classes(world: World, *wanted: str) -> dict[str, set[str]]:
    db = world.state.connection()
    found = sensitive(world.state, partial(saying, db), wanted or CLASSES)
    names = {key: str(world.state.nodes([key])[key].props["name"]) for key in found}
    return {names[key]: set(some) for key, some in found.items()}


def scan(world: World, tier: str, entity: str, name: str = "people") -> None:
    column = {"tier": tier, "entity": entity}
    body = ScanCompleted(
        dataset=f"dataset:[{NS}]{name}", engine="test", config_digest="c", rows=1,
        columns={"x": column},
    )  # fmt: skip
    world.record("p-officer", kind_of(body), body, None)


def review(world: World, entity: str, *, accepted: bool) -> None:
    body = FindingReviewed(TABLE, "x", entity, accepted, "looked")
    world.record("p-officer", kind_of(body), body, None)


@pytest.mark.parametrize(
    ("tier", "entity", "expected"),
    [
        ("confirmed", "EMAIL_ADDRESS", {"personal"}),
        ("candidate", "EMAIL_ADDRESS", set()),
        ("confirmed", "MEDICAL_CONDITION", {"personal", "special"}),
        ("candidate", "NRP", {"special"}),
        ("none", "NRP", set()),
    ],
)
def test_a_finding_makes_it_personal_and_a_suspicion_special(
    world: World, tier: str, entity: str, expected: set[str]
) -> None:
    scan(world, tier, entity)
    assert classes(world).get("people", set()) == expected


def test_a_review_that_says_otherwise_takes_it_back(world: World) -> None:
    scan(world, "candidate", "HEALTH")
    assert classes(world) == {"people": {"special"}}
    review(world, "HEALTH", accepted=False)
    assert classes(world) == {}
    review(world, "EMAIL_ADDRESS", accepted=True)
    assert classes(world) == {"people": {"personal"}}


@pytest.mark.parametrize(
    ("facets", "expected"),
    [
        ({"tracehold_terms": {"legal_basis": "eu-gdpr:A9-2-a"}}, {"special"}),
        ({"tracehold_legalBasis": {"bases": ["eu-gdpr:A6-1-b", "eu-gdpr:A9-2-h"]}}, {"special"}),
        ({"tracehold_legalBasis": {"bases": ["eu-gdpr:A6-1-b"]}}, set()),
        ({"tracehold_terms": {"legal_basis": "eu-gdpr:A10"}}, {"special"}),
        ({"tracehold_terms": {"legal_basis": "eu-gdpr:A6-1-b"}}, set()),
        ({"tracehold_terms": {"sensitivity": "Confidential"}}, {"restricted"}),
        ({"tags": {"tags": [{"key": "Classification", "value": "SECRET"}]}}, {"restricted"}),
        ({"tags": {"tags": [{"key": "sensitivity", "value": "special"}]}}, {"special"}),
        ({"tags": {"tags": [{"key": "sensitivity", "value": "public"}]}}, set()),
        ({"tags": {"tags": [{"key": "team", "value": "restricted"}]}}, set()),
    ],
)
def test_what_is_declared_counts(
    world: World, facets: dict[str, dict[str, Any]], expected: set[str]
) -> None:
    made = {name: facet("X", **members) for name, members in facets.items()}
    world.emit("load", 1, [], [dataset("people", **made)])
    assert classes(world).get("people", set()) == expected


def test_what_holds_under_one_name_holds_under_every_other(world: World) -> None:
    names = [{"namespace": NS, "name": "lake/people", "type": "TABLE"}]
    alias = facet("SymlinksDatasetFacet", identifiers=names)
    world.emit("load", 1, [], [dataset("people", symlinks=alias)])
    scan(world, "confirmed", "GENETIC_DATA")
    assert set(classes(world)) == {"people", "lake/people"}


def test_what_is_made_of_it_is_not_sensitive_before_somebody_looked(world: World) -> None:
    scan(world, "confirmed", "EMAIL_ADDRESS")
    world.emit("copy", 2, ["people"], ["copy"])
    assert set(classes(world)) == {"people"}


def test_only_the_classes_asked_for_are_looked_for(world: World) -> None:
    scan(world, "confirmed", "RACE")
    assert classes(world, "restricted") == {}
    assert classes(world, "personal") == {"people": {"personal"}}


def test_types_of_the_special_categories_are_known_by_their_names() -> None:
    for entity in ("NRP", "MEDICAL_CONDITION", "RELIGION", "ETHNICITY", "SEXUAL_ORIENTATION",
                   "TRADE_UNION_MEMBERSHIP", "BIOMETRIC_ID", "POLITICAL_OPINION"):  # fmt: skip
        assert is_special(entity), entity
    for entity in ("EMAIL_ADDRESS", "PERSON", "", "IBAN_CODE", "UNION_STATE"):
        assert not is_special(entity), entity
