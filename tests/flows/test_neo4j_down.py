"""Neo4j is away when the server starts, dies or hangs in the middle: nobody has to wait for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fault_estate import command, nothing_lost, send
from load import Estate, LoadSpec, events
from neo4j_service import Neo4jAddress
from running_server import RunningServer, make_workspace, serving
from tcp_gate import TcpGate

pytestmark = [pytest.mark.neo4j, pytest.mark.slow]

SPEC = LoadSpec(jobs=60, levels=4, columns=3, runs=150, namespace="away")
EVENTS = tuple(events(SPEC))
LAST_JOB = SPEC.jobs - 1
TARGET = f"dataset:[away]{Estate(SPEC).writes(LAST_JOB)}"
SOURCES = {f"dataset:[away]{name}" for name in Estate(SPEC).upstream(LAST_JOB)}
FIRST = 2 * SPEC.jobs
"""After so many events every job has run once."""
PATIENCE = 1.0
"""Seconds that a call to Neo4j may take here; an answer may wait for a few of them."""


@pytest.fixture
def gate(neo4j_address: Neo4jAddress) -> Iterator[TcpGate]:
    """The way to the real Neo4j."""
    address = urlsplit(neo4j_address.url)
    with TcpGate(address.hostname or "127.0.0.1", address.port or 7687) as gate:
        yield gate


@pytest.fixture
def environment(gate: TcpGate, neo4j_address: Neo4jAddress) -> dict[str, str]:
    """Settings of a workspace whose Neo4j is behind the gate."""
    return {
        "TRACEHOLD_GRAPH_URL": f"bolt://127.0.0.1:{gate.port}",
        "TRACEHOLD_GRAPH_USER": neo4j_address.user,
        "TRACEHOLD_GRAPH_PASSWORD": neo4j_address.password,
        "TRACEHOLD_GRAPH_DEADLINE_SECONDS": str(PATIENCE),
    }


def _ask(server: RunningServer, path: str, **query: str) -> Any:
    with closing(server.client()) as client:
        return client.json(path, **query)


def _await(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def _answered(server: RunningServer) -> str:
    """Who answers the trace, which is right whoever it is."""
    found = _ask(server, "/api/v1/trace", ref=TARGET, direction="up")
    assert found["complete"], found["reasons"]
    assert {node["ref"] for node in found["nodes"]} == SOURCES | {TARGET}
    return str(found["answered_by"])


def _await_state(server: RunningServer) -> None:
    _await(lambda: not _ask(server, "/health")["lag"], "the state stays behind")


def _reachable(server: RunningServer) -> bool:
    return bool(_ask(server, "/health")["mirror"]["reachable"])


def _await_equal(server: RunningServer) -> None:
    """The mirror catches up, answers, and holds what the state holds."""
    _await(lambda: _ask(server, "/health")["mirror"]["lag"] == 0, "the mirror stays behind")
    _await(lambda: _answered(server) == "neo4j", "Neo4j is not asked again")
    status = _ask(server, "/api/v1/graph", verify="true")
    assert status["equal"], status
    assert status["position"] == status["journal"] == status["mirror"]["position"]
    assert status["digest"] == status["mirror"]["digest"]


def test_a_server_starts_and_answers_without_its_neo4j_and_fills_it_later(
    tmp_path: Path, gate: TcpGate, environment: dict[str, str]
) -> None:
    folder = make_workspace(tmp_path / "workspace")
    gate.shut()
    with serving(folder, environment=environment) as server:
        receipts = send(server, EVENTS)
        _await_state(server)
        assert _answered(server) == "sql (neo4j cannot be reached)"
        assert _ask(server, "/health")["status"] == "ok"
        assert not _reachable(server)
        traced = command(folder, "trace", TARGET, "--json", environment=environment)
        assert traced.returncode == 0, traced.stderr
        assert json.loads(traced.stdout)["answered_by"] == "sql (neo4j cannot be reached)"
        asked = command(folder, "graph", "status", "--verify", environment=environment)
        assert asked.returncode == 3, asked
        assert "error: " in asked.stderr
        assert environment["TRACEHOLD_GRAPH_PASSWORD"] not in asked.stderr
        gate.open()
        _await_equal(server)
        asked = command(folder, "graph", "status", "--verify", environment=environment)
        assert asked.returncode == 0, asked
        assert not server.said
    nothing_lost(folder, receipts)


@pytest.mark.parametrize("fault", [TcpGate.shut, TcpGate.freeze], ids=["dies", "hangs"])
def test_when_neo4j_fails_in_the_middle_ingest_and_answers_go_on_and_it_catches_up(
    fault: Callable[[TcpGate], None],
    tmp_path: Path,
    gate: TcpGate,
    environment: dict[str, str],
) -> None:
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder, environment=environment) as server:
        receipts = send(server, EVENTS[:FIRST])
        _await_equal(server)
        posted: list[str] = []
        posting = threading.Thread(target=lambda: posted.extend(send(server, EVENTS[FIRST:])))
        posting.start()
        fault(gate)
        began = time.monotonic()
        assert _answered(server).startswith("sql (neo4j ")
        # As long as the deadline of a few calls, and not as long as the outage.
        assert time.monotonic() - began < 10 * PATIENCE
        posting.join()
        assert len(posted) == len(EVENTS) - FIRST
        _await_state(server)
        _await(lambda: not _reachable(server), "nobody noticed")
        assert _answered(server).startswith("sql (neo4j ")
        gate.open()
        _await_equal(server)
    nothing_lost(folder, [*receipts, *posted])
