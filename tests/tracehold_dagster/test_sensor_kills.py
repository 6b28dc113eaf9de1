"""A server is killed while the sensor reports a run: it ends as if it had not been."""

from __future__ import annotations

import random
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
from campaign import record
from dagster_instances import evaluate, sharded
from live_clients import graph_digest, settle
from rounds import rounds
from running_server import RunningServer, lasting_port, make_workspace, serving

from tracehold_dagster import lineage_for
from tracehold_dagster.errors import Unreachable

pytestmark = [pytest.mark.slow, pytest.mark.campaign]

STEPS = rounds(usual=40, campaign=500)
KILLS = rounds(usual=3, campaign=25)


def chain() -> list[dg.AssetsDefinition]:
    """Assets, each made from the one before."""

    def asset(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"step_{number}", deps=[f"step_{number - 1}"] if number else [])
        def made() -> None: ...

        return made

    return [asset(number) for number in range(STEPS)]


ASSETS = chain()
DEFS = dg.Definitions.merge(dg.Definitions(assets=ASSETS), lineage_for(namespace="shop"))


def report(
    server: RunningServer,
    instance: dg.DagsterInstance,
    cursor: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> str | None:
    """One evaluation that sends to this server, whether or not it is still there at the end."""
    monkeypatch.setenv("TRACEHOLD_URL", server.url)
    monkeypatch.setenv("TRACEHOLD_TOKEN", server.token)
    with suppress(Unreachable):
        cursor, _ = evaluate(DEFS, instance, cursor)
    return cursor


def test_a_server_killed_during_a_run_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracehold_dagster.tailing._EVENTS", 5)
    chance = random.Random(6)
    port = lasting_port()
    disturbed = make_workspace(tmp_path / "disturbed")
    undisturbed = Path(shutil.copytree(disturbed, tmp_path / "undisturbed"))
    folder = tmp_path / "instance"

    def run() -> None:
        with sharded(folder) as its_own:
            assert dg.materialize(ASSETS, instance=its_own).success

    running = threading.Thread(target=run)
    cursor: str | None = None
    in_run = 0
    with sharded(folder) as instance:
        for kill in range(KILLS):
            with serving(disturbed, port=port) as server:
                if not kill:
                    running.start()
                killing = threading.Timer(chance.uniform(0.01, 0.6), server.kill)
                killing.start()
                while killing.is_alive():
                    cursor = report(server, instance, cursor, monkeypatch)
                    time.sleep(0.01)
            in_run += running.is_alive()
        running.join()
        sizes = []
        for workspace, begin in ((disturbed, cursor), (undisturbed, None)):
            with serving(workspace, port=port) as server:
                report(server, instance, begin, monkeypatch)
                sizes.append(settle(server))
    same = graph_digest(disturbed) == graph_digest(undisturbed)
    record(
        "Kills of the server while the sensor of a Dagster run reports",
        tried=in_run,
        failed=0 if same else 1,
        unit="kills",
    )
    assert in_run
    assert sizes[0] == sizes[1] >= 2 * STEPS
    assert same
