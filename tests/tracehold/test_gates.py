"""Gates: pure over judgements, closed by what cannot be judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import Api, complete, services_of, workspace

from catalog.facets import license_facet
from catalog.judgement import Judgement, Reason, Verdict, Weight
from lineage.errors import Conflict
from lineage.state.port import AspectValue
from privacy.exposure import Exposed, Exposure
from privacy.fold import tombstone_entity
from tracehold.training import decide_train, judge_personal, judge_quality

SET = "dataset:[shop]training"


def judged(verdict: Verdict, *reasons: tuple[Weight, str]) -> Judgement:
    made = tuple(
        Reason(f"code-{n}", "what", SET, ("a", SET), weight, waiver)
        for n, (weight, waiver) in enumerate(reasons)
    )
    return Judgement("license", SET, verdict, reasons=made)


@pytest.mark.parametrize(
    ("judgements", "verdict", "waivers"),
    [
        ([], "allowed", ()),
        ([judged("allowed")], "allowed", ()),
        ([judged("allowed", ("flag", ""))], "allowed", ()),
        ([judged("denied", ("deny", ""))], "denied", ()),
        ([judged("unknown", ("unknown", ""))], "unknown", ()),
        ([judged("unknown")], "unknown", ()),
        ([judged("denied", ("deny", "W1"))], "allowed", ("W1",)),
        ([judged("denied", ("deny", "W1"), ("deny", ""))], "denied", ("W1",)),
        ([judged("denied", ("deny", "W1"), ("unknown", ""))], "unknown", ("W1",)),
        (
            [judged("denied", ("deny", "W1")), judged("unknown", ("unknown", ""))],
            "unknown",
            ("W1",),
        ),
        ([judged("allowed"), judged("denied", ("deny", ""))], "denied", ()),
    ],
)
def test_the_gate_opens_only_where_every_judgement_passes(
    judgements: list[Judgement], verdict: str, waivers: tuple[str, ...]
) -> None:
    answer = decide_train(judgements)
    assert (answer.verdict, answer.waivers) == (verdict, waivers)


def test_the_path_is_that_of_the_first_open_cause() -> None:
    waived = Reason("a", "w", "x", ("x", SET), "deny", "W1")
    still = Reason("b", "w", "y", ("y", SET), "deny")
    answer = decide_train([Judgement("license", SET, "denied", reasons=(waived, still))])
    assert answer.path == ("y", SET)


def exposed(*rows: tuple[str, str], complete: bool = True) -> Exposure:
    made = tuple(
        Exposed(f"{SET}#c", dataset, "EMAIL_ADDRESS", tier, "found", ("p",), ("f",))
        for dataset, tier in rows
    )
    reasons = () if complete else ("nodes",)
    return Exposure(made, (), (), complete, reasons, 0, 0, "", "")


def test_confirmed_personal_data_of_the_training_set_closes_and_a_candidate_is_flagged() -> None:
    assert judge_personal(exposed(("dataset:[shop]other", "confirmed")), SET).passes
    assert judge_personal(exposed((SET, "candidate")), SET).passes
    assert not judge_personal(exposed((SET, "confirmed")), SET).passes
    assert judge_personal(exposed(complete=False), SET).verdict == "unknown"


def value(**said: Any) -> AspectValue:
    return AspectValue(said, "rule", "facet", 0, "f", 1, "a")


def test_a_failed_rule_closes_and_a_failed_warning_is_flagged() -> None:
    assert judge_quality([value(assertion="unique", success=True)], SET).passes
    assert judge_quality([value(assertion="u", success=False, severity="warn")], SET).passes
    for unclear in ({}, {"success": "false"}, {"success": None}):
        assert not judge_quality([value(assertion="unique", **unclear)], SET).passes
    failed = judge_quality([value(assertion="unique", success=False, column="id")], SET)
    assert not failed.passes
    assert "unique on id" in failed.reasons[0].what


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        yield Api(services, settings)


def make(api: Api, license_: str | None) -> None:
    event = complete()
    if license_ is not None:
        event["inputs"][0]["facets"] = {"tracehold_license": license_facet(license_)}
    answer = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    assert answer.status_code == 201


def gate(api: Api, training_set: str = "clean_1") -> Any:
    body = {"model": "late", "version": "1", "training_set": training_set}
    return api.send("POST", "/api/v1/gates/train", token=api.token("pipeline"), json=body)


def test_a_free_license_opens_the_gate_and_the_answer_says_what_it_rests_on(api: Api) -> None:
    make(api, "CC0-1.0")
    answer = gate(api).json()
    assert (answer["allowed"], answer["verdict"], answer["waiver"]) == (True, "allowed", "")
    assert answer["known_at"] > 0
    assert answer["policy_digest"]
    assert answer["fold_version"]
    # The verdict is on record, and no model came into being by it.
    assert api.services.journal.get(answer["fact"])
    assert api.services.state.count("Model") == 0


@pytest.mark.parametrize(
    ("license_", "verdict"),
    [("CC-BY-NC-4.0", "denied"), (None, "unknown"), ("LicenseRef-who-knows", "unknown")],
)
def test_another_license_or_none_closes_it_with_the_path(
    api: Api, license_: str | None, verdict: str
) -> None:
    make(api, license_)
    answer = gate(api).json()
    assert (answer["allowed"], answer["verdict"]) == (False, verdict)
    assert answer["reasons"]
    assert answer["path"][0] == "dataset:[shop]raw_1"


def test_a_waiver_opens_the_gate_until_it_is_taken_back(api: Api) -> None:
    make(api, "CC-BY-NC-4.0")
    token = api.hire("mary", "approver")
    body = {"model": "late@1", "scope": "license", "reason": "r", "expires": "2026-12-31"}
    granted = api.send("POST", "/api/v1/acts/waiver.grant", token=token, json=body).json()
    opened = gate(api).json()
    assert (opened["allowed"], opened["waiver"]) == (True, granted["waiver"])
    other = api.send(
        "POST", "/api/v1/gates/train", token=api.token("pipeline"),
        json={"model": "late", "version": "2", "training_set": "clean_1"},
    )  # fmt: skip
    assert other.json()["allowed"] is False
    ended = {"model": "late@1", "waiver": granted["waiver"], "reason": "r"}
    api.send("POST", "/api/v1/acts/waiver.end", token=token, json=ended)
    assert gate(api).json()["allowed"] is False


def test_an_unknown_training_set_is_not_allowed_by_accident(api: Api) -> None:
    assert gate(api, "nobody_knows").status_code == 404


def test_content_without_a_tombstone_may_come_in(api: Api) -> None:
    body = {"dataset": "bookings", "sha256": "ab" * 32}
    answer = api.send("POST", "/api/v1/gates/ingest", token=api.token("pipeline"), json=body)
    assert answer.json()["allowed"] is True
    assert answer.json()["dataset"] == "dataset:[shop]bookings"
    for wrong in ("", "xyz", "ab" * 31):
        body["sha256"] = wrong
        answer = api.send("POST", "/api/v1/gates/ingest", token=api.token("pipeline"), json=body)
        assert answer.status_code == 400


def test_deleted_content_that_returns_is_refused_and_raises_an_incident(api: Api) -> None:
    from privacy.deletion.tombstones import content_token
    from privacy.events import TombstoneLaid, kind_of

    token = content_token(api.services.identity, "ab" * 32)
    fact = TombstoneLaid(token, "D-1")
    api.services.record("system", kind_of(fact), fact)
    assert tombstone_entity(token).key(api.services.identity)
    body = {"dataset": "bookings", "sha256": "ab" * 32}

    answer = api.send("POST", "/api/v1/gates/ingest", token=api.token("pipeline"), json=body)

    assert answer.status_code == 409
    assert Conflict.exit_code == 4
    incidents = api.send("GET", "/api/v1/incidents", token=api.token()).json()["items"]
    assert [one["ref"] for one in incidents] == ["dataset:[shop]bookings"]
