"""What users of Marquez reported, one test each: here it does not happen.

The numbers are those of its issues and pull requests on GitHub.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from openlineage_events import World, dataset, dataset_event, draft, facet, run_event
from services import corpus
from tracehold_world import Api, services_of, workspace

from lineage.openlineage.read import KIND
from tracehold.acts import perform
from tracehold.registry import make_registry

NS = "warehouse"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        yield Api(services, settings)


def send(api: Api, *events: dict[str, Any]) -> None:
    for event in events:
        sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
        assert sent.status_code == 201, sent.text
    api.services.catch_up()


def get(api: Api, path: str, **query: str | int) -> Any:
    asked = f"/api/v1/{path}?{httpx.QueryParams(query)}"
    found = api.send("GET", asked, token=api.token())
    assert found.status_code == 200, found.text
    return found.json()


def graph(api: Api, node: str) -> set[str]:
    return {one["id"] for one in get(api, "lineage", nodeId=node)["graph"]}


@contextmanager
def steps_of(api: Api) -> Iterator[Callable[[], int]]:
    """Counts the steps, in hundreds, of SQLite's machine: what questions cost, without a clock."""
    state = api.services.state
    taken = 0

    def count() -> None:
        nonlocal taken
        taken += 1

    reader = state.connections.reader

    def counting() -> sqlite3.Connection:
        db = reader()
        db.set_progress_handler(count, 100)
        return db

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state.connections, "reader", counting)
        yield lambda: taken


PAGES: tuple[tuple[str, dict[str, str | int]], ...] = (
    ("namespaces", {}),
    (f"namespaces/{NS}/datasets", {}),
    (f"namespaces/{NS}/datasets/b", {}),
    (f"namespaces/{NS}/datasets/b/versions", {"limit": 10}),
    (f"namespaces/{NS}/jobs", {}),
    (f"namespaces/{NS}/jobs/second", {}),
    (f"namespaces/{NS}/jobs/second/runs", {"limit": 10}),
    ("lineage", {"nodeId": f"dataset:{NS}:a"}),
    ("column-lineage", {"nodeId": f"dataset:{NS}:c"}),
    ("runlineage/upstream", {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, "s-3")), "depth": 1}),
    ("runs", {"limit": 10}),
    ("inputs", {"ref": f"run:[{NS}]second/{uuid.uuid5(uuid.NAMESPACE_URL, 's-3')}"}),
)


def runs_of_chain(first: int, last: int) -> list[dict[str, Any]]:
    """Runs of the two jobs of ``chain``, again and again."""
    made = []
    for number in range(first, last):
        minutes = number * 10
        made += [
            run_event("COMPLETE", minutes, job="first", run=f"f-{number}", inputs=["a"],
                      outputs=["b"]),
            run_event("COMPLETE", minutes + 5, job="second", run=f"s-{number}", inputs=["b"],
                      outputs=[dataset("c", columns=["x"], lineage={"x": ["b.y"]})]),
        ]  # fmt: skip
    return made


def test_3058_2684_2686_2987_what_a_page_costs_does_not_grow_with_the_runs(api: Api) -> None:
    few, many = 30, 600
    costs: list[dict[str, int]] = []
    for first, last in ((0, few), (few, many)):
        drafts = [draft(event) for event in runs_of_chain(first, last)]
        api.services.journal.append(drafts)
        api.services.catch_up()
        costs.append({})
        for path, query in PAGES:
            with steps_of(api) as taken:
                get(api, path, **query)
            costs[-1][path] = taken()
    # Totals are counted in an index, at a few steps a run; nothing else may look at each of them.
    for path, _ in PAGES:
        grown = costs[1][path] - costs[0][path]
        assert grown <= (many - few) * 12 / 100, (path, costs[0][path], costs[1][path])


def chain(minutes: float = 1) -> list[dict[str, Any]]:
    """``a`` → first → ``b`` → second → ``c``."""
    return [
        run_event("COMPLETE", minutes, job="first", run="1", inputs=["a"], outputs=["b"]),
        run_event("COMPLETE", minutes + 1, job="second", run="2", inputs=["b"], outputs=["c"]),
    ]


def test_3085_what_was_dropped_does_not_bridge_two_graphs(api: Api) -> None:
    send(api, *chain())
    assert f"dataset:{NS}:c" in graph(api, f"dataset:{NS}:a")
    send(api, run_event("COMPLETE", 5, job="clean", outputs=[dataset("b", change="DROP")]))
    assert f"dataset:{NS}:c" not in graph(api, f"dataset:{NS}:a")
    assert f"dataset:{NS}:a" not in graph(api, f"dataset:{NS}:c")
    assert get(api, f"namespaces/{NS}/datasets/b")["deleted"] is True
    send(api, run_event("COMPLETE", 6, job="first", run="3", inputs=["a"], outputs=["b"]))
    assert get(api, f"namespaces/{NS}/datasets/b")["deleted"] is False


def test_3085_a_job_whose_events_were_erased_does_not_bridge_two_graphs(api: Api) -> None:
    send(api, *chain())
    services = api.services
    receipts = [
        fact.fact_id
        for fact in services.journal.read(0, 1000)
        if fact.kind == KIND and b'"second"' in (fact.body or b"")
    ]
    officer = services.people.by_token(api.hire("olga", "privacy-officer"))
    perform(
        services, officer, "journal.erase",
        {"facts": receipts, "part": "distilled", "reason": "job-gone"},
    )  # fmt: skip
    assert services.refolder is not None
    services.refolder.now("erasure")
    assert graph(api, f"dataset:{NS}:a") == {
        f"dataset:{NS}:a", f"dataset:{NS}:b", f"job:{NS}:first"
    }  # fmt: skip


def test_3083_columns_without_a_type_stay_one_column(tmp_path: Path) -> None:
    world = World(tmp_path)
    untyped = facet("SchemaDatasetFacet", fields=[{"name": "id"}, {"name": "mail", "type": None}])
    counts = []
    for start in range(0, 1000, 250):
        world.send(
            *(
                run_event(
                    "COMPLETE", number, run=f"r{number}", inputs=[dataset("raw", schema=untyped)],
                    outputs=[dataset("tidy", schema=untyped, lineage={"id": ["raw.id"]})],
                )
                for number in range(start, start + 250)
            )
        )  # fmt: skip
        counts.append((len(world.edges("FEEDS_COLUMN")), len(world.edges("HAS_COLUMN"))))
    assert counts == [(1, 4)] * 4
    world.close()


def test_2708_2710_events_posted_twice_and_shuffled_give_the_same_graph(tmp_path: Path) -> None:
    events = [
        *chain(), *chain(10),
        run_event("START", 20, job="second", run="9", inputs=["b"], outputs=["c"]),
        run_event("FAIL", 21, job="second", run="9"),
        dataset_event(22, dataset("c", columns=["x", "y"])),
    ]  # fmt: skip
    digests = set()
    for order in range(6):
        shuffled = events * (1 + order % 2)
        random.Random(order).shuffle(shuffled)
        world = World(tmp_path, make_registry()).send(*(shuffled if order else events))
        digests.add(world.state.graph.digest())
        world.close()
    assert len(digests) == 1


def test_2530_2531_sixteen_producers_in_one_namespace_get_no_error(api: Api) -> None:
    answers: list[int] = []
    taking = threading.Lock()

    def produce(number: int) -> None:
        for turn in range(6):
            event = run_event(
                "COMPLETE", number + turn, job="shared", run=f"{number}-{turn}",
                inputs=["one", "two"], outputs=["three", "four"],
            )  # fmt: skip
            sent = api.send("POST", "/api/v1/lineage", token=token, json=event)
            with taking:
                answers.append(sent.status_code)

    token = api.token()
    threads = [threading.Thread(target=produce, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 96
    api.services.catch_up()
    runs = get(api, f"namespaces/{NS}/jobs/shared/runs", limit=200)
    assert runs["totalCount"] == len(runs["runs"]) == 96


def test_2078_2469_an_event_of_25_mb_is_taken_or_refused_by_its_size(api: Api) -> None:
    plan = {"_producer": "https://example.org", "_schemaURL": "https://example.org/p.json"}
    plan["plan"] = "x" * (25 * 1024 * 1024)
    event = run_event("COMPLETE", 1, outputs=[dataset("big", x_plan=plan)])
    sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    assert sent.status_code == 201
    plan["plan"] = "x" * (33 * 1024 * 1024)
    sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    assert sent.status_code == 413
    assert sent.json()["code"] == "too-large"


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("trino://host:8080", "catalog.schema.table"),
        ("postgres://db:5432", "shop.public.orders"),
        ("s3://bucket", "a%2Fb/c d:e"),
        ("file", "C:\\data\\x.csv"),
    ],
)
def test_2921_2806_1761_2949_ids_with_colons_ports_and_signs_are_read(
    api: Api, namespace: str, name: str
) -> None:
    event = run_event("COMPLETE", 1, job="j")
    event["outputs"] = [{"namespace": namespace, "name": name, "facets": {
        "schema": facet("SchemaDatasetFacet", fields=[{"name": "a:b", "type": "T"}])}}]  # fmt: skip
    send(api, event)
    assert f"dataset:{namespace}:{name}" in graph(api, f"dataset:{namespace}:{name}")
    field = f"datasetField:{namespace}:{name}:a:b"
    [column] = get(api, "column-lineage", nodeId=field)["graph"]
    assert column["id"] == field
    assert get(api, "lineage", namespace=namespace, name=name)["complete"] is True


@pytest.mark.corpus
def test_2776_2875_2543_symlinks_and_column_lineage_are_both_there(api: Api) -> None:
    folder = corpus()
    assert folder is not None
    [scenario] = folder.glob("compat/consumer/scenarios/CLL")
    events = [msgspec.json.decode(p.read_bytes()) for p in sorted(scenario.glob("events/*.json"))]
    send(api, *events)
    named = _named(events)
    for namespace, name in named:
        found = get(api, "lineage", namespace=namespace, name=name)
        assert any(one["data"]["name"] == name for one in found["graph"])
        assert get(api, "column-lineage", namespace=namespace, name=name)["complete"] is True
    columns = [
        one
        for namespace, name in named
        for one in get(api, "column-lineage", namespace=namespace, name=name)["graph"]
        if one["inEdges"]
    ]
    assert columns


def _named(events: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    return {
        (one["namespace"], one["name"])
        for event in events
        for one in (*event.get("inputs", ()), *event.get("outputs", ()))
    }


def test_2519_jobs_that_share_a_run_id_are_not_mixed(api: Api) -> None:
    send(
        api,
        run_event("COMPLETE", 1, job="left", run="same", inputs=["l1"], outputs=["l2"]),
        run_event("COMPLETE", 2, job="right", run="same", inputs=["r1"], outputs=["r2"]),
    )
    assert graph(api, f"job:{NS}:left") == {
        f"job:{NS}:left", f"dataset:{NS}:l1", f"dataset:{NS}:l2"
    }  # fmt: skip
    run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, "same"))
    run = get(api, f"jobs/runs/{run_id}")
    assert run["jobVersion"]["name"] == "left"
    assert run["otherJobs"] == [{"namespace": NS, "name": "right"}]
    right = get(api, f"jobs/runs/{run_id}", namespace=NS, name="right")
    assert [v["datasetVersionId"]["name"] for v in right["outputDatasetVersions"]] == ["r2"]


def test_1736_what_is_deleted_softly_comes_back_and_what_is_erased_does_not(api: Api) -> None:
    send(api, *chain(), run_event("COMPLETE", 5, outputs=[dataset("c", change="DROP")]))
    assert get(api, f"namespaces/{NS}/datasets/c")["deleted"] is True
    send(api, run_event("COMPLETE", 6, job="second", run="4", inputs=["b"], outputs=["c"]))
    assert get(api, f"namespaces/{NS}/datasets/c")["deleted"] is False
    # Erased with proof: tests/flows/test_kill_erasure.py, docs/how-to/delete.md.


def test_2054_a_run_that_never_ends_is_running_with_what_it_reads_and_writes(api: Api) -> None:
    stream = facet("JobTypeJobFacet", processingType="STREAMING", integration="FLINK")
    for minute in (1, 2, 3):
        event = run_event(
            "RUNNING", minute, job="flink", run="s", inputs=["topic"], outputs=["sink"]
        )
        event["job"]["facets"] = {"jobType": stream}
        send(api, event)
    job = get(api, f"namespaces/{NS}/jobs/flink")
    assert (job["type"], job["latestRun"]["state"]) == ("STREAM", "RUNNING")
    # Of a clock that is weeks ahead of the events: nothing was heard of it for too long.
    assert job["latestRun"]["stale"] is True
    assert graph(api, f"job:{NS}:flink") >= {f"dataset:{NS}:topic", f"dataset:{NS}:sink"}


def test_2264_a_late_start_does_not_reopen_a_run(api: Api) -> None:
    send(api, run_event("COMPLETE", 5, run="x"), run_event("START", 1, run="x"))
    send(api, run_event("OTHER", 6, run="x"))
    [run] = get(api, f"namespaces/{NS}/jobs/job/runs")["runs"]
    assert run["state"] == "COMPLETED"
    assert run["startedAt"] == "2026-01-01T00:01:00.000Z"


def test_2543_2708_a_run_without_datasets_takes_no_lineage_away(api: Api) -> None:
    send(api, *chain())
    before = graph(api, f"dataset:{NS}:a")
    send(
        api,
        run_event("COMPLETE", 8, job="second", run="5"),
        run_event("FAIL", 9, job="second", run="6", inputs=["b"]),
    )
    assert graph(api, f"dataset:{NS}:a") == before


def test_2918_a_batch_of_events_is_taken(api: Api) -> None:
    sent = api.send("POST", "/api/v1/lineage/batch", token=api.token(), json=chain())
    assert sent.status_code in (200, 204)
    api.services.catch_up()
    assert f"dataset:{NS}:c" in graph(api, f"dataset:{NS}:a")
