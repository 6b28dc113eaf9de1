"""A server that is killed and started again while Spark and dbt work, with a relay in between.

The same events, sent to a server that nothing disturbs, must leave the same graph.
"""

from __future__ import annotations

import gzip
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from live_clients import (
    DBT_PROJECT,
    Recorder,
    dbt,
    graph_digest,
    received,
    recording,
    settle,
    spark,
)
from running_relay import RunningRelay, relaying
from running_server import Client, lasting_port, make_workspace, serving

pytestmark = [pytest.mark.clients, pytest.mark.slow]

DOWN_SECONDS = 3.0
"""From the first event that a killed server misses; Spark's listener tries for one."""


def _dbt(folder: Path, url: str, token: str) -> None:
    for word in ("seed", "run"):
        said = dbt(folder / "shop", url, token, word)
        assert said.endswith("ended with 0"), said


def _spark(folder: Path, url: str, token: str) -> None:
    for name in ("customers", "orders"):
        shutil.copy(DBT_PROJECT / "seeds" / f"raw_{name}.csv", folder / f"{name}.csv")
    said = spark("shop.py", folder, url, token, gzip=True)
    assert said.endswith("ended with 0"), said


def _drained(relay: RunningRelay, token: str) -> dict[str, float]:
    client = relay.client(token)
    try:
        until = time.monotonic() + 60
        while (health := client.json("/health"))["waiting"]:
            assert time.monotonic() < until, health
            time.sleep(0.05)
        return dict(health)
    finally:
        client.close()


def _disturbed(
    folder: Path, work: Callable[[Path, str, str], None], kills: Sequence[int]
) -> Recorder:
    """Let a client work while its server is killed after so many events; returns what it sent."""
    port = lasting_port()
    workspace = folder / "disturbed"
    # What comes next waits until the server is gone, so that it is missed however fast a job is.
    doors = {sent + 1: threading.Event() for sent in kills}
    with ExitStack() as held:
        server = held.enter_context(serving(workspace, port=port))
        relay = held.enter_context(relaying(server.url, folder / "spool"))
        recorder = held.enter_context(recording(relay.url))
        recorder.doors.update(doors)
        working = threading.Thread(target=work, args=(folder, recorder.url, server.token))
        working.start()
        for number, door in doors.items():
            recorder.await_arrivals(number)
            server.kill()
            door.set()
            time.sleep(DOWN_SECONDS)
            server = held.enter_context(serving(workspace, port=port))
        working.join()
        health = _drained(relay, server.token)
        assert health["refused"] == 0
        settle(server)
    return recorder


@pytest.mark.parametrize(
    ("work", "kills"),
    [
        pytest.param(_dbt, (2,), id="dbt", marks=pytest.mark.dbt),
        pytest.param(_spark, (6, 12), id="spark", marks=pytest.mark.spark),
    ],
)
def test_what_a_killed_server_missed_comes_through_the_relay_and_leaves_the_same_graph(
    tmp_path: Path, work: Callable[[Path, str, str], None], kills: Sequence[int]
) -> None:
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(make_workspace(tmp_path / "disturbed"), undisturbed)
    recorder = _disturbed(tmp_path, work, kills)
    assert len(recorder.bodies) > max(kills) + 1
    assert set(recorder.statuses) == {201}
    with serving(undisturbed) as server:
        client = Client(server.url, server.token)
        for body, encoding in recorder.bodies:
            status, answer = client.post(
                "/api/v1/lineage", gzip.decompress(body) if encoding else body
            )
            assert status == 201, answer
        client.close()
        settle(server)
    assert received(tmp_path / "disturbed") == received(undisturbed)
    assert graph_digest(tmp_path / "disturbed") == graph_digest(undisturbed)
