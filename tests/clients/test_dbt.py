"""dbt with OpenLineage's wrapper, unchanged, on DuckDB: both of its modes against a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_clients import Asked, asking, dbt
from running_server import make_workspace, serving

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.dbt]

TABLES = ("customers", "raw_customers", "raw_orders", "revenue")


@pytest.fixture(scope="module", params=[False, True], ids=["artifacts", "structured logs"])
def structured(request: pytest.FixtureRequest) -> bool:
    """Whether the wrapper follows dbt's log; that carries no column lineage."""
    return bool(request.param)


@pytest.fixture(scope="module")
def told(structured: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server that was told of a seed, a run and a test."""
    folder = tmp_path_factory.mktemp("dbt")
    with serving(make_workspace(folder / "workspace")) as server:
        for word in ("seed", "run", "test"):
            said = dbt(folder / "shop", server.url, server.token, word, structured=structured)
            assert said.endswith("ended with 0"), said
        yield asking(server)


def table(told: Asked, name: str) -> str:
    """The reference of a table in the file of DuckDB."""
    (found,) = [
        ref
        for ref in told.named("datasets", f"shop.main.{name}")
        if ref.startswith("dataset:[duckdb:")
    ]
    return found


def test_everything_that_dbt_sends_is_taken(told: Asked) -> None:
    outcomes = told.outcomes()
    assert set(outcomes) == {"accepted"}
    assert outcomes["accepted"] >= 14


def test_all_runs_are_complete_and_no_run_contradicts_itself(told: Asked) -> None:
    runs = told.runs()
    assert len(runs) >= 7
    assert {run["state"] for run in runs} == {"COMPLETE"}
    assert not [run for run in runs if run["contradicted"]]


def test_a_report_is_traced_to_the_seeds(told: Asked) -> None:
    nodes = {node["ref"] for node in told.trace(table(told, "revenue"))["nodes"]}
    assert {table(told, name) for name in TABLES} <= nodes


def test_what_a_model_reads_is_known_by_what_it_said(told: Asked, structured: bool) -> None:
    edges = told.edges(table(told, "revenue"), depth=1)
    feeds = {edge["src"]: edge["kind"] for edge in edges if edge["type"] == "FEEDS"}
    kind = "product" if structured else "columns"
    assert {ref: how for ref, how in feeds.items() if ref.startswith("dataset:[duckdb:")} == {
        table(told, "customers"): kind,
        table(told, "raw_orders"): kind,
    }


def test_a_masking_that_dbt_does_not_speak_of_is_unknown(told: Asked, structured: bool) -> None:
    edges = told.edges(table(told, "customers"), columns="true")
    masking = {
        (edge["src"].partition("#")[2], edge["dst"].partition("#")[2]): edge["props"]["masking"]
        for edge in edges
        if edge["type"] == "FEEDS_COLUMN"
    }
    names = () if structured else ("customer_id", "country")
    hashed = {} if structured else {("email", "email_hash"): "unknown"}
    assert masking == {(name, name): "unknown" for name in names} | hashed


def test_a_test_reads_its_table_and_says_how_it_went(told: Asked) -> None:
    checked = [
        run
        for run in told.runs()
        if ".test/" in run["ref"] or "test.shop." in run["ref"].partition(".sql.")[0]
    ]
    read = {ref for run in checked for ref in run["inputs"]}
    assert {table(told, "customers"), table(told, "revenue")} <= read
