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


@dg.asset_check(asset="bought")
def enough() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JUDGING = dg.define_asset_job("judging", dg.AssetSelection.checks_for_assets(bought))
DEFINITIONS = dg.Definitions(
    asset_checks=[enough], jobs=[JUDGING], assets=[bought, cleaned, visits, sessions, all_visits]
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


def test_what_several_partitions_were_read_as_is_marked_and_pinned_to_none(
    instance: dg.DagsterInstance,
) -> None:
    for day in ("mon", "tue"):
        _run(instance, "visits", day)
    read = _run(instance, "all_visits")[1]["visits"]
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
