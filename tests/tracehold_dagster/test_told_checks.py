"""What is told of checks that stop a run, that know more than their result, that asked a gate."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from recorded_runs import Recorded, instance_in, run_all


@dg.asset(check_specs=[dg.AssetCheckSpec("paid", asset="orders", blocking=True)])
def orders():  # type: ignore[no-untyped-def]
    said = {"column": "price", "expected": ">= 0", "actual": "3"}
    failed = dg.AssetCheckResult(
        check_name="paid", passed=False, metadata={"tracehold/assertion": said}
    )
    return dg.MaterializeResult(check_results=[failed])


@dg.asset
def rates() -> None: ...


@dg.asset_check(asset="rates", blocking=True)
def licensed() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, metadata={"tracehold/gate": {"outcome": "failed"}})


@dg.asset(deps=[rates])
def behind() -> None: ...


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    definitions = dg.Definitions(assets=[orders, rates, behind], asset_checks=[licensed])
    with instance_in(tmp_path_factory.mktemp("dagster")) as instance:
        return run_all(instance, definitions)


def _ended(told: Recorded, job: str) -> dict[str, Any]:
    (event,) = told.ended(job)
    return event


def test_a_step_whose_own_check_stops_the_run_has_written_all_the_same(told: Recorded) -> None:
    ended = _ended(told, "orders")
    assert ended["eventType"] == "COMPLETE"
    assert "errorMessage" not in ended["run"]["facets"]
    (output,) = ended["outputs"]
    assert output["name"] == "orders"
    (test,) = ended["run"]["facets"]["test"]["tests"]
    assert test["status"] == "fail"


def test_an_assertion_says_what_the_check_knows(told: Recorded) -> None:
    (output,) = _ended(told, "orders")["outputs"]
    assert output["facets"]["dataQualityAssertions"]["assertions"] == [
        {
            "assertion": "paid", "success": False, "severity": "error",
            "column": "price", "expected": ">= 0", "actual": "3",
        }
    ]  # fmt: skip


def test_the_answer_of_a_gate_is_no_statement_on_the_data(told: Recorded) -> None:
    ended = _ended(told, "rates_licensed")
    (read,) = ended["inputs"]
    assert read["name"] == "rates"
    assert "dataQualityAssertions" not in read.get("inputFacets", {})
    (test,) = ended["run"]["facets"]["test"]["tests"]
    assert (test["name"], test["status"]) == ("licensed", "fail")
    assert not told.ended("behind")
