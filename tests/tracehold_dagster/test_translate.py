"""The translator on real runs: what Dagster recorded, and what is said of it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from recorded_runs import Recorded, events_of, instance_in, run_all

from tracehold_dagster.names import step_run_id
from tracehold_dagster.reading import read_record
from tracehold_dagster.records import Run

# Dagster's own, where it makes an asset of an observable source.
pytestmark = pytest.mark.filterwarnings("ignore:Property `OpDefinition.version`:DeprecationWarning")

WAREHOUSE = "warehouse"


@dg.asset(
    owners=["team:sales", "ann@example.org"],
    tags={"domain": "sales"},
    kinds={"postgres"},
    group_name="raw",
    description="What was ordered.",
    metadata={"dagster/table_name": "shop.public.orders"},
    check_specs=[dg.AssetCheckSpec("some", asset="orders")],
)
def orders():  # type: ignore[no-untyped-def]
    columns = [
        dg.TableColumn("id", "int", description="Its number.", tags={"key": "primary"}),
        dg.TableColumn("mail", "text"),
    ]
    return dg.MaterializeResult(
        value=1,
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/row_count": 3,
            "dagster/uri": "postgres://reader:secret@db.example.org:5432/shop",
            "note": "mail of ann@example.org",
        },
        check_results=[dg.AssetCheckResult(check_name="some", passed=True)],
    )


@dg.multi_asset(
    outs={"paid": dg.AssetOut(), "open": dg.AssetOut()},
    internal_asset_deps={
        "paid": {dg.AssetKey("orders")},
        "open": {dg.AssetKey("paid"), dg.AssetKey("rates")},
    },
    ins={"orders": dg.AssetIn(), "rates": dg.AssetIn()},
)
def split(orders: int, rates: int) -> tuple[int, int]:
    return orders, rates


@dg.asset
def rates() -> int:
    return 2


@dg.asset(deps=[dg.AssetKey("open")], retry_policy=dg.RetryPolicy(max_retries=1))
def flaky(context) -> None:  # type: ignore[no-untyped-def]
    if context.retry_number == 0:
        raise ValueError("cell of ann@example.org")


@dg.asset(deps=[flaky])
def broken() -> None:
    raise ValueError("cell of ann@example.org")


@dg.asset(deps=[broken])
def behind() -> None: ...


@dg.asset_check(asset="orders", blocking=True)
def few(orders: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


DEFINITIONS = dg.Definitions(
    assets=[orders, split, rates, flaky, broken, behind], asset_checks=[few]
)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with instance_in(tmp_path_factory.mktemp("dagster")) as made:
        yield made


@pytest.fixture(scope="module")
def told(instance: dg.DagsterInstance) -> Recorded:
    return run_all(instance, DEFINITIONS)


def _one(recorded: Recorded, job: str) -> dict[str, Any]:
    (event,) = recorded.ended(job)
    return event


def _names(datasets: list[dict[str, Any]]) -> list[str]:
    return [dataset["name"] for dataset in datasets]


def test_every_step_is_a_run_of_its_own_inside_the_dagster_run(told: Recorded) -> None:
    of_step = _one(told, "orders")
    assert of_step["eventType"] == "COMPLETE"
    assert of_step["run"]["runId"] == step_run_id(told.run.run_id, "orders", 0)
    parent = of_step["run"]["facets"]["parent"]
    assert parent["run"] == {"runId": told.run.run_id}
    assert parent["job"] == {"namespace": WAREHOUSE, "name": "dagster"}
    states = [e["eventType"] for e in told.events() if e["run"]["runId"] == told.run.run_id]
    assert states == ["START", "FAIL"]


def test_an_output_says_what_definitions_and_metadata_say(told: Recorded) -> None:
    (output,) = _one(told, "orders")["outputs"]
    assert (output["namespace"], output["name"]) == (WAREHOUSE, "orders")
    facets = output["facets"]
    assert facets["schema"]["fields"] == [
        {"name": "id", "type": "int", "description": "Its number."},
        {"name": "mail", "type": "text"},
    ]
    assert facets["documentation"]["description"] == "What was ordered."
    assert [(one["name"], one["type"]) for one in facets["ownership"]["owners"]] == [
        ("team:sales", "TEAM"),
        ("ann@example.org", "OWNER"),
    ]
    assert [(one["key"], one["value"], one.get("field")) for one in facets["tags"]["tags"]] == [
        ("domain", "sales", None),
        ("kind", "postgres", None),
        ("key", "primary", "id"),
    ]
    assert facets["symlinks"]["identifiers"] == [
        {
            "namespace": "postgres://db.example.org:5432",
            "name": "shop.public.orders",
            "type": "TABLE",
        }
    ]
    assert facets["dagster_asset"]["group"] == "raw"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3


def test_what_is_not_read_and_the_texts_of_errors_never_leave(told: Recorded) -> None:
    said = json.dumps(told.events())
    assert "mail of" not in said
    assert "cell of" not in said
    assert "secret" not in said


def test_a_code_version_that_nobody_set_is_none(told: Recorded) -> None:
    (output,) = _one(told, "orders")["outputs"]
    assert "codeVersion" not in output["facets"]["dagster_asset"]


def test_inputs_are_the_very_versions_that_were_written(told: Recorded) -> None:
    written = {
        output["name"]: output["facets"]["version"]["datasetVersion"]
        for event in told.events()
        for output in event["outputs"]
    }
    read = {
        one["name"]: one["facets"]["version"]["datasetVersion"]
        for event in told.events()
        if event["eventType"] == "COMPLETE"
        for one in event["inputs"]
    }
    assert read == {name: written[name] for name in ("orders", "rates", "open")}


def test_each_output_of_several_says_what_it_alone_was_made_from(told: Recorded) -> None:
    event = _one(told, "split")
    assert _names(event["inputs"]) == ["orders", "rates"]
    made_from = {
        output["name"]: _names(output["facets"]["lineage"]["inputs"]) for output in event["outputs"]
    }
    assert made_from == {"open": ["paid", "rates"], "paid": ["orders"]}


def test_checks_are_assertions_of_what_was_written_or_read(told: Recorded) -> None:
    (output,) = _one(told, "orders")["outputs"]
    assert output["facets"]["dataQualityAssertions"]["assertions"] == [
        {"assertion": "some", "success": True, "severity": "error"}
    ]
    event = _one(told, "orders_few")
    (read,) = event["inputs"]
    assert event["outputs"] == []
    assert read["facets"]["version"] == output["facets"]["version"]
    assert read["inputFacets"]["dataQualityAssertions"]["assertions"] == [
        {"assertion": "few", "success": False, "severity": "warn"}
    ]
    assert event["run"]["facets"]["test"]["tests"] == [
        {"name": "few", "status": "fail", "severity": "warn"}
    ]


def test_a_retried_step_is_a_failed_run_and_another(told: Recorded) -> None:
    first, second = told.ended("flaky")
    assert first["eventType"] == "FAIL"
    assert first["run"]["facets"]["errorMessage"]["message"] == "ValueError"
    assert first["outputs"] == []
    assert second["eventType"] == "COMPLETE"
    assert second["run"]["runId"] == step_run_id(told.run.run_id, "flaky", 1)
    assert _names(second["outputs"]) == ["flaky"]


def test_a_failed_step_says_what_it_would_have_read_and_writes_nothing(told: Recorded) -> None:
    event = _one(told, "broken")
    assert event["eventType"] == "FAIL"
    assert (_names(event["inputs"]), event["outputs"]) == (["flaky"], [])


def test_what_was_never_begun_is_not_told(told: Recorded) -> None:
    assert told.ended("behind") == []


def test_without_definitions_the_lineage_is_the_same(told: Recorded) -> None:
    def wired(events: list[dict[str, Any]]) -> list[Any]:
        return [
            (event["job"]["name"], _names(event["inputs"]), _names(event["outputs"]))
            for event in events
            if event["eventType"] == "COMPLETE"
        ]

    assert wired(told.events(graph=False)) == wired(told.events())


def test_an_upstream_made_again_between_two_runs_shows(instance: dg.DagsterInstance) -> None:
    def read() -> str:
        told = run_all(
            instance, DEFINITIONS, asset_selection=[dg.AssetKey("paid"), dg.AssetKey("open")]
        )
        (orders,) = [one for one in _one(told, "split")["inputs"] if one["name"] == "orders"]
        return str(orders["facets"]["version"]["datasetVersion"])

    def write() -> str:
        sources = [dg.AssetKey("orders"), dg.AssetKey("rates")]
        told = run_all(instance, DEFINITIONS, asset_selection=sources)
        (output,) = _one(told, "orders")["outputs"]
        return str(output["facets"]["version"]["datasetVersion"])

    first = write()
    assert read() == first
    second = write()
    assert read() == second != first


@dg.op(out=dg.DynamicOut(int))
def numbers() -> Iterator[dg.DynamicOutput[int]]:
    for number in range(2):
        yield dg.DynamicOutput(number, mapping_key=f"n{number}")


@dg.op
def twice(number: int) -> int:
    return 2 * number


@dg.op(out={"result": dg.Out(int), "never": dg.Out(int, is_required=False)})
def total(context, numbers: list[int]) -> Iterator[dg.Output[int]]:  # type: ignore[no-untyped-def]
    context.log_event(dg.AssetMaterialization("report", metadata={"dagster/row_count": 1}))
    yield dg.Output(sum(numbers), "result")


@dg.op
def skipped(number: int) -> int:
    return number


@dg.op(out=dg.DynamicOut(int))
def shifted(orders: int) -> Iterator[dg.DynamicOutput[int]]:
    for number in range(2):
        yield dg.DynamicOutput(orders + number, mapping_key=f"n{number}")


@dg.op
def collected(numbers: list[int]) -> int:
    return sum(numbers)


@dg.graph_asset
def summed(orders: int) -> int:
    return collected(shifted(orders).map(twice).collect())


@dg.job
def nightly() -> None:
    _, never = total(numbers().map(twice).collect())
    skipped(never)


def test_a_job_of_ops_has_a_job_per_op_and_a_run_per_copy(instance: dg.DagsterInstance) -> None:
    told = run_all(instance, dg.Definitions(jobs=[nightly]), "nightly")
    assert _one(told, "dagster.nightly")["eventType"] == "COMPLETE"
    assert [one["eventType"] for one in told.ended("nightly.twice")] == ["COMPLETE"] * 2
    assert _names(_one(told, "nightly.total")["outputs"]) == ["report"]
    event = _one(told, "nightly.skipped")
    assert event["eventType"] == "ABORT"
    assert event["run"]["facets"]["dagster_step"]["skipped"] is True


def test_a_graph_asset_is_written_by_its_last_op_from_what_the_graph_read(
    instance: dg.DagsterInstance,
) -> None:
    definitions = dg.Definitions(assets=[orders, summed])
    told = run_all(instance, definitions)
    event = _one(told, "summed.collected")
    assert (_names(event["inputs"]), _names(event["outputs"])) == (["orders"], ["summed"])
    assert len(told.ended("summed.twice")) == 2


DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-04")
GRID = dg.MultiPartitionsDefinition(
    {"day": DAYS, "country": dg.StaticPartitionsDefinition(["de", "fr"])}
)


@dg.asset(partitions_def=DAYS)
def visits(context) -> dg.MaterializeResult[Any]:  # type: ignore[no-untyped-def]
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": 7})


@dg.asset(partitions_def=DAYS, deps=[visits])
def sessions() -> None: ...


@dg.asset(partitions_def=GRID)
def by_country() -> None: ...


PARTITIONED = dg.Definitions(assets=[visits, sessions, by_country])


def test_a_partition_is_the_subset_that_was_written_and_read_exactly(
    instance: dg.DagsterInstance,
) -> None:
    told = run_all(
        instance,
        PARTITIONED,
        partition_key="2026-01-02",
        asset_selection=[dg.AssetKey("visits"), dg.AssetKey("sessions")],
    )
    (visited,) = _one(told, "visits")["outputs"]
    assert visited["outputFacets"]["subset"]["outputCondition"] == {
        "type": "partition",
        "partitions": [{"dimensions": {"partition": "2026-01-02"}, "identifier": "2026-01-02"}],
    }
    assert visited["outputFacets"]["outputStatistics"]["rowCount"] == 7
    (read,) = _one(told, "sessions")["inputs"]
    assert read["facets"]["version"] == visited["facets"]["version"]


def test_dimensions_of_a_partition_have_their_names(instance: dg.DagsterInstance) -> None:
    told = run_all(
        instance,
        PARTITIONED,
        partition_key=dg.MultiPartitionKey({"day": "2026-01-02", "country": "fr"}),
        asset_selection=[dg.AssetKey("by_country")],
    )
    (output,) = _one(told, "by_country")["outputs"]
    (partition,) = output["outputFacets"]["subset"]["outputCondition"]["partitions"]
    assert partition["dimensions"] == {"day": "2026-01-02", "country": "fr"}


def test_a_range_of_partitions_in_one_run_is_told_one_by_one(instance: dg.DagsterInstance) -> None:
    told = run_all(
        instance,
        PARTITIONED,
        asset_selection=[dg.AssetKey("visits")],
        tags={
            "dagster/asset_partition_range_start": "2026-01-01",
            "dagster/asset_partition_range_end": "2026-01-03",
            "dagster/backfill": "abcdefgh",
        },
    )
    written = [
        partition["identifier"]
        for event in told.events()
        for output in event["outputs"]
        for partition in output["outputFacets"]["subset"]["outputCondition"]["partitions"]
    ]
    assert sorted(written) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    root = _one(told, "visits")["run"]["facets"]["parent"]["root"]
    assert root["job"]["name"] == "dagster.backfill"


with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)

    @dg.observable_source_asset
    def arrivals() -> dg.DataVersion:
        return dg.DataVersion("etag-7")


@dg.asset(deps=[arrivals], metadata={"tracehold/job": "arrivals.load"})
def loaded() -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(
        metadata={
            "tracehold/dataset": {"namespace": "model", "name": "churn@1"},
            "tracehold/dataset_facets": {"my_facet": {"_producer": "p:1", "_schemaURL": "s:1"}},
            "tracehold/output_facets": {"mine": {"_producer": "p:1", "_schemaURL": "s:1"}},
            "tracehold/run_facets": {"ours": {"_producer": "p:1", "_schemaURL": "s:1"}},
            "tracehold/inputs": [{"namespace": "s3://bucket", "name": "raw.csv"}],
        }
    )


OBSERVED = dg.Definitions(
    assets=[arrivals, loaded], jobs=[dg.define_asset_job("watch", [arrivals])]
)


def test_an_observation_reads_the_dataset_at_its_version(instance: dg.DagsterInstance) -> None:
    told = run_all(instance, OBSERVED, "watch")
    event = _one(told, "arrivals")
    (seen,) = event["inputs"]
    assert event["outputs"] == []
    assert seen["facets"]["version"]["datasetVersion"] == "etag-7"


def test_metadata_of_ours_names_dataset_job_inputs_and_facets(instance: dg.DagsterInstance) -> None:
    run_all(instance, OBSERVED, "watch")
    told = run_all(instance, OBSERVED, asset_selection=[dg.AssetKey("loaded")])
    event = _one(told, "arrivals.load")
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [
        ("s3://bucket", "raw.csv"),
        (WAREHOUSE, "arrivals"),
    ]
    assert event["inputs"][1]["facets"]["version"]["datasetVersion"] == "etag-7"
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("model", "churn@1")
    assert output["facets"]["my_facet"]
    assert output["outputFacets"]["mine"]
    assert event["run"]["facets"]["ours"]


def test_a_wiped_asset_is_dropped(instance: dg.DagsterInstance) -> None:
    visits = [dg.AssetKey("visits")]
    run_all(instance, PARTITIONED, partition_key="2026-01-02", asset_selection=visits)
    instance.wipe_assets(visits)
    entries = instance.event_log_storage.get_logs_for_run(
        "", of_type=dg.DagsterEventType.ASSET_WIPED
    )
    (event,) = events_of(Run("", ""), [read_record(entry) for entry in entries])
    (gone,) = event["outputs"]
    assert gone["name"] == "visits"
    assert gone["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "DROP"


def test_what_is_reported_outside_a_run_speaks_of_a_dataset_only(
    instance: dg.DagsterInstance,
) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization("dropped_in", tags={"dagster/data_version": "v9"})
    )
    entries = instance.event_log_storage.get_logs_for_run("")
    records = [read_record(entry) for entry in entries]
    (event,) = [
        event
        for event in events_of(Run("", ""), records)
        if event.get("dataset", {}).get("name") == "dropped_in"
    ]
    assert "run" not in event
    assert event["dataset"]["facets"]["version"]["datasetVersion"] == "v9"
