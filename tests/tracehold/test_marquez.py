"""The read API of Marquez: its paths, its members, names that hold anything, what is hidden."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage_events import dataset, dataset_event, facet, job_event, run_event
from seeing_world import Estate, estate
from tracehold_world import Api, ask_raw, services_of, workspace

from tracehold.questions.marquez import MARQUEZ
from tracehold.questions.marquez.node_ids import splits, version_id

NS = "warehouse"
SCHEMA = facet(
    "SchemaDatasetFacet",
    fields=[
        {"name": "id", "type": "INT", "description": "the number"},
        {"name": "mail", "type": "TEXT"},
    ],
)
TAGS = facet(
    "TagsDatasetFacet",
    tags=[{"key": "gold", "value": "true"}, {"key": "pii", "value": "true", "field": "mail"}],
)
CUSTOM = {"_producer": "https://example.org", "_schemaURL": "https://example.org/x.json", "a": [1]}
EVENTS = [
    run_event(
        "START", 1, job="load", run="a", inputs=["raw"],
        outputs=[dataset("tidy", schema=SCHEMA, tags=TAGS, x_custom=CUSTOM)],
    ),
    run_event("COMPLETE", 2, job="load", run="a", inputs=["raw"], outputs=["tidy"]),
    run_event(
        "COMPLETE", 5, job="sum", run="b", inputs=[dataset("tidy", schema=SCHEMA)],
        outputs=[dataset("mart", columns=["n"], lineage={"n": ["tidy.id"]})],
    ),
    run_event("FAIL", 7, job="sum", run="c", inputs=["tidy"], outputs=["mart"]),
    run_event("START", 8, job="sum", run="d", inputs=["tidy"], outputs=["mart"]),
]  # fmt: skip


@contextmanager
def filled(folder: Path) -> Iterator[Api]:
    settings = workspace(folder)
    with services_of(settings) as services:
        made = Api(services, settings)
        send(made, *EVENTS)
        yield made


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An estate that no test adds to."""
    with filled(tmp_path_factory.mktemp("marquez") / "shop") as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Api]:
    """An estate of the test's own."""
    with filled(tmp_path / "shop") as made:
        yield made


def send(api: Api, *events: dict[str, Any]) -> None:
    for event in events:
        sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
        assert sent.status_code == 201, sent.text
    api.services.catch_up()


def get(api: Api, path: str, status: int = 200, token: str = "", **query: str | int) -> Any:
    asked = f"/api/v1/{path}?{httpx.QueryParams(query)}"
    found = api.send("GET", asked, token=token or api.token())
    assert found.status_code == status, found.text
    return found.json()


def test_namespaces_are_listed_and_found_by_name(api: Api) -> None:
    found = get(api, "namespaces")
    assert [one["name"] for one in found["namespaces"]] == [NS]
    assert found["totalCount"] == 1
    assert get(api, f"namespaces/{NS}") == found["namespaces"][0]
    assert get(api, "namespaces/none", 404)["code"] == "not-found"
    assert get(api, "namespaces", limit=1, offset=1)["namespaces"] == []


def test_a_dataset_has_its_columns_tags_and_all_its_facets(api: Api) -> None:
    found = get(api, f"namespaces/{NS}/datasets/tidy")
    assert found["id"] == {"namespace": NS, "name": "tidy"}
    assert found["type"] == "DB_TABLE"
    assert found["fields"] == [
        {"name": "id", "type": "INT", "tags": [], "description": "the number"},
        {"name": "mail", "type": "TEXT", "tags": ["pii"], "description": None},
    ]
    assert found["tags"] == ["gold"]
    assert found["createdAt"] == "2026-01-01T00:01:00.000Z"
    assert found["lastModifiedAt"] == "2026-01-01T00:02:00.000Z"
    assert found["facets"]["schema"] == SCHEMA
    assert found["facets"]["x_custom"] == CUSTOM
    assert found["deleted"] is False


def test_lists_of_datasets_and_jobs_are_pages_with_the_whole_count(api: Api) -> None:
    found = get(api, f"namespaces/{NS}/datasets")
    assert [one["name"] for one in found["datasets"]] == ["mart", "raw", "tidy"]
    assert found["totalCount"] == 3
    second = get(api, f"namespaces/{NS}/datasets", limit=1, offset=1)
    assert [one["name"] for one in second["datasets"]] == ["raw"]
    assert second["totalCount"] == 3
    jobs = get(api, f"namespaces/{NS}/jobs")
    assert [one["name"] for one in jobs["jobs"]] == ["load", "sum"]
    one = get(api, f"namespaces/{NS}/datasets/raw")
    assert {**one, "facets": {}} == second["datasets"][0]
    assert get(api, f"namespaces/{NS}/datasets", 400, limit=5000)["where"] == "limit"
    assert get(api, f"namespaces/{NS}/datasets", 400, offset=-1)["where"] == "offset"


def test_all_jobs_are_a_list_of_ours_and_with_an_offset_of_marquez_too(api: Api) -> None:
    assert "jobs" not in get(api, "jobs")
    found = get(api, "jobs", limit=1, offset=1)
    assert [one["name"] for one in found["jobs"]] == ["sum"]
    assert found["totalCount"] == 2
    assert found["items"] == get(api, "jobs", limit=1)["items"]
    assert get(api, "jobs", 400, offset=-1)["where"] == "offset"


def test_a_job_has_what_it_touches_and_its_newest_runs(api: Api) -> None:
    found = get(api, f"namespaces/{NS}/jobs/sum")
    assert found["inputs"] == [{"namespace": NS, "name": "tidy"}]
    assert found["outputs"] == [{"namespace": NS, "name": "mart"}]
    assert [run["state"] for run in found["latestRuns"]] == ["RUNNING", "FAILED", "COMPLETED"]
    assert found["latestRun"] == found["latestRuns"][0]
    runs = get(api, f"namespaces/{NS}/jobs/sum/runs", limit=2, offset=1)
    assert [run["id"] for run in runs["runs"]] == [r["id"] for r in found["latestRuns"][1:]]
    assert runs["totalCount"] == 3


def test_a_run_says_which_versions_it_read_and_wrote(api: Api) -> None:
    jobs = get(api, f"namespaces/{NS}/jobs/sum/runs")["runs"]
    load = get(api, f"namespaces/{NS}/jobs/load/runs")["runs"][0]
    run = get(api, f"jobs/runs/{jobs[-1]['id']}")
    assert run["state"] == "COMPLETED"
    [read] = run["inputDatasetVersions"]
    assert read["datasetVersionId"] == {"namespace": NS, "name": "tidy", "version": load["id"]}
    assert run["otherJobs"] == []
    assert get(api, "jobs/runs/none", 404)["where"] == "id"
    facets = get(api, f"jobs/runs/{run['id']}/facets", type="job")
    assert facets == {"runId": run["id"], "facets": {}}
    assert get(api, f"jobs/runs/{run['id']}/facets", 400, type="none")["where"] == "$.type"


def test_versions_of_a_dataset_have_the_run_that_wrote_each(api: Api) -> None:
    found = get(api, f"namespaces/{NS}/datasets/mart/versions")
    [version] = found["versions"]
    assert found["totalCount"] == 1
    assert version["createdByRun"]["id"] == version["datasetVersion"] == version["version"]
    assert version["fields"] == [{"name": "n", "type": "TEXT", "tags": [], "description": None}]
    one = get(api, f"namespaces/{NS}/datasets/mart/versions/{version['version']}")
    assert one["id"] == version["id"]
    assert get(api, f"namespaces/{NS}/datasets/mart/versions/x", 404)["where"] == "version"


def test_lineage_goes_both_ways_from_a_dataset_and_from_a_job(api: Api) -> None:
    whole = {f"dataset:{NS}:{n}" for n in ("raw", "tidy", "mart")}
    whole |= {f"job:{NS}:{n}" for n in ("load", "sum")}
    for start in sorted(whole):
        found = get(api, "lineage", nodeId=start)
        assert {node["id"] for node in found["graph"]} == whole
        assert found["complete"] is True
    tidy = next(node for node in found["graph"] if node["id"] == f"dataset:{NS}:tidy")
    assert tidy["type"] == "DATASET"
    assert tidy["data"]["name"] == "tidy"
    assert tidy["inEdges"] == [{"origin": f"job:{NS}:load", "destination": f"dataset:{NS}:tidy"}]
    assert tidy["outEdges"] == [{"origin": f"dataset:{NS}:tidy", "destination": f"job:{NS}:sum"}]
    near = get(api, "lineage", nodeId=f"job:{NS}:load", depth=0)
    assert {node["id"] for node in near["graph"]} == {
        f"job:{NS}:load", f"dataset:{NS}:raw", f"dataset:{NS}:tidy"
    }  # fmt: skip
    assert near["reasons"] == ["depth"]
    assert get(api, "lineage", nodeId=f"dataset:{NS}:mart") == get(
        api, "lineage", namespace=NS, name="mart"
    )
    assert get(api, "lineage", namespace=NS, name="sum", type="job")["complete"] is True


def test_lineage_goes_on_from_the_other_name_of_a_thing(own: Api) -> None:
    other = facet(
        "SymlinksDatasetFacet", identifiers=[{"namespace": NS, "name": "gov.t", "type": "TABLE"}]
    )
    send(
        own,
        run_event("COMPLETE", 50, job="spark", run="s", outputs=[dataset("/wh/t", symlinks=other)]),
        run_event("COMPLETE", 51, job="dbt", run="t", inputs=["gov.t"], outputs=["report"]),
    )
    found = {one["id"]: one for one in get(own, "lineage", nodeId=f"job:{NS}:spark")["graph"]}
    assert f"dataset:{NS}:report" in found
    ends = {
        frozenset((edge["origin"], edge["destination"]))
        for edge in found[f"dataset:{NS}:/wh/t"]["outEdges"]
        + found[f"dataset:{NS}:/wh/t"]["inEdges"]
    }
    assert frozenset((f"dataset:{NS}:/wh/t", f"dataset:{NS}:gov.t")) in ends


def test_a_version_of_a_model_is_a_dataset_of_its_own_namespace(own: Api) -> None:
    model = facet("ModelDatasetFacet", name="churn", version="1")
    output = dataset("churn.bin", tracehold_model=model)
    send(own, run_event("COMPLETE", 60, job="train", run="m", inputs=["mart"], outputs=[output]))
    found = get(own, "lineage", nodeId="dataset:model:churn@1")
    assert f"dataset:{NS}:raw" in {one["id"] for one in found["graph"]}
    assert get(own, "namespaces/model/datasets/churn@1")["name"] == "churn@1"
    assert get(own, f"namespaces/{NS}/jobs/train")["outputs"] == [
        {"namespace": "model", "name": "churn@1"}
    ]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"nodeId": "x"}, 400),
        ({"nodeId": "dataset:"}, 400),
        ({"nodeId": "run:1"}, 400),
        ({"nodeId": "dataset:a"}, 404),
        ({"nodeId": "dataset:a:b"}, 404),
        ({"nodeId": f"datasetField:{NS}:mart:n"}, 400),
        ({"nodeId": "dataset:" + ":" * 100}, 400),
        ({"nodeId": "dataset:a:b", "depth": "-1"}, 404),
        ({"nodeId": f"dataset:{NS}:mart", "depth": "-1"}, 400),
        ({"nodeId": f"dataset:{NS}:mart", "depth": "x"}, 400),
    ],
)
def test_what_is_no_node_is_refused_by_name(api: Api, query: dict[str, str], status: int) -> None:
    refused = get(api, "lineage", status, **query)
    assert refused["what"]


def test_column_lineage_names_the_columns_that_a_column_comes_from(api: Api) -> None:
    for start in (f"dataset:{NS}:mart", f"datasetField:{NS}:mart:n", f"job:{NS}:sum"):
        found = get(api, "column-lineage", nodeId=start)
        mart, tidy = found["graph"]
        assert (mart["id"], tidy["id"]) == (
            f"datasetField:{NS}:mart:n", f"datasetField:{NS}:tidy:id"
        )  # fmt: skip
        assert mart["data"]["inputFields"][0]["field"] == "id"
        assert mart["data"]["fieldType"] == "TEXT"
        assert mart["inEdges"] == [{"origin": mart["id"], "destination": tidy["id"]}]
        assert tidy["outEdges"] == [{"origin": tidy["id"], "destination": mart["id"]}]
    upwards = get(api, "column-lineage", nodeId=f"dataset:{NS}:tidy")
    assert [node["id"] for node in upwards["graph"]] == [
        f"datasetField:{NS}:tidy:id", f"datasetField:{NS}:tidy:mail"
    ]  # fmt: skip
    both = get(api, "column-lineage", nodeId=f"dataset:{NS}:tidy", withDownstream="true")
    assert len(both["graph"]) == 3


def test_the_runs_upstream_of_a_run_are_those_whose_output_it_read(api: Api) -> None:
    runs = get(api, f"namespaces/{NS}/jobs/sum/runs")["runs"]
    load = get(api, f"namespaces/{NS}/jobs/load/runs")["runs"][0]
    found = get(api, "runlineage/upstream", runId=runs[-1]["id"])
    assert [one["job"]["name"] for one in found["runs"]] == ["sum", "load"]
    assert found["runs"][0]["inputs"] == [
        {"namespace": NS, "name": "tidy", "version": load["id"], "producedByRunId": load["id"]}
    ]
    assert found["runs"][1]["run"]["status"] == "COMPLETED"
    near = get(api, "runlineage/upstream", runId=runs[-1]["id"], depth=0)
    assert [one["job"]["name"] for one in near["runs"]] == ["sum"]
    assert near["reasons"] == ["depth"]


def test_events_are_given_back_newest_first_and_by_time_and_namespace(api: Api) -> None:
    found = get(api, "events/lineage")
    assert found["totalCount"] == len(EVENTS)
    assert found["events"] == list(reversed(EVENTS))
    assert get(api, "events") == found
    assert get(api, f"events/{NS}") == found
    assert get(api, "events/none")["events"] == []
    assert get(api, "events/lineage", sortDirection="asc", limit=2)["events"] == EVENTS[:2]
    assert get(api, "events/lineage", limit=2, offset=1)["events"] == [EVENTS[3], EVENTS[2]]
    between = get(
        api, "events/lineage", after="2026-01-01T00:02:00Z", before="2026-01-01T00:07:00+00:00"
    )
    assert between["events"] == [EVENTS[2]]
    assert get(api, "events/lineage", 400, before="soon")["where"] == "before"


def test_search_finds_datasets_and_jobs_by_a_part_of_the_name(api: Api) -> None:
    found = get(api, "search", q="a")
    assert [(r["type"], r["name"]) for r in found["results"]] == [
        ("JOB", "load"), ("DATASET", "mart"), ("DATASET", "raw")
    ]  # fmt: skip
    assert found["results"][1]["nodeId"] == f"dataset:{NS}:mart"
    assert get(api, "search", q="m_rt")["totalCount"] == 1
    assert get(api, "search", q="t%y")["results"][0]["name"] == "tidy"
    assert get(api, "search", q="A", filter="job")["totalCount"] == 1
    newest = get(api, "search", q="", sort="updated_at")["results"]
    assert {one["name"] for one in newest[:3]} == {"mart", "sum", "tidy"}
    assert get(api, "search", q="a", namespace="none")["results"] == []
    assert get(api, "search", q="a", after="2026-01-02")["results"] == []
    assert get(api, "search", 400, q="a", after="x")["where"] == "after"


def test_a_search_with_many_placeholders_ends(own: Api) -> None:
    send(own, run_event("COMPLETE", 70, run="long", outputs=["a" * 1500]))
    assert get(own, "search", q="%a" * 40 + "%b")["results"] == []
    assert get(own, "search", q="%a" * 40 + "%")["totalCount"] == 1
    assert get(own, "search", q="_" * 1500)["totalCount"] == 1


def test_sources_tags_and_figures(own: Api) -> None:
    uri = facet("DatasourceDatasetFacet", name="main", uri="postgres://h:5432/db")
    send(own, dataset_event(9, dataset("elsewhere", dataSource=uri)))
    found = get(own, "sources")
    assert [(s["name"], s["type"]) for s in found["sources"]] == [
        ("main", "POSTGRES"), (NS, NS.upper())
    ]  # fmt: skip
    assert get(own, "sources/main")["connectionUrl"] == "postgres://h:5432/db"
    assert get(own, "sources/none", 404)["where"] == "source"
    assert get(own, f"namespaces/{NS}/datasets/elsewhere")["sourceName"] == "main"
    assert [tag["name"] for tag in get(own, "tags")["tags"]] == ["gold", "pii"]
    hours = get(own, "stats/lineage-events", period="DAY")
    assert len(hours) == 24
    days = get(own, "stats/jobs", period="WEEK", timezone="Europe/Berlin")
    assert len(days) == 7
    assert days[-1]["count"] == 2
    assert get(own, "stats/datasets")[-1]["count"] == 4
    assert get(own, "stats/sources")[-1]["count"] == 1
    assert get(own, "stats/jobs", 400, timezone="Nowhere")["where"] == "timezone"


ODD = [
    ("postgres://db.example.org:5432", "shop.public.orders"),
    ("trino://host:8080", "cat:alog.sch:ema.t"),
    ("s3://bucket", "a/b c/part=1:2#x?y&z"),
    ("file", "/tmp/größe/δ/100%/x"),
    ("a:b", "c"),
    ("unicode:☃", "emoji 🎉:name"),
    ("snowflake://org-acct", 'DB."S:C".T'),
    ("x", ".."),
]


def test_names_of_any_kind_are_safe_in_paths_and_in_ids_of_nodes(own: Api) -> None:
    for number, (namespace, name) in enumerate(ODD):
        event = run_event("COMPLETE", 20 + number, run=f"odd-{number}")
        event["job"] = {"namespace": namespace, "name": name}
        event["outputs"] = [{"namespace": namespace, "name": name}]
        event["inputs"] = [{"namespace": namespace, "name": name + "-in"}]
        send(own, event)
    for namespace, name in ODD:
        ns, ds = quote(namespace, safe=""), quote(name, safe="")
        assert get_raw(own, f"namespaces/{ns}/datasets/{ds}")["id"] == {
            "namespace": namespace, "name": name
        }  # fmt: skip
        assert get_raw(own, f"namespaces/{ns}/jobs/{ds}/runs")["totalCount"] == 1
        by_id = get(own, "lineage", nodeId=f"dataset:{namespace}:{name}")
        assert by_id == get(own, "lineage", namespace=namespace, name=name)
        assert f"job:{namespace}:{name}" in {node["id"] for node in by_id["graph"]}
        result = get(own, "search", q=name, filter="job", namespace=namespace)["results"]
        assert result[0]["nodeId"] == f"job:{namespace}:{name}"


def get_raw(api: Api, path: str) -> Any:
    """Ask for a path as it stands; a client of ours would take ``..`` out of it."""
    import json

    status, body = ask_raw(api, f"/api/v1/{path}", token=api.token())
    assert status == 200, body
    return json.loads(body)


def test_an_id_that_fits_two_things_is_refused_and_both_are_named(own: Api) -> None:
    for number, (namespace, name) in enumerate([("a:b", "c"), ("a", "b:c")]):
        event = run_event("COMPLETE", 20 + number, run=f"two-{number}")
        event["outputs"] = [{"namespace": namespace, "name": name}]
        send(own, event)
    refused = get(own, "lineage", 400, nodeId="dataset:a:b:c")
    assert "namespace=a:b name=c" in refused["advice"]
    assert "namespace=a name=b:c" in refused["advice"]
    found = get(own, "lineage", namespace="a", name="b:c")
    assert "dataset:a:b:c" in {node["id"] for node in found["graph"]}


@given(st.lists(st.text(alphabet="ab:/#%é", min_size=1, max_size=6), min_size=3, max_size=3))
def test_the_parts_of_an_id_are_among_the_ways_to_take_it_apart(parts: list[str]) -> None:
    assert tuple(parts) in set(splits(":".join(parts), 3))
    assert tuple(parts[:2]) in set(splits(":".join(parts[:2]), 2))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_version_is_a_uuid_derived_from_its_name_or_the_name_itself(name: str) -> None:
    made = uuid.UUID(version_id(name))
    assert str(made) == version_id(name)
    assert made.version == 5
    assert made == uuid.uuid5(uuid.UUID("3e9f1fd5-6b1b-5a53-8c0a-6f3a1f1ad0a4"), name)
    assert version_id(str(made).upper()) == str(made)


def test_what_a_namespace_has_is_counted_anew_once_something_new_is_told(own: Api) -> None:
    def counted() -> list[int]:
        lists = (get(own, f"namespaces/{NS}/{what}", limit=1) for what in ("datasets", "jobs"))
        return [one["totalCount"] for one in lists]

    datasets, jobs = counted()
    assert counted() == [datasets, jobs]
    send(own, run_event("COMPLETE", 80, job="new", run="new", outputs=["new_1", "new_2"]))
    assert counted() == [datasets + 2, jobs + 1]


def test_several_jobs_of_one_run_id_stay_apart(own: Api) -> None:
    send(
        own,
        run_event("START", 30, job="outer", run="same", outputs=["one"]),
        run_event("COMPLETE", 31, job="inner", run="same", outputs=["two"]),
    )
    run_id = get(own, f"namespaces/{NS}/jobs/outer/runs")["runs"][0]["id"]
    outer = get(own, f"jobs/runs/{run_id}")
    assert outer["jobVersion"]["name"] == "outer"
    assert outer["otherJobs"] == [{"namespace": NS, "name": "inner"}]
    inner = get(own, f"jobs/runs/{run_id}", namespace=NS, name="inner")
    assert (inner["jobVersion"]["name"], inner["state"]) == ("inner", "COMPLETED")


def test_a_job_has_a_version_for_each_set_of_what_it_touches(own: Api) -> None:
    send(own, job_event(40, job="sum", inputs=["tidy", "extra"], outputs=["mart"]))
    found = get(own, f"namespaces/{NS}/jobs/sum/versions")
    assert found["totalCount"] == 2
    assert [len(one["inputs"]) for one in found["versions"]] == [2, 1]
    version = found["versions"][0]["version"]
    assert get(own, f"namespaces/{NS}/jobs/sum/versions/{version}") == found["versions"][0]
    assert get(own, f"namespaces/{NS}/jobs/sum")["currentVersion"] == version
    assert get(own, f"namespaces/{NS}/jobs/sum/versions/x", 404)["where"] == "version"


def test_what_a_producer_may_not_ask_it_may_not_ask_here(api: Api) -> None:
    token = api.hire("bot", "producer")
    for question in MARQUEZ:
        path = question.name.replace("{", "").replace("}", "")
        assert get(api, path, 403, token=token)["code"] == "denied"


@pytest.fixture(scope="module")
def two_worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Estate, Estate]]:
    """An estate of which a part is hidden from an engineer, and one that never had the part."""
    folder = tmp_path_factory.mktemp("seen")
    with estate(folder / "hiding") as hiding, estate(folder / "bare", hidden=False) as bare:
        yield hiding, bare


@pytest.mark.parametrize(
    "path",
    [
        "namespaces", "namespaces/shop/datasets", "sources", "tags", "search?q=a&filter=dataset",
        "stats/datasets", "stats/sources", "namespaces/shop/datasets?limit=1&offset=1",
        "namespaces/shop/datasets/orders/versions", "namespaces/shop/jobs/publish/runs",
    ],
)  # fmt: skip
def test_lists_and_counts_are_those_of_an_estate_without_the_hidden_part(
    path: str, two_worlds: tuple[Estate, Estate]
) -> None:
    hiding, bare = two_worlds
    shown, known = (made.ask(made.engineer, path) for made in (hiding, bare))
    assert without_times(shown) == without_times(known)
    assert without_times(hiding.ask(hiding.auditor, path)) != without_times(known) or path in (
        "tags", "namespaces/shop/datasets/orders/versions", "namespaces/shop/jobs/publish/runs"
    )  # fmt: skip


def without_times(value: Any) -> Any:
    """An answer without moments and keyed versions, which differ between two workspaces."""
    if isinstance(value, list):
        return [without_times(one) for one in value]
    if not isinstance(value, dict):
        return value
    apart = ("createdAt", "updatedAt", "startInterval", "endInterval", "version")
    return {name: without_times(one) for name, one in value.items() if name not in apart}


def test_a_graph_shows_nothing_hidden_and_says_that_something_is_missing(
    two_worlds: tuple[Estate, Estate],
) -> None:
    hiding, bare = two_worlds
    asked = "lineage?namespace=shop&name=joined"
    shown, known = (made.ask(made.engineer, asked) for made in (hiding, bare))
    assert {one["id"] for one in shown["graph"]} == {one["id"] for one in known["graph"]}
    assert (shown["reasons"], known["reasons"]) == (["hidden"], [])
    assert len(hiding.ask(hiding.auditor, asked)["graph"]) > len(shown["graph"])


def test_events_that_name_something_hidden_are_left_out(two_worlds: tuple[Estate, Estate]) -> None:
    hiding, _ = two_worlds
    shown = hiding.ask(hiding.engineer, "events/lineage")
    every = hiding.ask(hiding.auditor, "events/lineage")
    assert [one["job"]["name"] for one in shown["events"]] == ["publish", "join", "load"]
    assert shown["totalCount"] is None
    assert every["totalCount"] == len(every["events"]) == 6
