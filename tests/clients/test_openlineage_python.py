"""The official Python client, unchanged, sends to a real server over HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import column_lineage_dataset, schema_dataset, sql_job
from openlineage.client.transport.async_http import AsyncHttpTransport
from requests import HTTPError
from running_server import RunningServer, make_workspace, serving

pytestmark = [pytest.mark.clients, pytest.mark.slow]

NAMESPACE = "warehouse"
PRODUCER = "https://example.org/client"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with an empty workspace."""
    workspace = make_workspace(tmp_path_factory.mktemp("clients") / "workspace")
    with serving(workspace) as running:
        yield running


@contextmanager
def _talking(url: str, token: str, **transport: Any) -> Iterator[OpenLineageClient]:
    chosen = {
        "type": "http",
        "url": url,
        "auth": {"type": "api_key", "apiKey": token},
        "retry": {"total": 0},
        **transport,
    }
    talking = OpenLineageClient(config={"transport": chosen})
    try:
        yield talking
    finally:
        talking.close()


@pytest.fixture(
    params=[{}, {"compression": "gzip"}, {"type": "async_http"},
            {"type": "async_http", "compression": "gzip"}],
    ids=["http", "http gzip", "async_http", "async_http gzip"],
)  # fmt: skip
def client(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[OpenLineageClient]:
    """The official client with each of its own HTTP transports and an API key."""
    with _talking(server.url, server.token, **request.param) as talking:
        yield talking


def _send(client: OpenLineageClient, events: Iterable[RunEvent]) -> None:
    """Emit, and wait until everything was answered: one of the transports does not."""
    for event in events:
        client.emit(event)
    if isinstance(client.transport, AsyncHttpTransport):
        assert client.transport.wait_for_completion(30)
        assert client.transport.get_stats()["failed"] == 0


def _events(job: str, table: str, run_id: str) -> list[RunEvent]:
    schema = schema_dataset.SchemaDatasetFacet(
        fields=[schema_dataset.SchemaDatasetFacetFields(name="amount", type="DOUBLE")]
    )
    source = column_lineage_dataset.InputField(namespace=NAMESPACE, name="orders", field="amount")
    columns = column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={"amount": column_lineage_dataset.Fields(inputFields=[source])}
    )
    query = sql_job.SQLJobFacet(query=f"INSERT INTO {table} SELECT amount FROM orders")
    return [
        RunEvent(
            eventType=state,
            eventTime=datetime(2026, 3, 1, 12, minute, tzinfo=UTC).isoformat(),
            run=Run(runId=run_id),
            job=Job(namespace=NAMESPACE, name=job, facets={"sql": query}),
            producer=PRODUCER,
            inputs=[InputDataset(namespace=NAMESPACE, name="orders", facets={"schema": schema})],
            outputs=[
                OutputDataset(
                    namespace=NAMESPACE,
                    name=table,
                    facets={"schema": schema, "columnLineage": columns},
                )
            ],
        )
        for minute, state in enumerate((RunState.START, RunState.COMPLETE))
    ]


def _trace(server: RunningServer, ref: str) -> list[str]:
    talking = server.client()
    try:
        found = talking.json("/api/v1/trace", ref=ref, direction="up")
    finally:
        talking.close()
    assert found["complete"], found["reasons"]
    return sorted(node["ref"] for node in found["nodes"])


def _facts(server: RunningServer) -> int:
    talking = server.client()
    try:
        while (health := talking.json("/health"))["lag"]:
            continue
        return int(health["journal"])
    finally:
        talking.close()


def test_what_the_client_sends_is_in_the_trace(
    server: RunningServer, client: OpenLineageClient
) -> None:
    before = _facts(server)
    _send(client, _events("summing", "totals", str(uuid.uuid4())))
    assert _facts(server) == before + 2
    totals, orders = f"dataset:[{NAMESPACE}]totals", f"dataset:[{NAMESPACE}]orders"
    assert _trace(server, totals) == [orders, totals]
    columns = [f"column:[{NAMESPACE}]orders#amount", f"column:[{NAMESPACE}]totals#amount"]
    assert _trace(server, columns[1]) == columns


def test_an_event_that_the_client_sends_again_is_one_fact(
    server: RunningServer, client: OpenLineageClient
) -> None:
    events = _events("counting", "counts", str(uuid.uuid4()))
    _send(client, events)
    once = _facts(server)
    for _ in range(3):
        _send(client, events)
    assert _facts(server) == once


def test_a_client_with_a_wrong_token_is_told_so_and_nothing_is_recorded(
    server: RunningServer,
) -> None:
    before = _facts(server)
    with _talking(server.url, "not-a-token") as talking, pytest.raises(HTTPError, match="401"):
        talking.emit(_events("stealing", "loot", str(uuid.uuid4()))[0])
    assert _facts(server) == before


def test_after_a_restart_everything_is_still_there(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    for table in ("first", "second"):
        with serving(workspace) as running, _talking(running.url, running.token) as talking:
            for event in _events(f"making_{table}", table, str(uuid.uuid4())):
                talking.emit(event)
    with serving(workspace) as running:
        for table in ("first", "second"):
            assert len(_trace(running, f"dataset:[{NAMESPACE}]{table}")) == 2


def test_a_hundred_runs_at_once_arrive_whole_over_the_async_transport(
    server: RunningServer,
) -> None:
    before = _facts(server)
    with _talking(server.url, server.token, type="async_http", compression="gzip") as talking:
        runs = [_events(f"many_{n}", f"many_{n}", str(uuid.uuid4())) for n in range(100)]
        _send(talking, (event for pair in zip(*runs, strict=True) for event in pair))
    assert _facts(server) == before + 200
    assert _trace(server, f"dataset:[{NAMESPACE}]many_99")[0] == f"dataset:[{NAMESPACE}]many_99"


def test_what_the_how_to_shows_works_as_it_stands(server: RunningServer) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "python.md"
    (shown,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    environment = {"OPENLINEAGE_URL": server.url, "OPENLINEAGE_API_KEY": server.token}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(shown)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _facts(server)
    assert "dataset:[warehouse]orders" in _trace(server, "dataset:[warehouse]totals")
