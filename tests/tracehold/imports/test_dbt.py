"""dbt: names as dbt-ol has them, types from the catalog, tests as assertions, runs as runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dbt_samples import dbt_project, manifest, run_results
from import_samples import PG
from importing import FORMATS, estate_of, events_of, left_of

from lineage.errors import InvalidInput
from tracehold.imports import dbt
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.events import Item
from tracehold.imports.report import Report

ORDERS = f"dataset:[{PG}]shop.core.orders"
HISTORY = f"dataset:[{PG}]shop.core.orders_history"
RAW = f"dataset:[{PG}]shop.raw.orders_v2"
COUNTRIES = f"dataset:[{PG}]shop.core.countries"
EXPOSURE = "dataset:[dbt]exposure.shop.revenue"


def test_tables_are_wired_through_ephemeral_models_to_the_exposure(tmp_path: Path) -> None:
    with estate_of(tmp_path, "dbt") as estate:
        assert estate.edges(EXPOSURE) == {
            (RAW, ORDERS, "product"),
            (COUNTRIES, ORDERS, "product"),
            (ORDERS, EXPOSURE, "static"),
        }
        assert (ORDERS, HISTORY, "static") in estate.edges(HISTORY)


def test_jobs_and_tables_have_the_names_that_dbt_ol_gives_them(tmp_path: Path) -> None:
    with estate_of(tmp_path, "dbt") as estate:
        assert {one["ref"] for one in estate.ask("jobs")["items"]} == {
            "job:[dbt]shop.core.shop.orders",
            "job:[dbt]shop.core.shop.orders.test",
            "job:[dbt]shop.core.shop.orders_history.snapshot",
            "job:[dbt]shop.core.shop.countries.seed",
            "job:[dbt]exposure.shop.revenue",
            "job:[dbt]dbt-run-shop",
        }


def test_what_dbt_build_ran_is_named_so(tmp_path: Path) -> None:
    artifacts = dbt.Artifacts(manifest(), "manifest.json", {}, [run_results("build")])
    items = dbt.read(artifacts, namespace=PG, job_namespace="dbt", report=Report())
    jobs = {event["job"]["name"] for event in map(json.loads, (item.raw for item in items))
            if "job" in event}  # fmt: skip
    assert jobs == {
        "shop.core.shop.orders.build.run",
        "shop.core.shop.orders.build.test",
        "shop.core.shop.orders_history.build.snapshot",
        "shop.core.shop.countries.seed",
        "exposure.shop.revenue",
        "dbt-run-shop",
    }


def test_columns_have_types_of_the_catalog_and_texts_of_the_project(tmp_path: Path) -> None:
    with estate_of(tmp_path, "dbt") as estate:
        assert estate.columns(ORDERS) == [
            ("ID", "BIGINT", "Key."),
            ("EMAIL", "TEXT", "Of whom."),
        ]
        shown = estate.ask("dataset", ref=ORDERS)["columns"]
        assert {one["field"]: one["description"] for one in shown} == {
            "ID": "Key.", "EMAIL": "Of whom.",
        }  # fmt: skip


def test_owner_license_tags_and_personal_data_are_read_from_meta(tmp_path: Path) -> None:
    with estate_of(tmp_path, "dbt") as estate:
        assert estate.value(ORDERS, "license") == [("import", {"declared": "CC-BY-4.0"})]
        assert estate.value(ORDERS, "documentation") == [
            ("import", {"description": "One row per order."})
        ]
        [(source, tags)] = estate.value(ORDERS, "tags")
        assert source == "import"
        assert {(one["key"], one["value"], one.get("field", "")) for one in tags} == {
            ("finance", "true", ""),
            ("contact", "true", "EMAIL"),
            ("pii", "true", "EMAIL"),
        }
        assert estate.value(EXPOSURE, "ownership") == [
            ("import", {"owners": [{"name": "Finance"}]})
        ]


def test_runs_have_their_times_and_a_failed_one_wrote_nothing(tmp_path: Path) -> None:
    events = [one for one in events_of("dbt", tmp_path) if "run" in one]
    ends = {
        one["job"]["name"]: (one["eventType"], one["eventTime"], len(one["outputs"]))
        for one in events
        if one["eventType"] != "START"
    }
    assert ends == {
        "shop.core.shop.orders": ("COMPLETE", "2026-01-10T08:01:09.000Z", 1),
        "shop.core.shop.orders_history.snapshot": ("FAIL", "2026-01-10T08:02:09.000Z", 0),
        "shop.core.shop.orders.test": ("FAIL", "2026-01-10T08:03:09.000Z", 0),
        "dbt-run-shop": ("FAIL", "2026-01-10T08:30:00.000Z", 0),
    }
    parents = {
        one["run"]["facets"]["parent"]["run"]["runId"] for one in events if "facets" in one["run"]
    }
    [outer] = {one["run"]["runId"] for one in events if one["job"]["name"] == "dbt-run-shop"}
    assert parents == {outer}


def test_what_was_only_compiled_did_not_run(tmp_path: Path) -> None:
    report = Report()
    artifacts = dbt.Artifacts(manifest(), "manifest.json", {}, [run_results("generate")])
    events = dbt.read(artifacts, namespace=PG, job_namespace="dbt", report=report)
    assert not [item for item in events if b'"runId"' in item.raw]
    left = {one["what"]: one["count"] for one in report.as_list()}
    assert (left["results of dbt generate"], left["tests without a result"]) == (4, 2)


def test_results_of_tests_become_assertions(tmp_path: Path) -> None:
    with estate_of(tmp_path, "dbt") as estate:
        [(_, value)] = estate.value(ORDERS, "assertions")
        assert value == {
            "assertion": "not_null",
            "column": "ID",
            "success": False,
            "severity": "error",
            "expected": "0",
            "actual": "3",
        }


def test_what_is_not_mapped_is_counted(tmp_path: Path) -> None:
    assert left_of("dbt", tmp_path) == {
        "keys of meta": 2,
        "nodes of kind model": 1,
        "nodes of kind analysis": 1,
        "tests without a result": 1,
        "metrics": 1,
        "results that say nothing of data": 1,
    }


@pytest.mark.parametrize("version", range(1, 13))
def test_every_version_of_the_manifest_gives_the_same_tables(version: int, tmp_path: Path) -> None:
    report = Report()
    artifacts = dbt.load(dbt_project(tmp_path, version))
    made = list(dbt.read(artifacts, namespace=PG, job_namespace="dbt", report=report))
    newest = dbt.load(dbt_project(tmp_path / "newest"))
    expected = list(dbt.read(newest, namespace=PG, job_namespace="dbt", report=Report()))
    assert [item.raw for item in made] == [item.raw for item in expected]


def test_a_newer_manifest_is_read_and_said_to_be_newer(tmp_path: Path) -> None:
    report = Report()
    artifacts = dbt.load(dbt_project(tmp_path, 13))
    assert list(dbt.read(artifacts, namespace=PG, job_namespace="dbt", report=report))
    assert "what is new in version 13 of the manifest" in {one["what"] for one in report.as_list()}


def test_bigquery_needs_no_namespace_and_others_say_which(tmp_path: Path) -> None:
    made = manifest()
    made["metadata"]["adapter_type"] = "bigquery"
    artifacts = dbt.Artifacts(made, "manifest.json")
    events = list(dbt.read(artifacts, namespace="", job_namespace="dbt", report=Report()))
    assert json.loads(events[0].raw)["dataset"]["namespace"] == "bigquery"
    made["metadata"]["adapter_type"] = "snowflake"
    with pytest.raises(InvalidInput) as refused:
        list(dbt.read(artifacts, namespace="", job_namespace="dbt", report=Report()))
    assert "snowflake://ORGANIZATION-ACCOUNT" in refused.value.advice


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_files_that_are_no_artifacts_and_two_manifests_are_refused(tmp_path: Path) -> None:
    other = write(tmp_path / "other.json", {"metadata": {"dbt_schema_version": "x"}})
    with pytest.raises(NotThisFormat):
        dbt.load([other])
    first = write(tmp_path / "a.json", manifest())
    with pytest.raises(InvalidInput, match="two manifests"):
        dbt.load([first, write(tmp_path / "b.json", manifest())])
    with pytest.raises(InvalidInput, match="no artifacts"):
        dbt.load([tmp_path])


def test_a_glue_table_is_named_as_glue_names_it(tmp_path: Path) -> None:
    artifacts = dbt.load(dbt_project(tmp_path))
    items = dbt.read(
        artifacts, namespace="arn:aws:glue:eu-west-1:1", job_namespace="dbt", report=Report()
    )
    assert json.loads(next(iter(items)).raw)["dataset"]["name"] == "table/raw/orders_v2"


def live(at: str) -> Item:
    """What dbt-ol reports of a run, with the columns that it read from the SQL."""
    lineage = {
        "_producer": "https://example.org/dbt",
        "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json",
        "fields": {
            "email": {
                "inputFields": [{"namespace": PG, "name": "shop.raw.orders_v2", "field": "mail"}]
            }
        },
    }
    output = {"namespace": PG, "name": "shop.core.orders", "facets": {"columnLineage": lineage}}
    event = {
        "eventType": "COMPLETE",
        "eventTime": at,
        "producer": "https://example.org/dbt",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "00000000-0000-4000-8000-000000000001"},
        "job": {"namespace": "dbt", "name": "shop.core.shop.orders"},
        "inputs": [{"namespace": PG, "name": "shop.raw.orders_v2"}],
        "outputs": [output],
    }
    return Item(json.dumps(event).encode(), "live")


@pytest.mark.parametrize("order", [1, -1])
def test_an_import_never_replaces_how_a_run_was_wired(order: int, tmp_path: Path) -> None:
    imported = list(FORMATS["dbt"](tmp_path / "dbt", Report()))
    with estate_of(tmp_path) as estate:
        for items in [[live("2026-01-09T00:00:00Z")], imported][::order]:
            estate.take(items)
        assert estate.edges(ORDERS) == {(RAW, ORDERS, "columns")}
        before = estate.edges(ORDERS, as_of="2026-01-08T00:00:00Z")
        assert before == set()


def test_an_import_stands_until_a_run_shows_how_it_is(tmp_path: Path) -> None:
    with estate_of(tmp_path, "dbt") as estate:
        estate.take([live("2026-02-01T00:00:00Z")])
        assert estate.edges(ORDERS) == {(RAW, ORDERS, "columns")}
        assert estate.edges(ORDERS, as_of="2026-01-31T00:00:00Z") == {
            (RAW, ORDERS, "product"), (COUNTRIES, ORDERS, "product"),
        }  # fmt: skip
