"""Search as it is asked: over HTTP and on the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import run_event
from running_server import make_workspace, serving
from search_world import described
from seeing_world import SECRET, estate
from tracehold_world import Api, services_of, workspace

from tracehold.cli.main import run

TABLES = (
    described("crm.customers", ["customer_email", "customer_id"], text="Who buys", owner="sales"),
    described("crm.orders", ["order_id", "customer_id"]),
)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        found = Api(services, settings)
        engineer = found.hire("Erin", "engineer")
        event = run_event("COMPLETE", 0, job="load_crm", outputs=TABLES)
        assert found.send("POST", "/api/v1/lineage", token=engineer, json=event).status_code == 201
        services.catch_up()
        yield found


def find(api: Api, **params: Any) -> Any:
    query = "&".join(f"{name}={value}" for name, value in params.items())
    answer = api.send("GET", f"/api/v1/find?{query}", token=api.token())
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_half_remembered_column_finds_its_table(api: Api) -> None:
    found = find(api, text="custmer%20mail")
    [item, *_] = found["items"]
    assert item["ref"] == "dataset:[warehouse]crm.customers"
    assert item["where"][0] == "columns"
    assert item["columns"] == [
        {
            "ref": "column:[warehouse]crm.customers#customer_email",
            "kind": "column",
            "dataset": "dataset:[warehouse]crm.customers",
            "field": "customer_email",
        }
    ]
    assert item["last_used"] == "2026-01-01T00:00:00.000Z"
    assert (found["misspelled"], found["left_out"]) == (["custmer"], [])
    assert found["known_at"] == api.services.state.position()


def test_columns_are_things_of_their_own_where_they_are_asked_for(api: Api) -> None:
    found = find(api, text="customer", kind="column", limit=2)
    assert [item["kind"] for item in found["items"]] == ["column", "column"]
    assert found["more"] is True
    assert {item["field"] for item in find(api, text="order", kind="column")["items"]} == {
        "order_id"
    }


def test_kind_and_namespace_narrow_down(api: Api) -> None:
    assert [i["ref"] for i in find(api, text="crm", kind="job")["items"]] == [
        "job:[warehouse]load_crm"
    ]
    assert find(api, text="crm", kind="model")["items"] == []
    assert len(find(api, text="crm", namespace="warehouse")["items"]) == 3
    assert find(api, text="crm", namespace="lake")["items"] == []


def test_more_things_than_an_answer_holds_are_said_to_be_there(api: Api) -> None:
    found = find(api, text="crm", limit=1)
    assert len(found["items"]) == 1
    assert found["more"] is True


@pytest.mark.parametrize("query", ["", "text=a&limit=0", "text=a&limit=101", "text=a&kind=run"])
def test_a_wrong_parameter_is_named(api: Api, query: str) -> None:
    answer = api.send("GET", f"/api/v1/find?{query}", token=api.token())
    assert answer.status_code == 400
    assert answer.json()["where"]


def test_the_command_line_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        made = Api(services, settings)
        engineer = made.hire("Erin", "engineer")
        event = run_event("COMPLETE", 0, job="load_crm", outputs=TABLES)
        made.send("POST", "/api/v1/lineage", token=engineer, json=event)
    words = ["search", "customer", "emial", "--workspace", str(settings.folder)]
    assert run(words) == 0
    said = capsys.readouterr()
    assert said.out == "dataset:[warehouse]crm.customers  customer_email\n"
    assert run([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["columns"][0]["field"] == (
        "customer_email"
    )
    assert run([*words[:1], "qqqq", "xxxx", *words[3:]]) == 0
    said = capsys.readouterr()
    assert said.out == "nothing like it is known\n"
    assert said.err == "nothing has: qqqq, xxxx\n"


def test_who_may_not_see_all_finds_what_there_would_be_without_the_rest(tmp_path: Path) -> None:
    with (
        estate(tmp_path / "hiding" / "shop") as hiding,
        estate(tmp_path / "bare" / "shop", hidden=False) as bare,
    ):
        everything = {
            item["ref"] for item in hiding.ask(hiding.auditor, f"find?text={SECRET}")["items"]
        }
        assert everything
        for text in (SECRET, "patients", "joined", "id", "order", "report", "salaries", "zanzibra"):
            seen = hiding.ask(hiding.engineer, f"find?text={text}")
            plain = bare.ask(bare.engineer, f"find?text={text}")
            refs = [[item["ref"] for item in answer["items"]] for answer in (seen, plain)]
            # One visible job works on hidden data alone.
            assert set(refs[0]) - {"job:[shop]admit"} == set(refs[1]), text
            assert seen.keys() == {"items", "more", "known_at"}
            assert all("uses" not in item and "last_used" not in item for item in seen["items"])


def test_what_was_erased_is_found_no_more_and_lies_in_no_index(tmp_path: Path) -> None:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        made = Api(services, settings)
        receipts = []
        for name in ("kept", "mistaken"):
            event = run_event(
                "COMPLETE", 0, job=name, outputs=[described(f"{name}_table", [f"{name}_column"])]
            )
            answer = made.send("POST", "/api/v1/lineage", token=made.token(), json=event)
            receipts.append(answer.json()["receipt"])
        services.catch_up()
        assert len(find(made, text="mistaken")["items"]) == 2
        former = services.search.file
        body = {"facts": receipts[1:], "reason": "gdpr-17"}
        erased = made.send("POST", "/api/v1/acts/journal.erase", token=made.token(), json=body)
        assert erased.status_code == 200, erased.text
        assert services.refolder is not None
        services.refolder.now("erasure")
        assert not former.exists()
        assert find(made, text="mistaken")["items"] == []
        assert len(find(made, text="kept")["items"]) == 2
    indexes = list(settings.storage.data.glob("search-*"))
    assert indexes
    assert not any(b"mistaken" in path.read_bytes() for path in indexes)


def test_a_server_lets_the_index_follow_by_itself(tmp_path: Path) -> None:
    with serving(make_workspace(tmp_path / "shop")) as server, closing(server.client()) as client:
        event = run_event("COMPLETE", 0, job="load_crm", outputs=TABLES)
        assert client.post("/api/v1/lineage", json.dumps(event).encode())[0] == 201
        until = time.monotonic() + 30
        found: Any = {"items": []}
        while not found["items"] and time.monotonic() < until:
            status, body = client.get("/api/v1/find", text="custmer mail")
            found = json.loads(body) if status == 200 else found
            time.sleep(0.05)
        assert found["items"][0]["ref"] == "dataset:[warehouse]crm.customers"
        figures = client.get("/metrics")[1].decode()
        assert "tracehold_search_lag 0" in figures
