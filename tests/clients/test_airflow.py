"""Airflow with its OpenLineage provider, unchanged, on SQLite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_clients import Asked, airflow, asking
from running_server import make_workspace, serving

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.airflow]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server that was told of one DAG run, whose last task fails."""
    folder = tmp_path_factory.mktemp("airflow")
    with serving(make_workspace(folder / "workspace")) as server:
        said = airflow(folder, server.url, server.token, "shop")
        told = asking(server)
        assert told.outcomes(), said
        yield told


def test_everything_that_airflow_sends_is_taken(told: Asked) -> None:
    outcomes = told.outcomes()
    assert set(outcomes) == {"accepted"}
    assert outcomes["accepted"] >= 20


def test_dag_and_tasks_end_as_airflow_says(told: Asked) -> None:
    states = {
        run["job"].partition("]")[2]: run["state"]
        for run in told.runs()
        if ".query." not in run["job"]
    }
    assert states == {
        "shop": "FAIL",
        "shop.make": "COMPLETE",
        "shop.total": "COMPLETE",
        "shop.fail": "FAIL",
    }


def test_tables_that_only_the_sql_names_are_joined_by_it(told: Asked) -> None:
    orders, totals = told.one("datasets", "orders"), told.one("datasets", "totals")
    edges = [edge for edge in told.edges(totals) if edge["type"] == "FEEDS"]
    assert {(edge["src"], edge["kind"]) for edge in edges} == {(orders, "derived-sql")}


def test_what_a_failed_query_wanted_to_write_is_not_traced(told: Asked) -> None:
    assert not told.named("datasets", "nowhere") or not told.edges(told.one("datasets", "nowhere"))
