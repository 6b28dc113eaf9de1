"""The Python client of Marquez, unchanged, reads from a real server over HTTP."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from openlineage_events import dataset, facet, run_event
from running_server import RunningServer, make_workspace, serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It marks its writing methods by a library of its own.
    from marquez_client import MarquezClient
    from marquez_client.errors import APIError

pytestmark = [pytest.mark.clients, pytest.mark.slow]

NAMESPACE = "postgres://db.example.org:5432"
ODD = "shop.public.größe/a b:c"


def _events() -> list[dict[str, Any]]:
    schema = facet("SchemaDatasetFacet", fields=[{"name": "id", "type": "INT"}])
    tags = facet("TagsDatasetFacet", tags=[{"key": "gold", "value": "true"}])
    source = facet("DatasourceDatasetFacet", name="shop", uri="postgres://db.example.org/shop")
    columns = {"id": {"inputFields": [{"namespace": NAMESPACE, "name": "orders", "field": "id"}]}}
    lineage = facet("ColumnLineageDatasetFacet", fields=columns)
    orders = dataset("orders", schema=schema, tags=tags, dataSource=source)
    odd = dataset(ODD, schema=schema, columnLineage=lineage)
    report = dataset("report")
    events = [
        run_event("START", 1, job="tidy:orders", run="1", inputs=[orders], outputs=[odd]),
        run_event("COMPLETE", 2, job="tidy:orders", run="1", inputs=[orders], outputs=[odd]),
        run_event("COMPLETE", 3, job="sum", run="2", inputs=[odd], outputs=[report]),
        run_event("FAIL", 4, job="sum", run="3", inputs=[odd], outputs=[report]),
    ]
    for event in events:
        event["job"]["namespace"] = NAMESPACE
        for one in (*event["inputs"], *event["outputs"]):
            one["namespace"] = NAMESPACE
    return events


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that has the events."""
    workspace = make_workspace(tmp_path_factory.mktemp("marquez") / "workspace")
    with serving(workspace) as running:
        talking = running.client()
        try:
            for event in _events():
                status, body = talking.post("/api/v1/lineage", json.dumps(event).encode())
                assert status == 201
            # What is durable is in the answers a moment later.
            until = time.monotonic() + 30
            path = f"/api/v1/namespaces/{quote(NAMESPACE, safe='')}/jobs/sum/runs"
            while time.monotonic() < until:
                status, body = talking.get(path)
                if status == 200 and json.loads(body)["totalCount"] == 2:
                    break
        finally:
            talking.close()
        yield running


@pytest.fixture
def client(server: RunningServer) -> MarquezClient:
    """The client, with a token as its API key."""
    return MarquezClient(url=server.url, api_key=server.token)


def test_it_reads_namespaces_and_sources(client: MarquezClient) -> None:
    listed = client.list_namespaces()["namespaces"]
    assert [one["name"] for one in listed] == [NAMESPACE]
    assert client.get_namespace(NAMESPACE)["name"] == NAMESPACE
    assert {one["name"] for one in client.list_sources()["sources"]} == {"shop", NAMESPACE}
    assert client.get_source("shop")["type"] == "POSTGRES"


def test_it_reads_datasets_and_their_versions(client: MarquezClient) -> None:
    listed = client.list_datasets(NAMESPACE)["datasets"]
    assert [one["name"] for one in listed] == ["orders", "report", ODD]
    assert client.list_datasets(NAMESPACE, limit=1, offset=2)["datasets"][0]["name"] == ODD
    found = client.get_dataset(NAMESPACE, ODD)
    assert found["id"] == {"namespace": NAMESPACE, "name": ODD}
    assert found["fields"][0]["name"] == "id"
    assert client.get_dataset(NAMESPACE, "orders")["tags"] == ["gold"]
    [version] = client.list_dataset_versions(NAMESPACE, ODD)["versions"]
    assert version["createdByRun"]["state"] == "COMPLETED"
    one = client.get_dataset_version(NAMESPACE, ODD, version["version"])
    assert one["id"] == version["id"]


def test_it_reads_jobs_and_runs(client: MarquezClient) -> None:
    assert [one["name"] for one in client.list_jobs(NAMESPACE)["jobs"]] == ["sum", "tidy:orders"]
    job = client.get_job(NAMESPACE, "tidy:orders")
    assert job["inputs"] == [{"namespace": NAMESPACE, "name": "orders"}]
    runs = client.list_job_runs(NAMESPACE, "sum")["runs"]
    assert [run["state"] for run in runs] == ["FAILED", "COMPLETED"]
    run = client.get_job_run(runs[1]["id"])
    assert run["inputDatasetVersions"][0]["datasetVersionId"]["version"] == (job["latestRun"]["id"])


def test_it_reads_column_lineage_by_dataset_field_and_job(client: MarquezClient) -> None:
    whole = {f"datasetField:{NAMESPACE}:{ODD}:id", f"datasetField:{NAMESPACE}:orders:id"}
    for found in (
        client.get_column_lineage_by_dataset(NAMESPACE, ODD),
        client.get_column_lineage_by_dataset_field(NAMESPACE, ODD, "id", depth=3),
        client.get_column_lineage_by_job(NAMESPACE, "tidy:orders"),
        client.get_column_lineage_by_dataset(NAMESPACE, "orders", with_downstream=True),
    ):
        assert {node["id"] for node in found["graph"]} == whole


def test_it_reads_events_and_tags(client: MarquezClient) -> None:
    assert [one["eventType"] for one in client.list_events()["events"]] == [
        "FAIL", "COMPLETE", "COMPLETE", "START"
    ]  # fmt: skip
    assert len(client.list_events(NAMESPACE, limit=3)["events"]) == 3
    assert client.list_tags()["tags"] == [{"name": "gold", "description": None}]


def test_what_is_not_there_is_its_error(client: MarquezClient, server: RunningServer) -> None:
    with pytest.raises(APIError):
        client.get_dataset(NAMESPACE, "none")
    with pytest.raises(APIError):
        MarquezClient(url=server.url, api_key="wrong").list_namespaces()
