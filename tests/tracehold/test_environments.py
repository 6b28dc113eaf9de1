"""Environments and how they differ: seeded skew is found, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from environment_events import TABLES, written
from seeing_world import CLOSED, SECRET, estate
from tracehold_world import Api, services_of, workspace

from tracehold.cli.main import run
from tracehold.questions import answer


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with services_of(workspace(tmp_path / "shop")) as services:
        yield Api(services, services.settings)


def take(api: Api, *events: dict[str, Any]) -> None:
    for event in events:
        assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).is_success
    api.services.catch_up()


def skew(api: Api, **params: Any) -> Any:
    return answer(api.services, "skew", {"one": "dev", "other": "prod", **params})


def differences(found: Any) -> list[tuple[Any, ...]]:
    return [
        (item["name"], one["topic"], one["name"], one["one"], one["other"])
        for item in found["items"]
        for one in item["differences"]
    ]


def test_environments_that_are_in_step_do_not_differ(api: Api) -> None:
    take(api, *(written(name, place) for name in TABLES for place in ("dev", "prod")))
    found = skew(api)
    assert found["environments"] == [
        {"name": "dev", "datasets": 3}, {"name": "prod", "datasets": 3},
    ]  # fmt: skip
    assert (found["compared"], found["differing"], found["items"]) == (3, 0, [])


def test_seeded_skew_is_found_and_nothing_else(api: Api) -> None:
    take(
        api,
        *(written(name, place) for name in TABLES[1:] for place in ("dev", "prod")),
        written("customers", "dev", columns=("id", "email", "age")),
        written("customers", "prod", rows=200, code="c2"),
        written("prices", "prod"),
        written("orders", "prod", version="v2", minutes=2),
    )
    found = skew(api)
    assert differences(found) == [
        ("customers", "schema", "age", "TEXT", None),
        ("customers", "statistics", "rows", 100, 200),
        ("customers", "code", "load_customers", "c1", "c2"),
        ("orders", "version", "", "v1", "v2"),
        ("prices", "presence", "", None, "there"),
    ]
    assert (found["compared"], found["differing"]) == (4, 3)
    first = found["items"][0]
    assert (first["one"], first["other"]) == (
        "dataset:[shop-dev]customers", "dataset:[shop-prod]customers",
    )  # fmt: skip
    assert [one[1] for one in differences(skew(api, text="cust", tolerance=0.6))] == [
        "schema", "code",
    ]  # fmt: skip
    assert {one[1] for one in differences(skew(api, only="schema,presence"))} == {
        "schema", "presence",
    }  # fmt: skip
    assert differences(skew(api, limit=1, after=1)) == differences(found)[3:4]
    earlier = skew(api, as_of="2026-01-01T00:01:30Z")
    assert "orders" not in [one[0] for one in differences(earlier)]


def test_the_tag_of_a_job_says_where_its_datasets_belong(api: Api) -> None:
    take(api, written("orders", "dev", by_job=True), written("orders", "prod", by_job=True, rows=9))
    assert differences(skew(api)) == [("orders", "statistics", "rows", 100, 9)]


def test_namespaces_serve_where_nobody_labeled_anything(api: Api) -> None:
    events = [written("orders", "dev"), written("orders", "prod", rows=9)]
    for event in events:
        del event["outputs"][0]["facets"]["tags"]
    take(api, *events)
    assert skew(api, one="", other="")["environments"] == []
    found = skew(api, one="shop-dev", other="shop-prod")
    assert differences(found) == [("orders", "statistics", "rows", 100, 9)]


def test_an_environment_that_nobody_knows_is_named(api: Api) -> None:
    take(api, written("orders", "dev"))
    token = api.token()
    refused = api.send("GET", "/api/v1/skew?one=dev&other=moon", token=token)
    assert refused.status_code == 404
    assert "moon" in refused.text
    for query in (
        "one=dev",
        "one=dev&other=dev&tolerance=2",
        "one=dev&other=dev&limit=0",
        "only=a",
    ):
        assert api.send("GET", f"/api/v1/skew?{query}", token=token).status_code == 400


def test_the_command_lists_compares_and_says_so_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        events = [written("orders", "dev"), written("orders", "prod", columns=("id",))]
        take(Api(services, settings), *events)
    where = ["--workspace", str(settings.folder)]
    assert run(["skew", *where]) == 0
    assert "dev" in capsys.readouterr().out
    assert run(["skew", "dev", "prod", *where]) == 0
    assert "1 of 1 datasets differ" in capsys.readouterr().out
    assert run(["skew", "dev", "prod", "--exit-code", "--json", *where]) == 1
    assert differences(json.loads(capsys.readouterr().out)) == [
        ("orders", "schema", "email", "TEXT", None)
    ]
    assert run(["skew", "dev", "dev", "--exit-code", *where]) == 0
    assert run(["skew", "dev", "prod", "--exit-code", "--only", "code", *where]) == 0


def test_what_may_not_be_seen_is_neither_listed_nor_compared(tmp_path: Path) -> None:
    with estate(tmp_path / "shop") as made:
        for event in (written("orders", "dev"), written(f"orders_{SECRET}", "prod")):
            event["outputs"][0]["namespace"] = "shop" if "dev" in str(event) else CLOSED
            sent = made.api.send(
                "POST", "/api/v1/lineage", token=made.api.token(), json=event
            )  # fmt: skip
            assert sent.is_success
        made.api.services.catch_up()

        def ask(token: str, query: str = "") -> Any:
            return made.api.send("GET", f"/api/v1/skew{query}", token=token)

        assert [one["name"] for one in ask(made.engineer).json()["environments"]] == ["dev"]
        assert len(ask(made.auditor).json()["environments"]) == 2
        for other in ("prod", CLOSED):
            assert ask(made.engineer, f"?one=dev&other={other}").status_code == 404
            seen = ask(made.auditor, f"?one=dev&other={other}")
            assert SECRET in seen.text
