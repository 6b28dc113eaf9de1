"""Spark with OpenLineage's listener, unchanged: what a job, its tables, its failure must show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_clients import DBT_ON_SPARK, DBT_PROJECT, Asked, asking, dbt, spark
from running_server import make_workspace, run, serving

from lineage.clock import format_millis, parse_millis

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.spark]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shop's files and tables lie."""
    folder = tmp_path_factory.mktemp("spark")
    for name in ("customers", "orders"):
        shutil.copy(DBT_PROJECT / "seeds" / f"raw_{name}.csv", folder / f"{name}.csv")
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> Iterator[Asked]:
    """A server that was told of a job, packed, and of one that fails, not packed."""
    with serving(make_workspace(folder / "workspace")) as server:
        said = spark("shop.py", folder, server.url, server.token, gzip=True)
        assert said.endswith("ended with 0"), said
        said = spark("failing.py", folder, server.url, server.token)
        assert said.endswith("ended with 1"), said
        yield asking(server)


def ref(folder: Path, path: str) -> str:
    """The reference of a file or table below the folder."""
    return f"dataset:[file]{folder}/{path}"


def job_run(told: Asked, ending: str) -> dict[str, Any]:
    """The one run of the job whose name ends so."""
    (found,) = [one for one in told.runs() if one["job"].endswith(ending)]
    return found


def feeds(told: Asked, dataset: str, **query: str | int) -> dict[str, str]:
    """What feeds a dataset directly, and how that is known."""
    edges = told.edges(dataset, depth=1, **query)
    return {edge["src"]: edge["kind"] for edge in edges if edge["type"] == "FEEDS"}


def test_everything_that_spark_sends_is_taken(told: Asked) -> None:
    outcomes = told.outcomes()
    assert set(outcomes) == {"accepted"}
    assert outcomes["accepted"] >= 30


def test_a_failed_job_is_failed_although_spark_says_complete_after_it(told: Asked) -> None:
    failed = job_run(told, "_broken")
    assert failed["state"] == "FAIL"
    assert failed["contradicted"]


def test_what_a_failed_job_wanted_to_write_is_not_traced_to_what_it_read(
    told: Asked, folder: Path
) -> None:
    assert not feeds(told, ref(folder, "broken"))


def test_a_hashed_email_is_masked_and_other_columns_are_not(told: Asked, folder: Path) -> None:
    edges = told.edges(ref(folder, "clean"), columns="true")
    masking = {
        (edge["src"].partition("#")[2], edge["dst"].partition("#")[2]): edge["props"]["masking"]
        for edge in edges
        if edge["type"] == "FEEDS_COLUMN"
    }
    assert masking == {
        ("email", "email_hash"): True,
        ("country", "country"): False,
        ("amount", "amount"): False,
        ("order_id", "order_id"): False,
    }


def test_where_column_lineage_exists_no_edge_is_a_product(told: Asked, folder: Path) -> None:
    assert feeds(told, ref(folder, "clean")) == {
        ref(folder, "customers.csv"): "columns",
        ref(folder, "orders.csv"): "columns",
    }
    nodes = told.trace(ref(folder, "warehouse/gov.db/revenue"))["nodes"]
    kinds = {
        kind
        for node in nodes
        if node["label"] == "Dataset"
        for kind in feeds(told, node["ref"]).values()
    }
    assert kinds == {"columns"}


def test_a_created_and_filled_table_is_traced_to_the_files(told: Asked, folder: Path) -> None:
    found = {node["ref"] for node in told.trace(ref(folder, "warehouse/gov.db/revenue"))["nodes"]}
    assert {ref(folder, "customers.csv"), ref(folder, "orders.csv"), ref(folder, "clean")} <= found


def test_a_truncated_table_is_wired_as_before_and_holds_nothing_any_more(
    told: Asked, folder: Path
) -> None:
    staging = ref(folder, "warehouse/gov.db/staging")
    ended = parse_millis(job_run(told, "truncate_table_command.gov_db_staging")["ended"])
    before, after = format_millis(ended - 1), format_millis(ended)
    source = {ref(folder, "warehouse/gov.db/revenue"): "columns"}
    assert feeds(told, staging, view="content", as_of=before) == source
    assert not feeds(told, staging, view="content", as_of=after)
    assert feeds(told, staging, view="structural", as_of=after) == source


def test_a_drop_under_a_wrong_path_resolves_to_the_table_that_was_created(
    told: Asked, folder: Path
) -> None:
    staging = ref(folder, "warehouse/gov.db/staging")
    dropped = job_run(told, "drop_table")
    assert dropped["outputs"] == [ref(folder, "warehouse/gov.db/gov.db/staging")]
    ended = parse_millis(dropped["ended"])
    assert feeds(told, staging, as_of=format_millis(ended - 1))
    assert not feeds(told, staging, as_of=format_millis(ended))
    assert feeds(told, ref(folder, "warehouse/gov.db/revenue"), as_of=format_millis(ended))


@pytest.mark.dbt
def test_a_table_that_spark_writes_and_dbt_reads_is_one_thing_once_a_rule_says_so(
    told: Asked, folder: Path
) -> None:
    server = told.server
    project = folder / "reports"
    said = dbt(project, server.url, server.token, "run", source=DBT_ON_SPARK)
    assert said.endswith("ended with 0"), said
    countries = asking(server).one("datasets", "shop.main.countries")
    files = ref(folder, "customers.csv")
    assert files not in {node["ref"] for node in told.trace(countries)["nodes"]}
    workspace = server.workspace
    hired = run("user", "add", "olga", "--role", "privacy-officer", workspace=workspace)
    assert hired.returncode == 0, hired.stderr
    ruled = run(
        *("alias", "rule", "prefix", f"duckdb://{project}/shop.duckdb", "--prefix", "shop.spark."),
        *("--to", "file", "--to-prefix", f"{folder}/", "--reason", "views over Spark's files"),
        *("--as", "olga"),
        workspace=workspace,
    )  # fmt: skip
    assert ruled.returncode == 0, ruled.stderr
    edges = asking(server).edges(countries)
    joined = {frozenset((one["src"], one["dst"])) for one in edges if one["type"] == "SAME_AS"}
    (view,) = told.named("datasets", "shop.spark.clean")
    assert joined == {frozenset((view, ref(folder, "clean")))}
    assert files in {node["ref"] for node in told.trace(countries)["nodes"]}
