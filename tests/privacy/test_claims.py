"""Labels of others are claims: shown, carried, never taken for a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import dataset
from privacy_world import START, World

from privacy.claims import UNNAMED
from privacy.events import FindingReviewed, kind_of
from privacy.exposure import exposure
from privacy.facets import PRODUCER
from privacy.findings import known_findings


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def tagged(*tags: Any) -> dict[str, Any]:
    facet = {
        "_producer": "https://example.org",
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/TagsDatasetFacet.json",
        "tags": list(tags),
    }
    return dataset("people", columns=["mail", "phone"], tags=facet)


def known(world: World) -> list[tuple[str, str, str, str]]:
    found = known_findings(world.state).get(world.key("people"), [])
    assert found == known_findings(world.state, [world.key("people")]).get(world.key("people"), [])
    return [(one.column, one.entity, one.tier, one.method) for one in found]


def test_a_label_is_a_claim_about_a_column_or_the_whole(world: World) -> None:
    mail = {"key": "PII", "value": "email address", "field": "mail", "source": "DBT"}
    world.emit("load", -9, [], [tagged(mail, {"key": "contains_pii", "value": "true"})])
    assert known(world) == [
        ("", UNNAMED, "claimed", "tag"),
        ("mail", "EMAIL_ADDRESS", "claimed", "tag"),
    ]


@pytest.mark.parametrize(
    "tag",
    [
        {"key": "pii", "value": "false", "field": "mail"},
        {"key": "owner", "value": "pii", "field": "mail"},
        {"key": "pii", "value": "EMAIL_ADDRESS", "field": "mail", "source": "TRACEHOLD"},
        {"value": "EMAIL_ADDRESS"},
    ],
)
def test_what_claims_nothing(world: World, tag: dict[str, Any]) -> None:
    world.emit("load", -9, [], [tagged(tag)])
    assert known(world) == []


def test_what_looks_like_no_type_is_not_repeated(world: World) -> None:
    world.emit(
        "load", -9, [], [tagged({"key": "pii", "value": "jane.doe@example.com", "field": 3})]
    )
    assert known(world) == [("", UNNAMED, "claimed", "tag")]


def test_a_finding_takes_the_place_of_a_claim_and_a_claim_travels(world: World) -> None:
    claim = {"key": "pii", "value": "EMAIL_ADDRESS", "field": "mail"}
    found = {
        "_producer": PRODUCER,
        "_schemaURL": "https://tracehold.dev/spec/facets/1-0-0/PiiDatasetFacet.json",
        "columns": {"phone": {"entity": "PHONE_NUMBER", "tier": "confirmed", "method": "full"}},
    }
    people = tagged(claim, {**claim, "value": "PHONE_NUMBER", "field": "phone"})
    people["facets"]["tracehold_pii"] = found
    copy = dataset("copy", columns=["to"], lineage={"to": ["people.mail"]})
    world.emit("load", -9, [], [people])
    world.emit("copy", -8, ["people"], [copy])
    assert known(world) == [
        ("mail", "EMAIL_ADDRESS", "claimed", "tag"),
        ("phone", "PHONE_NUMBER", "confirmed", "full"),
    ]
    rows = exposure(world.desk.reader, world.state, world.identity, as_of=START).rows
    assert ("copy#to", "claimed") in {(row.ref.rpartition("]")[2], row.tier) for row in rows}


@pytest.mark.parametrize("accepted", [True, False])
def test_a_review_confirms_or_removes_a_claim(world: World, accepted: bool) -> None:
    claim = {"key": "pii", "value": "EMAIL_ADDRESS", "field": "mail"}
    world.emit("load", -9, [], [tagged(claim)])
    review = FindingReviewed(
        dataset=f"dataset:[{'warehouse'}]people", column="mail", entity="EMAIL_ADDRESS",
        accepted=accepted, reason="looked",
    )  # fmt: skip
    world.record("p-officer", kind_of(review), review, None)
    assert known(world) == ([("mail", "EMAIL_ADDRESS", "confirmed", "review")] if accepted else [])
