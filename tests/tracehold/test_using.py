"""The gate ``use``: exact versions, each question alone, closed by what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import START, Api, Clockwork, services_of, workspace
from used_data import ask_use, assertions, found, report, schema, wrote

from privacy.facets import retention_facet
from tracehold.decisions import Reviewer, decisions

DAY = 86_400_000
RETAINED = """kind: retention
name: brief
description: For a test
clock_start: collection_end
period: P{days}D
action: delete
legal_basis: storage limitation
source: https://example.org/law
review_by: 2028-01-31
"""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings, clock=Clockwork(START + DAY)) as services:
        yield Api(services, settings)


def causes(answer: Any) -> list[tuple[str, str]]:
    return [(cause["code"], cause["weight"]) for cause in answer["causes"]]


def test_a_sound_version_opens_every_gate_and_the_verdict_is_on_record(api: Api) -> None:
    sound = {
        **assertions(unique=True),
        **schema(id="int64"),
        **found("v1", id=""),
    }
    report(api, wrote("orders", "v1", purposes=["dpv:ServiceProvision"], facets=sound))
    answer = ask_use(
        api, "license", "purpose", "pii", "quality", "schema",
        purpose="dpv:ServiceProvision", more={"columns": {"id": "INT64"}},
    )  # fmt: skip
    assert (answer["allowed"], answer["causes"]) == (True, [])
    assert set(answer["gates"].values()) == {"passed"}
    assert api.services.journal.get(answer["fact"])
    # What was asked for did not come into being by the question.
    assert {one.props["name"] for one in api.services.state.list_nodes("Dataset")} == {"orders"}


CASES: dict[tuple[str, str, str], tuple[dict[str, Any], dict[str, Any]]] = {
    ("license", "denied", "non-commercial"): ({"license": "CC-BY-NC-4.0"}, {}),
    ("license", "unknown", "no-license"): ({"license": None}, {}),
    ("purpose", "denied", "purpose"): ({"purposes": ["dpv:Marketing"]}, {}),
    ("purpose", "unknown", "no-purpose"): ({}, {}),
    ("pii", "denied", "personal-data"): ({"facets": found("v1", mail="EMAIL_ADDRESS")}, {}),
    ("pii", "unknown", "not-scanned"): ({}, {}),
    ("quality", "denied", "quality"): ({"facets": assertions(unique=False)}, {}),
    ("quality", "unknown", "not-checked"): (
        {"facets": assertions(unique=True)},
        {"checks": ["unique", "fresh"]},
    ),
    ("schema", "denied", "column-type"): (
        {"facets": schema(id="text")},
        {"columns": {"id": "int"}},
    ),
    ("schema", "denied", "no-column"): ({"facets": schema(id="int")}, {"columns": {"at": ""}}),
    ("schema", "unknown", "no-schema"): ({}, {"columns": {"id": ""}}),
    ("retention", "unknown", "review"): ({}, {}),
}
"""Gate, verdict and cause → what was reported of a dataset, and what is asked of it beside."""


def test_each_cause_alone_closes_its_gate(api: Api) -> None:
    for (gate, verdict, code), (said, more) in CASES.items():
        name = f"{gate} {code}"
        report(api, wrote(name, "v1", **said))
        answer = ask_use(api, gate, data=name, purpose="dpv:ServiceProvision", more=more)
        assert (answer["allowed"], answer["verdict"]) == (False, verdict), name
        assert code in {cause for cause, _ in causes(answer)}, name
        assert answer["gates"] == {gate: "failed"}


def test_what_should_be_deleted_by_now_may_not_be_used(api: Api) -> None:
    facets = {"tracehold_retention": retention_facet("brief", clock_start="2026-02-20")}
    report(api, wrote("orders", "v1", facets=facets))
    for days, allowed in ((400, True), (1, False)):
        path = api.settings.folder / "manifests" / "brief.yaml"
        path.write_text(RETAINED.format(days=days))
        assert not api.services.policy().problems
        answer = ask_use(api, "retention")
        assert answer["allowed"] is allowed, answer["reasons"]


def test_a_version_is_judged_by_its_own_checks_and_its_own_scan(api: Api) -> None:
    bad = {**assertions(unique=False), **found("v1", mail="EMAIL_ADDRESS"), **schema(id="text")}
    good = {**assertions(unique=True), **found("v2", mail=""), **schema(id="int")}
    report(api, wrote("orders", "v1", facets=bad), wrote("orders", "v2", minute=5, facets=good))
    for version, allowed in (("v1", False), ("v2", True)):
        for gate in ("quality", "pii", "schema"):
            answer = ask_use(api, gate, version=version, more={"columns": {"id": "int"}})
            assert answer["allowed"] is allowed, (version, gate, answer["reasons"])


def test_a_check_that_failed_is_not_forgotten_because_another_one_passed_later(api: Api) -> None:
    first, other, again = assertions(unique=False), assertions(fresh=True), assertions(unique=True)
    report(api, wrote("orders", "v1", facets=first))
    report(api, wrote("orders", "v1", minute=1, facets=other))
    assert causes(ask_use(api, "quality")) == [("quality", "deny")]
    report(api, wrote("orders", "v1", minute=2, facets=again))
    assert ask_use(api, "quality")["allowed"] is True


def test_a_result_for_an_older_version_says_nothing_of_a_newer_one(api: Api) -> None:
    checked = {**assertions(unique=True), **found("v1", mail="")}
    report(api, wrote("orders", "v1", facets=checked), wrote("orders", "v2", minute=5))
    for gate, code in (("quality", "not-checked"), ("pii", "not-scanned")):
        answer = ask_use(api, gate, version="v2")
        assert (answer["verdict"], causes(answer)) == ("unknown", [(code, "unknown")])


def test_what_was_made_from_scanned_sources_need_not_be_scanned_again(api: Api) -> None:
    report(
        api,
        wrote("raw", "r1", facets=found("r1", mail="")),
        wrote("orders", "v1", minute=1, inputs=[("raw", "r1")]),
    )
    assert ask_use(api, "pii")["allowed"] is True


def test_personal_data_is_inherited_and_the_path_says_from_where(api: Api) -> None:
    report(
        api,
        wrote("raw", "r1", facets=found("r1", mail="EMAIL_ADDRESS")),
        wrote("orders", "v1", minute=1, inputs=[("raw", "r1")]),
    )
    answer = ask_use(api, "pii")
    assert (answer["verdict"], causes(answer)) == ("denied", [("personal-data", "deny")])
    assert answer["path"] == ["column:[shop]raw#mail", "dataset:[shop]orders"]


def test_a_version_that_was_not_reported_yet_is_not_judged_and_leaves_no_record(api: Api) -> None:
    report(api, wrote("orders", "v1", facets=assertions(unique=True)))
    before = api.services.catch_up()
    answer = ask_use(api, "quality", version="v9")
    assert (answer["allowed"], answer["unseen"]) == (False, ["dataset:[shop]orders@v9"])
    assert api.services.state.position() == before
    report(api, wrote("orders", "v9", minute=5, facets=assertions(unique=True)))
    assert ask_use(api, "quality", version="v9")["allowed"] is True


def test_an_input_without_a_version_is_judged_as_it_is_and_flagged(api: Api) -> None:
    report(api, wrote("orders", "v1", facets=assertions(unique=True)))
    answer = ask_use(api, "quality", version="")
    assert (answer["allowed"], causes(answer)) == (True, [("unpinned", "flag")])


def test_a_waiver_of_the_dataset_opens_one_cause_until_it_is_over(api: Api) -> None:
    report(api, wrote("orders", "v1", license="CC-BY-NC-4.0", facets=assertions(unique=False)))
    mary = api.hire("mary", "approver")
    grant = {
        "dataset": "dataset:[shop]report", "scope": "license/non-commercial",
        "reason": "pilot", "expires": "2026-12-31",
    }  # fmt: skip
    granted = api.send("POST", "/api/v1/acts/waiver.grant", token=mary, json=grant).json()
    opened = ask_use(api, "license")
    assert (opened["allowed"], opened["waiver"]) == (True, granted["waiver"])
    assert opened["gates"] == {"license": "waived"}
    assert ask_use(api, "license", "quality")["allowed"] is False
    assert ask_use(api, "license", model="report@1")["allowed"] is False

    api.services.clock.now += 400 * DAY  # type: ignore[attr-defined]
    assert ask_use(api, "license")["allowed"] is False


def test_a_waiver_of_the_dataset_can_be_taken_back(api: Api) -> None:
    report(api, wrote("orders", "v1", facets=assertions(unique=False)))
    mary = api.hire("mary", "approver")
    grant = {"dataset": "[shop]report", "scope": "quality", "reason": "r", "expires": "2026-12-31"}
    granted = api.send("POST", "/api/v1/acts/waiver.grant", token=mary, json=grant).json()
    assert ask_use(api, "quality")["allowed"] is True
    shown = api.services.state.aspects(
        [key := parse_key(api, "report")], ["waiver"], None
    )[key]["waiver"]  # fmt: skip
    assert [one.value["reason"] for one in shown] == ["r"]
    ended = {"dataset": "[shop]report", "waiver": granted["waiver"], "reason": "r"}
    api.send("POST", "/api/v1/acts/waiver.end", token=mary, json=ended)
    assert ask_use(api, "quality")["allowed"] is False


def parse_key(api: Api, name: str) -> str:
    return api.services.identity.key("Dataset", "shop", name)


def test_a_question_that_cannot_be_judged_is_refused_by_field(api: Api) -> None:
    for said, where in (
        ({"inputs": []}, "inputs"),
        ({"gates": []}, "gates"),
        ({"gates": ["purpose"], "purpose": "dpv:Nonsense"}, "purpose"),
        ({"gates": ["schema"]}, "inputs"),
        ({"gates": ["luck"]}, "$.gates[0]"),
        ({"name": ""}, "name"),
        ({"model": "risk"}, "model:risk"),
    ):
        answer = ask_use(api, **{"gates": ["quality"], **said})
        assert answer.get("where") == where, answer


def test_a_recorded_verdict_turns_stale_where_a_late_fact_would_have_changed_it(api: Api) -> None:
    report(api, wrote("orders", "v1", minute=2, inputs=[("raw", "r1")]), wrote("raw", "r1"))
    ask_use(api, "license")
    [decision] = [one for one in decisions(api.services.state) if one.question.startswith("use")]
    assert not Reviewer(api.services).review(decision).stale
    report(api, wrote("raw", "r1", minute=1, license="CC-BY-NC-4.0"))
    api.services.catch_up()
    review = Reviewer(api.services).review(decision)
    assert "verdict denied" in review.now
