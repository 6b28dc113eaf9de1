"""Checks that ask the server, rules held to where data lies, and scans whose values stay there."""

# Dagster compares annotations, so they stay objects here.
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from guarded_project import FREE, NONCOMMERCIAL, Project, licensed, served
from running_server import RunningServer

from tracehold_dagster import (
    guarded,
    license_check,
    pii_check,
    purpose_check,
    quality_checks,
    retention_check,
    schema_contract_check,
)
from tracehold_dagster.errors import Misconfigured
from tracehold_dagster.gates import in_range, not_null, one_of, row_count, unique

SCANNER = (sys.executable, "-m", "tracehold")
MAIL = "grace.hopper@navy-example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with served(tmp_path_factory.mktemp("checks")) as running:
        yield running


def evaluations(result: Any) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def test_of_several_models_a_check_blocks_only_where_none_may_use_the_data(
    project: Project,
) -> None:
    @dg.asset
    def shared() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=licensed(NONCOMMERCIAL))

    @dg.asset(deps=[shared])
    def follower() -> None:
        project.ran.append("follower")

    assets = [shared, follower, license_check(shared, model=["risk@1", "risk@2"])]
    refused = project.materialize(assets)
    [said] = evaluations(refused).values()
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "risk@1: " in str(said.description)
    assert project.ran == []

    project.waive("", "license/non-commercial", model="risk@2")
    [said] = evaluations(project.materialize(assets)).values()
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "risk@2" not in str(said.description)
    assert project.ran == ["follower"]
    with pytest.raises(Misconfigured, match="no model is named"):
        license_check(shared, model=[])


def test_a_check_that_the_server_denies_stops_what_comes_after_in_the_same_run(
    project: Project,
) -> None:
    columns = dg.TableSchema([dg.TableColumn("id", "int"), dg.TableColumn("note", "text")])

    @dg.asset(metadata={"dagster/column_schema": columns})
    def denied() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=licensed(NONCOMMERCIAL))

    @dg.asset(deps=[denied])
    def after() -> None:
        project.ran.append("after")

    checks = [
        license_check(denied),
        license_check("denied", use="evaluate", name="for_research"),
        purpose_check(denied, purpose="dpv:ServiceProvision"),
        retention_check(denied),
        schema_contract_check(denied, columns={"id": "INT"}),
        schema_contract_check(denied, columns={"id": "text", "at": ""}, name="other_schema"),
    ]
    result = project.materialize([denied, after, *checks])
    found = evaluations(result)
    assert {name: one.passed for name, one in found.items()} == {
        "tracehold_license": False,
        "for_research": True,
        "tracehold_purpose": False,
        "tracehold_retention": False,
        "tracehold_schema": True,
        "other_schema": False,
    }
    assert project.ran == []
    causes = found["tracehold_license"].metadata["tracehold/causes"].records
    assert "commercial" in str(causes[0].data["cause"])
    page = str(found["tracehold_license"].metadata["tracehold/page"].value)
    assert page == f"{project.server.url}/open?ref=dataset%3A%5Bshop%5Ddenied"
    with closing(project.server.client()) as client:
        status, _ = client.get(page.removeprefix(project.server.url))
        assert status == 303


def test_rules_are_held_to_the_data_where_it_lies_and_guard_by_their_results(
    project: Project,
) -> None:
    frame = pd.DataFrame({"id": [1, 2, 2], "age": [10.0, None, 300.0], "state": ["a", "b", "c"]})

    @dg.asset
    def people() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=licensed(FREE))

    @dg.asset(deps=[people])
    def report() -> None:
        project.ran.append("report")

    rules = [
        not_null("id"),
        not_null("age", max_share=0.5),
        not_null("age", name="age_known", severity="warn"),
        unique("id"),
        in_range("age", min=0, max=150),
        one_of("state", ["a", "b", "c"]),
        not_null("nowhere"),
        row_count(min=1),
    ]
    assets = [
        people,
        quality_checks(people, rules, load=lambda: frame, blocking=False),
        guarded(report, gates=["quality"], checks={"people": [rule.name for rule in rules]}),
    ]
    result = project.materialize(assets)
    found = evaluations(result)
    counts = {name: found["range_age"].metadata[name].value for name in ("rows", "broken")}
    assert counts == {"rows": 3, "broken": 1}
    failed = {name for name, one in found.items() if not one.passed}
    assert failed == {"age_known", "unique_id", "range_age", "not_null_nowhere"}
    assert project.ran == []
    frame = frame.drop_duplicates("id").assign(age=20.0, nowhere=1)
    assert project.materialize(assets).success
    assert project.ran == ["report"]


def test_a_scan_stays_where_the_data_lies_and_its_findings_guard(
    project: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"contact": [MAIL, "alan@bletchley-example.org"] * 20})

    @dg.asset
    def contacts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=licensed(FREE))

    @dg.asset(deps=[contacts])
    def mailing() -> None:
        project.ran.append("mailing")

    check = pii_check(contacts, load=lambda: frame, scanner=SCANNER, blocking=False)
    assets = [contacts, check, guarded(mailing, gates=["pii"])]
    result = project.materialize(assets)
    assert not evaluations(result)["tracehold_pii"].passed
    assert project.ran == []
    told = json.dumps([str(one) for one in result.all_events]) + "".join(capfd.readouterr())
    assert "EMAIL_ADDRESS" in told
    assert MAIL not in told
    frame = pd.DataFrame({"contact": ["none", "given"] * 20})
    assert project.materialize(assets).success
    assert project.ran == ["mailing"]


def test_what_stands_behind_blocking_checks_is_not_requested_by_automation(
    project: Project,
) -> None:
    @dg.asset
    def feed() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=licensed(NONCOMMERCIAL))

    condition = (
        dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
    )

    @dg.asset(deps=[feed], automation_condition=condition)
    def follower() -> None:
        project.ran.append("follower")

    guard = guarded(follower, gates=["license"])
    assert guard.automation_conditions_by_key == follower.automation_conditions_by_key
    check = license_check(feed)
    defs = dg.Definitions(assets=[feed, guard], asset_checks=[check])
    watched = dg.AssetSelection.assets("feed", "follower")
    before = dg.evaluate_automation_conditions(defs, project.instance, asset_selection=watched)
    project.materialize([feed, check])
    after = dg.evaluate_automation_conditions(
        defs, project.instance, asset_selection=watched, cursor=before.cursor
    )
    assert after.total_requested == 0
    project.waive("feed", "license")
    project.materialize([feed, check])
    assert dg.evaluate_automation_conditions(
        defs, project.instance, asset_selection=watched, cursor=after.cursor
    ).get_requested_partitions(guard.key) == {None}


def test_rules_without_a_name_of_their_own_are_refused() -> None:
    with pytest.raises(Misconfigured, match="name"):
        quality_checks("people", [], load=dict)
    with pytest.raises(Misconfigured, match="name"):
        quality_checks("people", [not_null("id"), not_null("id")], load=dict)
