"""Which of several equal versions a step read: the log's own pointers decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from recorded_runs import NAMING, instance_in, run_all

from tracehold_dagster.sources import with_sources
from tracehold_dagster.translate import Carried, translate

DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])
NUMBERS = dg.StaticPartitionsDefinition([str(day) for day in range(5)])
WINDOW = dg.StaticPartitionMapping({str(day): [str(n) for n in range(day, min(day + 3, 5))]
                                    for day in range(5)})  # fmt: skip


@dg.asset(code_version="1")
def bought() -> None: ...


@dg.asset(deps=[bought], code_version="1")
def cleaned() -> None: ...


@dg.asset(partitions_def=DAYS)
def visits() -> None: ...


@dg.asset(partitions_def=DAYS, deps=[visits])
def sessions() -> None: ...


@dg.asset(deps=[visits])
def all_visits() -> None: ...


@dg.asset(partitions_def=NUMBERS)
def hits() -> None: ...


@dg.asset(partitions_def=NUMBERS, deps=[dg.AssetDep(hits, partition_mapping=WINDOW)])
def recent() -> None: ...


@dg.asset(partitions_def=NUMBERS)
def same() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(data_version=dg.DataVersion("same"))


@dg.asset(partitions_def=NUMBERS, deps=[dg.AssetDep(same, partition_mapping=WINDOW)])
def recent_same() -> None: ...


@dg.asset_check(asset="bought")
def enough() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JUDGING = dg.define_asset_job("judging", dg.AssetSelection.checks_for_assets(bought))
DEFINITIONS = dg.Definitions(
    asset_checks=[enough],
    jobs=[JUDGING],
    assets=[bought, cleaned, visits, sessions, all_visits, hits, recent, same, recent_same],
)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with instance_in(tmp_path_factory.mktemp("dagster")) as made:
        yield made


def _run(
    instance: dg.DagsterInstance, asset: str, partition: str | None = None
) -> tuple[str, dict[str, Any]]:
    """Make one asset; its version, and its inputs by name, as a reader of the log has them."""
    where = {} if partition is None else {"partition_key": partition}
    told = run_all(instance, DEFINITIONS, asset_selection=[dg.AssetKey(asset)], **where)
    records = with_sources(instance, told.records, told.graph, ())
    events, _ = translate(told.run, records, Carried(), told.graph, NAMING)
    (event,) = [one for one in events if one["outputs"]]
    version = event["outputs"][0]["facets"]["version"]["datasetVersion"]
    return version, {one["name"]: one for one in event["inputs"]}


def _version(dataset: dict[str, Any]) -> str:
    return str(dataset["facets"]["version"]["datasetVersion"])


def test_equal_data_versions_of_two_runs_are_told_apart(instance: dg.DagsterInstance) -> None:
    first, _ = _run(instance, "bought")
    assert _version(_run(instance, "cleaned")[1]["bought"]) == first
    second, _ = _run(instance, "bought")
    assert first.partition("@")[0] == second.partition("@")[0]
    assert _version(_run(instance, "cleaned")[1]["bought"]) == second != first


def test_the_partition_that_was_read_is_found_behind_later_ones_of_others(
    instance: dg.DagsterInstance,
) -> None:
    monday, _ = _run(instance, "visits", "mon")
    tuesday, _ = _run(instance, "visits", "tue")
    read = _run(instance, "sessions", "mon")[1]["visits"]
    assert _version(read) == monday != tuesday
    condition = read["inputFacets"]["subset"]["inputCondition"]
    assert [one["identifier"] for one in condition["partitions"]] == ["mon"]
    again, _ = _run(instance, "visits", "mon")
    assert _version(_run(instance, "sessions", "mon")[1]["visits"]) == again != monday


def test_each_of_several_partitions_is_pinned_to_the_version_it_had_then(
    instance: dg.DagsterInstance,
) -> None:
    made = {day: _run(instance, "visits", day)[0] for day in ("mon", "tue")}
    told = run_all(instance, DEFINITIONS, asset_selection=[dg.AssetKey("all_visits")])
    # What comes later must not be taken for what was read.
    _run(instance, "visits", "mon")
    records = with_sources(instance, told.records, told.graph, ())
    events, _ = translate(told.run, records, Carried(), told.graph, NAMING)
    [read] = [one for event in events for one in event["inputs"]]
    said = read["inputFacets"]["dagster_input"]
    assert said["pinned"] is True
    assert {one["partition"]: one["version"] for one in said["partitions"]} == made
    condition = read["inputFacets"]["subset"]["inputCondition"]
    assert [one["identifier"] for one in condition["partitions"]] == ["mon", "tue"]
    assert "version" not in read["facets"]


def test_a_window_of_partitions_is_found_and_pinned(instance: dg.DagsterInstance) -> None:
    made = [_run(instance, "hits", str(day))[0] for day in range(5)]
    read = _run(instance, "recent", "3")[1]["hits"]
    parts = read["inputFacets"]["dagster_input"]["partitions"]
    assert [one["version"] for one in parts] == made[1:4]


def test_partitions_that_cannot_be_told_apart_are_marked(instance: dg.DagsterInstance) -> None:
    for day in range(5):
        _run(instance, "same", str(day))
    read = _run(instance, "recent_same", "3")[1]["same"]
    assert "version" not in read["facets"]
    assert read["inputFacets"]["dagster_input"]["pinned"] is False


def test_without_a_look_into_the_log_a_doubtful_input_is_marked(
    instance: dg.DagsterInstance,
) -> None:
    _run(instance, "bought")
    told = run_all(instance, DEFINITIONS, asset_selection=[dg.AssetKey("cleaned")])
    (read,) = told.ended("cleaned")[0]["inputs"]
    assert "version" not in read["facets"]
    assert read["inputFacets"]["dagster_input"]["dataVersion"]


def test_a_check_that_runs_alone_judges_the_version_that_it_found(
    instance: dg.DagsterInstance,
) -> None:
    made, _ = _run(instance, "bought")
    told = run_all(instance, DEFINITIONS, "judging")
    records = with_sources(instance, told.records, told.graph, ())
    events, _ = translate(told.run, records, Carried(), told.graph, NAMING)
    (read,) = [one for event in events for one in event["inputs"]]
    assert _version(read) == made
    assert read["inputFacets"]["dataQualityAssertions"]["assertions"][0]["success"] is True
