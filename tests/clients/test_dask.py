"""Our own assets on Dask: each step in whichever worker is free, nothing kept in between."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from demo_workspace import make_small_workspace, pipeline
from live_clients import FOLDER, Asked, asking
from running_server import serving
from services import CHECKOUT, client_home

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.dask]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, object], Asked]]:
    """What a run of everything said, and a server that was told of it."""
    home = client_home("dask")
    assert home is not None, "dask is not installed: make clients"
    with serving(make_small_workspace(tmp_path_factory.mktemp("dask") / "small")) as server:
        done = subprocess.run(
            [home / "bin" / "python", FOLDER / "dask_location.py"],
            env={
                **os.environ,
                **pipeline(server),
                "PYTHONPATH": os.pathsep.join(map(str, (CHECKOUT, CHECKOUT / "clients/dagster"))),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout), asking(server)


def test_steps_run_in_workers_and_a_gate_holds_without_dagsters_own_checks(
    ran: tuple[dict[str, object], Asked],
) -> None:
    said, _ = ran
    assert said["processes"] == 2
    assert said["made"] == ["model_late_v2", "plain", "rated", "ratings", "trips"]
    # Dagster's executor for Dask goes on after a blocking check that failed; our gates do not.
    assert said["failed"] == ["model_late_v1", "rated_license_gate"]


def test_what_dask_ran_has_the_lineage_of_any_other_run(
    ran: tuple[dict[str, object], Asked],
) -> None:
    _, asked = ran
    found = asked.trace("model:late@2")
    assert found["complete"], found["reasons"]
    source = f"dataset:[file]{asked.server.workspace}/sources/trips.csv"
    names = {node["ref"] for node in found["nodes"]}
    assert names == {"model:late@2", "dataset:[small]plain", "dataset:[small]trips", source}
