"""The one line: a project that is merged with ``lineage_for`` tells what its runs did."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster_instances import evaluate, sharded
from live_clients import settle
from running_server import RunningServer, lasting_port, make_workspace, serving

from tracehold_dagster import lineage_for
from tracehold_dagster.cursor import Cursor
from tracehold_dagster.errors import Misconfigured, NotAllowed, Unreachable


@dg.asset
def orders() -> None: ...


@dg.asset(deps=[orders])
def revenue() -> None: ...


DEFS = dg.Definitions.merge(dg.Definitions(assets=[orders, revenue]), lineage_for(namespace="shop"))
SENSOR = DEFS.get_repository_def().get_sensor_def("tracehold_lineage")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with sharded(tmp_path / "instance") as opened:
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(make_workspace(tmp_path_factory.mktemp("sensor") / "workspace")) as running:
        yield running


def point_to(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEHOLD_URL", server.url)
    monkeypatch.setenv("TRACEHOLD_TOKEN", server.token)


def test_the_sensor_is_on_and_starts_no_run() -> None:
    assert SENSOR.default_status is dg.DefaultSensorStatus.RUNNING
    assert not SENSOR.targets


def test_what_ran_is_in_the_trace(
    instance: dg.DagsterInstance, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(server, monkeypatch)
    dg.materialize([orders, revenue], instance=instance)
    cursor, said = evaluate(DEFS, instance)
    assert said == "6 events of 10 records sent"
    settle(server)
    with closing(server.client()) as client:
        traced = client.json("/api/v1/trace", ref="dataset:[shop]revenue")
    assert {node["name"] for node in traced["nodes"]} >= {"revenue", "orders"}
    again, said = evaluate(DEFS, instance, cursor)
    assert said == "0 events of 0 records sent"
    assert Cursor.read(again).runs == Cursor.read(cursor).runs


def test_what_is_not_set_is_said_when_the_sensor_runs_and_not_when_the_project_loads(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACEHOLD_URL", raising=False)
    with pytest.raises(Misconfigured, match="TRACEHOLD_URL"):
        evaluate(DEFS, instance)


def test_a_server_that_is_not_there_fails_the_evaluation_and_moves_no_cursor(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEHOLD_URL", f"http://127.0.0.1:{lasting_port()}")
    dg.materialize([orders], instance=instance)
    with pytest.raises(Unreachable, match="nothing is lost"):
        evaluate(DEFS, instance)


def test_a_wrong_token_fails_the_evaluation_by_name(
    instance: dg.DagsterInstance, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(server, monkeypatch)
    monkeypatch.setenv("TRACEHOLD_TOKEN", "wrong")
    dg.materialize([orders], instance=instance)
    with pytest.raises(NotAllowed, match="TRACEHOLD_TOKEN"):
        evaluate(DEFS, instance)


def test_settings_may_be_variables_of_the_environment_that_dagster_reads(
    instance: dg.DagsterInstance, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACEHOLD_URL", raising=False)
    monkeypatch.setenv("LINEAGE_HOST", server.url)
    monkeypatch.setenv("LINEAGE_SECRET", server.token)
    one_line = lineage_for(
        url=dg.EnvVar("LINEAGE_HOST"), token=dg.EnvVar("LINEAGE_SECRET"), namespace="set"
    )
    dg.materialize([orders], instance=instance)
    defs = dg.Definitions.merge(dg.Definitions(assets=[orders]), one_line)
    assert evaluate(defs, instance)[1].startswith("4 events")
