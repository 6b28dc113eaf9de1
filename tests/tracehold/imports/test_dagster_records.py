"""Answers of Dagster's GraphQL as records, where a real deployment seldom gives them so."""

from __future__ import annotations

from typing import Any

import pytest

from tracehold.imports.dagster_records import graphs_of, record_of, run_of
from tracehold_dagster.records import CheckResult, Failure, Meta

EVENT = {"eventType": "ASSET_MATERIALIZATION", "timestamp": "1767225600123", "stepKey": "a",
         "assetKey": {"path": ["a", "b"]}}  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "meta"),
    [
        ({"__typename": "IntMetadataEntry", "intRepr": "5000000000"}, Meta("int", 5_000_000_000)),
        ({"__typename": "IntMetadataEntry", "intRepr": "None"}, Meta("other", None)),
        ({"__typename": "FloatMetadataEntry", "floatValue": None}, Meta("float", None)),
        ({"__typename": "JsonMetadataEntry", "jsonString": '{"a": [1]}'}, Meta("json", {"a": [1]})),
        ({"__typename": "BoolMetadataEntry", "boolValue": False}, Meta("bool", False)),
        ({"__typename": "PathMetadataEntry", "path": "/a"}, Meta("text", "/a")),
        ({"__typename": "SomethingNewMetadataEntry"}, Meta("other", None)),
    ],
)
def test_metadata_keeps_its_kind(entry: dict[str, Any], meta: Meta) -> None:
    labeled = {**entry, "label": "dagster/row_count"}
    record = record_of({**EVENT, "metadataEntries": [labeled, {**entry, "label": "mine"}]}, "r")
    assert record is not None
    assert record.metadata == {"dagster/row_count": meta}
    assert (record.at, record.asset, record.step_key) == (1_767_225_600_123, ("a", "b"), "a")


def test_a_failure_is_the_class_that_user_code_raised() -> None:
    raised = {"className": "shop.errors.TooLate", "cause": {"className": "KeyError"}}
    error = {"className": "DagsterExecutionStepExecutionError", "cause": raised}
    record = record_of({"eventType": "STEP_FAILURE", "timestamp": "1", "error": error}, "r")
    assert record is not None
    assert record.failure == Failure("TooLate")


def test_a_check_names_what_it_judged() -> None:
    evaluation = {"checkName": "fresh", "success": False, "severity": "WARN",
                  "assetKey": {"path": ["a"]}, "partition": "x",
                  "targetMaterialization": {"storageId": "7", "runId": "r0"}}  # fmt: skip
    event = {"eventType": "ASSET_CHECK_EVALUATION", "timestamp": "1", "evaluation": evaluation}
    record = record_of(event, "r")
    assert record is not None
    assert (record.asset, record.partition) == (("a",), "x")
    assert record.check == CheckResult(
        "fresh", False, "warn", target_run_id="r0", target_storage_id=7
    )


def test_what_the_translator_does_not_read_is_no_record() -> None:
    assert record_of({"eventType": "ENGINE_EVENT", "timestamp": "1"}, "r") is None
    assert record_of({"__typename": "LogMessageEvent", "timestamp": "1"}, "r") is None
    started = record_of({"eventType": "RUN_START", "timestamp": "1"}, "r")
    assert started is not None
    assert started.kind == "PIPELINE_START"


def test_a_run_without_an_origin_belongs_to_no_location() -> None:
    run = run_of({"runId": "r", "jobName": "__ASSET_JOB", "runConfig": None})
    assert (run.location, run.of_assets, run.parent_run_id) == (None, True, None)
    assert run.config_digest == run_of({"runId": "s", "runConfig": {}}).config_digest


def test_assets_are_told_apart_by_location_and_owners_by_kind() -> None:
    def node(location: str, **more: Any) -> dict[str, Any]:
        place = {"name": "r", "location": {"name": location}}
        return {"assetKey": {"path": ["a"]}, "repository": place, **more}

    graphs = graphs_of(
        [
            node("one", isExecutable=True, opName="a", graphName="g",
                 owners=[{"email": "a@example.org"}, {"team": "shop"}],
                 tags=[{"key": "dagster/kind/sql", "value": ""}, {"key": "t", "value": "1"}]),
            node("two", isExecutable=False, opName="a"),
        ]
    )  # fmt: skip
    first, second = graphs["one"].assets["a",], graphs["two"].assets["a",]
    assert (first.op, first.owners) == ("g", ("a@example.org", "team:shop"))
    assert (first.kinds, first.tags) == (("sql",), {"t": "1"})
    assert second.op is None
