"""``graph status`` and ``graph mirror``, with a server and without, on a real Neo4j."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fault_estate import command
from load import LoadSpec, events
from neo4j_service import Neo4jAddress
from running_server import RunningServer, make_workspace, serving

pytestmark = [pytest.mark.neo4j, pytest.mark.slow]

EVENTS = tuple(events(LoadSpec(jobs=12, levels=3, columns=3, runs=12, namespace="shop")))


@pytest.fixture
def environment(neo4j_address: Neo4jAddress) -> dict[str, str]:
    return {
        "TRACEHOLD_GRAPH_URL": neo4j_address.url,
        "TRACEHOLD_GRAPH_USER": neo4j_address.user,
        "TRACEHOLD_GRAPH_PASSWORD": neo4j_address.password,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "workspace")


def post(server: RunningServer) -> None:
    with closing(server.client()) as client:
        for event in EVENTS:
            status, answer = client.post("/api/v1/lineage", event)
            assert status == http.client.CREATED, answer


def told(folder: Path, *words: str, environment: dict[str, str]) -> Any:
    done = command(folder, *words, "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def await_level(folder: Path, environment: dict[str, str]) -> Any:
    until = time.monotonic() + 60
    while True:
        status = told(folder, "graph", "status", environment=environment)
        if status["mirror"]["lag"] == 0 and status["position"] == status["journal"]:
            return status
        assert time.monotonic() < until, status
        time.sleep(0.1)


@pytest.fixture
def server(folder: Path, environment: dict[str, str]) -> Iterator[RunningServer]:
    with serving(folder, environment=environment) as server:
        post(server)
        yield server


def test_with_a_server_the_status_is_what_the_server_knows_and_a_fill_is_waited_for(
    folder: Path, server: RunningServer, environment: dict[str, str]
) -> None:
    mirror = await_level(folder, environment)["mirror"]
    assert (mirror["state"], mirror["seconds_behind"], mirror["last_error"]) == ("following", 0, "")
    before = mirror["fills"]
    filled = told(folder, "graph", "mirror", environment=environment)
    mirror = await_level(folder, environment)["mirror"]
    assert mirror["fills"] == before + 1
    assert filled["position"] == mirror["position"]
    assert told(folder, "graph", "status", "--verify", environment=environment)["equal"] is True
    with closing(server.client()) as client:
        health = client.json("/health")
        _, metrics = client.get("/metrics")
    assert health["mirror"] == {
        "state": "following",
        "reachable": True,
        "lag": 0,
        "seconds_behind": 0,
    }
    figures = dict(
        line.split() for line in metrics.decode().splitlines() if line.startswith("tracehold_mirr")
    )
    assert figures["tracehold_mirror_lag"] == figures["tracehold_mirror_seconds_behind"] == "0"
    assert figures["tracehold_mirror_refused"] == "0"
    assert figures["tracehold_mirror_fills"] == str(before + 1)


def test_without_a_server_the_command_looks_and_fills_by_itself(
    folder: Path, environment: dict[str, str]
) -> None:
    with serving(folder) as server:
        post(server)
    mirror = told(folder, "graph", "status", environment=environment)["mirror"]
    assert (mirror["state"], mirror["reachable"], mirror["position"]) == ("behind", True, 0)
    filled = told(folder, "graph", "mirror", environment=environment)
    status = told(folder, "graph", "status", "--verify", environment=environment)
    assert status["equal"] is True
    assert status["mirror"]["position"] == filled["position"] == status["journal"]
    text = command(folder, "graph", "status", environment=environment).stdout
    assert "following" in text


def test_another_workspaces_graph_is_refused_with_advice_and_taken_over_when_told_to(
    folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    told(folder, "graph", "mirror", environment=environment)
    other = make_workspace(tmp_path / "other")
    refused = command(other, "graph", "mirror", environment=environment)
    assert refused.returncode == 3
    assert "the mirror of another workspace" in refused.stderr
    mirror = told(other, "graph", "status", environment=environment)["mirror"]
    assert (mirror["state"], mirror["reachable"]) == ("refused", False)
    told(other, "graph", "mirror", "--take-over", environment=environment)
    assert told(other, "graph", "status", "--verify", environment=environment)["equal"] is True
    with serving(folder, environment=environment) as server, closing(server.client()) as client:
        until = time.monotonic() + 30
        while client.json("/health")["mirror"]["state"] != "refused":
            assert time.monotonic() < until
            time.sleep(0.05)
        asked = command(folder, "graph", "mirror", environment=environment)
        assert asked.returncode == 3
        assert "another workspace" in asked.stderr
        assert client.json("/health")["status"] == "ok"
