"""Unity Catalog and Snowflake: exactly the pairs that the rows name, and no person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from import_samples import ACCESS_HISTORY, SNOW
from importing import estate_of, events_of, left_of

from tracehold.imports import snowflake, unity
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.report import Report

LAKE = "dataset:[unitycatalog://acme]main."
SNOWED = f"dataset:[{SNOW}]SHOP."


def test_rows_of_one_run_become_one_run_with_their_pairs(tmp_path: Path) -> None:
    events = events_of("unity-catalog", tmp_path)
    assert [(e["eventType"], e["eventTime"], e["job"]["name"]) for e in events] == [
        ("COMPLETE", "2026-01-10T08:00:00.000Z", "17/job/99"),
        ("START", "2026-01-11T08:00:00.000Z", "17/job/99"),
        ("COMPLETE", "2026-01-11T08:00:09.000Z", "17/job/99"),
    ]
    assert [(one["namespace"], one["name"]) for one in events[2]["inputs"]] == [
        ("s3://landing", "orders/2026"),
        ("unitycatalog://acme", "main.raw.orders"),
    ]


def test_columns_lead_to_columns_and_other_tables_only_influence(tmp_path: Path) -> None:
    with estate_of(tmp_path, "unity-catalog") as estate:
        source = f"{LAKE}raw.orders", f"{LAKE}core.orders", "declared"
        lake = "dataset:[s3://landing]orders/2026", f"{LAKE}core.orders", "declared"
        assert estate.edges(f"{LAKE}core.orders") == {source, lake}
        first = "2026-01-10T12:00:00Z"
        assert estate.edges(f"{LAKE}core.orders", as_of=first) == {
            source, (f"{LAKE}raw.countries", f"{LAKE}core.orders", "indirect"),
        }  # fmt: skip
        column = f"{LAKE}core.orders".replace("dataset:", "column:")
        told = estate.ask("trace", ref=f"{column}#email", columns=True, as_of=first)
        assert [node["ref"] for node in told["nodes"]][1:] == [
            f"{LAKE}raw.orders#mail".replace("dataset:", "column:")
        ]
        assert told["edges"][0]["props"]["masking"] == "unknown"


def test_reads_by_no_job_and_people_are_left_out_of_unity_catalog(tmp_path: Path) -> None:
    assert left_of("unity-catalog", tmp_path) == {"created_by": 6, "reads by no job": 1}


def test_a_query_becomes_a_run_of_a_job_named_after_what_it_writes(tmp_path: Path) -> None:
    first, second, view = events_of("snowflake", tmp_path)
    assert first["eventTime"] == "2026-01-10T08:00:00.388Z"
    assert first["job"]["name"].startswith("write SHOP.CORE.ORDERS ")
    assert first["run"]["facets"]["externalQuery"]["externalQueryId"] == "01a1"
    assert second["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "DROP"
    assert view["dataset"]["name"] == "SHOP.MART.ORDERS_V"


def test_columns_of_a_query_and_dependencies_of_a_view_are_lineage(tmp_path: Path) -> None:
    with estate_of(tmp_path, "snowflake") as estate:
        assert estate.edges(f"{SNOWED}MART.ORDERS_V") == {
            (f"{SNOWED}CORE.ORDERS", f"{SNOWED}MART.ORDERS_V", "declared"),
            (f"{SNOWED}RAW.ORDERS", f"{SNOWED}CORE.ORDERS", "declared"),
            (f"{SNOWED}RAW.COUNTRIES", f"{SNOWED}CORE.ORDERS", "indirect"),
        }


def test_the_same_statement_twice_is_one_job_and_a_different_one_another(tmp_path: Path) -> None:
    row = ACCESS_HISTORY[0]
    again = {**row, "QUERY_ID": "02", "QUERY_START_TIME": "2026-02-01 08:00:00 +0000"}
    other = {**row, "QUERY_ID": "03", "DIRECT_OBJECTS_ACCESSED": row["DIRECT_OBJECTS_ACCESSED"][:1]}
    path = tmp_path / "history.json"
    path.write_text(json.dumps([row, again, other]))
    items = snowflake.read([path], namespace=SNOW, job_namespace="snowflake", at=0, report=Report())
    jobs = [json.loads(item.raw)["job"]["name"] for item in items]
    assert jobs[0] == jobs[1] != jobs[2]


def test_queries_that_only_read_and_people_are_left_out_of_snowflake(tmp_path: Path) -> None:
    assert left_of("snowflake", tmp_path) == {"queries that only read": 1, "user_name": 3}


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(NotThisFormat):
        list(unity.read([path], namespace="u", job_namespace="j", report=Report()))
    with pytest.raises(NotThisFormat):
        list(snowflake.read([path], namespace="s", job_namespace="j", at=0, report=Report()))
    path = tmp_path / "history.json"
    path.write_text(json.dumps([{"QUERY_ID": "1", "OBJECTS_MODIFIED": "{"}]))
    with pytest.raises(NotThisFormat, match="objects_modified holds no JSON"):
        list(snowflake.read([path], namespace="s", job_namespace="j", at=0, report=Report()))
