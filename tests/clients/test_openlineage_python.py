"""The official Python client, unchanged, sends to a real server over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

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
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
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
def _talking(url: str, token: str) -> Iterator[OpenLineageClient]:
    key = ApiKeyTokenProvider({"apiKey": token})
    talking = OpenLineageClient(
        transport=HttpTransport(HttpConfig(url=url, auth=key, retry={"total": 0}))
    )
    try:
        yield talking
    finally:
        talking.close()


@pytest.fixture
def client(server: RunningServer) -> Iterator[OpenLineageClient]:
    """The official client with its own HTTP transport and an API key."""
    with _talking(server.url, server.token) as talking:
        yield talking


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
    for event in _events("summing", "totals", str(uuid.uuid4())):
        client.emit(event)
    assert _facts(server) == before + 2
    totals, orders = f"dataset:[{NAMESPACE}]totals", f"dataset:[{NAMESPACE}]orders"
    assert _trace(server, totals) == [orders, totals]
    columns = [f"column:[{NAMESPACE}]orders#amount", f"column:[{NAMESPACE}]totals#amount"]
    assert _trace(server, columns[1]) == columns


def test_an_event_that_the_client_sends_again_is_one_fact(
    server: RunningServer, client: OpenLineageClient
) -> None:
    events = _events("counting", "counts", str(uuid.uuid4()))
    for event in events:
        client.emit(event)
    once = _facts(server)
    for event in events * 3:
        client.emit(event)
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
