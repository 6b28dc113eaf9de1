"""Server and Neo4j are killed together while events come in: nothing lost, both come back equal."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from campaign import record
from fault_estate import nothing_lost
from load import LoadSpec, events
from rounds import rounds
from running_server import RunningServer, make_workspace, serving

from lineage.errors import Conflict
from tracehold.neo4j.launcher import start, status, stop

pytestmark = [pytest.mark.neo4j, pytest.mark.slow, pytest.mark.campaign]

KILLS = rounds(usual=1, minutes=5, campaign=50)
PART = 80


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A Neo4j of this test's own: others must not see theirs die."""
    home = tmp_path / "neo4j"
    start(home, port=0)
    yield home
    stop(home)


def _environment(home: Path) -> dict[str, str]:
    server = status(home)
    assert server is not None
    return {
        "TRACEHOLD_GRAPH_URL": server.url,
        "TRACEHOLD_GRAPH_USER": server.user,
        "TRACEHOLD_GRAPH_PASSWORD": server.password,
        "TRACEHOLD_GRAPH_DEADLINE_SECONDS": "2",
    }


def _kill(home: Path) -> int:
    server = status(home)
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    port = int(server.url.rpartition(":")[2])
    stop(home)
    return port


def _start_again(home: Path, port: int) -> None:
    """On the same port, which the threads of the killed process hold for a moment longer."""
    until = time.monotonic() + 30
    while True:
        try:
            start(home, port=port)
        except Conflict:
            assert time.monotonic() < until
            time.sleep(0.1)
        else:
            return


def _send(server: RunningServer, waiting: deque[bytes], receipts: list[str], upto: int) -> None:
    """Send until so many are acknowledged, or the server is gone."""
    with closing(server.client()) as client:
        while len(receipts) < upto:
            event = waiting.popleft()
            try:
                status_, answer = client.post("/api/v1/lineage", event)
            except (OSError, http.client.HTTPException):
                waiting.appendleft(event)
                return
            assert status_ == http.client.CREATED, answer
            receipts.append(json.loads(answer)["receipt"])


def _await_equal(server: RunningServer) -> None:
    until = time.monotonic() + 120
    with closing(server.client()) as client:
        while True:
            health = client.json("/health")
            mirror = health["mirror"]
            if not health["lag"] and mirror["reachable"] and mirror["lag"] == 0:
                asked = client.json("/api/v1/graph", verify="true")
                if asked["equal"]:
                    return
            assert time.monotonic() < until, health
            time.sleep(0.1)


def test_a_server_and_a_neo4j_that_are_killed_together_come_back_equal(
    tmp_path: Path, home: Path
) -> None:
    folder = make_workspace(tmp_path / "workspace")
    environment = _environment(home)
    draw = random.Random(KILLS)
    load = LoadSpec(jobs=100, levels=5, columns=4, runs=KILLS * PART, namespace="killboth")
    waiting, receipts = deque(events(load)), list[str]()
    done = 0
    try:
        for number in range(KILLS):
            upto = PART * (number + 1)
            with serving(folder, environment=environment) as server:
                sending = threading.Thread(target=_send, args=(server, waiting, receipts, upto))
                sending.start()
                time.sleep(draw.random() * 0.8)
                server.kill()
                port = _kill(home)
                sending.join()
            _start_again(home, port)
            with serving(folder, environment=environment) as server:
                _send(server, waiting, receipts, upto)
                _await_equal(server)
            assert len(receipts) == upto
            done += 1
    finally:
        tried = min(done + 1, KILLS)
        record("kill -9 of server and Neo4j", tried=tried, failed=tried - done, unit="kills")
    nothing_lost(folder, receipts)
