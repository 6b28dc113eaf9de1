"""Facts are given back with what was masked; what is odd about events is listed for its sender."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import Api, complete, services_of, workspace

from lineage.errors import InvalidInput, NotFound
from tracehold.doctor import examine
from tracehold.questions import answer
from tracehold.questions.events import masked_places

SQL = {
    "_producer": "https://example.org/test",
    "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/SQLJobFacet.json",
    "query": "select 'jane@example.org' from t",
}


def event(**members: Any) -> dict[str, Any]:
    made = complete()
    made["job"]["facets"] = {"sql": dict(SQL)}
    return made | members


@pytest.fixture
def api(tmp_path: Path) -> Any:
    with services_of(workspace(tmp_path / "shop")) as services:
        yield Api(services, services.settings)


def send(api: Api, sent: Any, token: str | None = None) -> str:
    content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    token = token or api.hire("bot" + str(api.services.clock()), "producer")
    told = api.send("POST", "/api/v1/lineage", token=token, content=content)
    assert told.status_code == 201, told.text
    api.services.catch_up()
    return str(told.json()["receipt"])


def test_an_event_is_given_back_with_the_places_that_were_masked(api: Api) -> None:
    sent = event()
    receipt = send(api, sent)
    officer = api.hire("olga", "privacy-officer")
    told = api.send("GET", f"/api/v1/fact?id={receipt}", token=officer).json()
    assert told["masked"] == ["/job/facets/sql/query"]
    kept = told["event"]
    assert kept["job"]["facets"]["sql"].pop("query") == "select ? from t"
    del sent["job"]["facets"]["sql"]["query"]
    assert kept == sent
    assert told["findings"] == []
    assert told["parts"] == {"distilled": "kept", "raw": "kept"}
    assert (told["kind"], told["valid"]) == ("openlineage.received/1", "2026-02-01T12:00:00.000Z")
    assert told["recorded"].endswith("Z")


def test_a_machine_that_reports_cannot_read_facts(api: Api) -> None:
    bot = api.hire("bot", "producer")
    receipt = send(api, event(), bot)
    for path in (f"fact?id={receipt}", "findings"):
        assert api.send("GET", f"/api/v1/{path}", token=bot).status_code == 403
        assert api.send("GET", f"/api/v1/{path}").status_code == 401


def test_a_native_fact_is_given_back_with_its_body(api: Api) -> None:
    facts = api.services.journal.read(0, 10)
    added = next(fact for fact in facts if fact.kind == "person.added/1")
    told = answer(api.services, "fact", {"id": added.fact_id})
    assert told["body"]["kind"] == "person.added/1"
    assert told["parts"] == {"distilled": "kept", "raw": "none"}
    assert "event" not in told


def test_erased_parts_are_said_to_be_so(api: Api) -> None:
    receipt = send(api, event())
    api.services.journal.erase(receipt, "raw")
    told = answer(api.services, "fact", {"id": receipt})
    assert told["parts"] == {"distilled": "kept", "raw": "erased"}
    assert told["masked"] is None
    api.services.journal.erase(receipt, "distilled")
    told = answer(api.services, "fact", {"id": receipt})
    assert told["parts"] == {"distilled": "erased", "raw": "erased"}
    assert told["body"] is None
    assert "event" not in told


@pytest.mark.parametrize("wrong", ["", "x", "../etc", "0" * 31, "F" * 32])
def test_what_is_no_id_is_refused(api: Api, wrong: str) -> None:
    with pytest.raises(InvalidInput):
        answer(api.services, "fact", {"id": wrong})


def test_an_unknown_fact_is_not_found(api: Api) -> None:
    with pytest.raises(NotFound):
        answer(api.services, "fact", {"id": "0" * 32})


def test_findings_name_source_owner_and_sender_and_what_to_change(api: Api) -> None:
    owners = {
        "_producer": "https://example.org/test",
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/OwnershipJobFacet.json",
        "owners": [{"name": "team:loaders"}],
    }
    sent = event(eventTime="2026-02-01T12:00:00", producer="nobody")
    sent["job"]["facets"]["ownership"] = owners
    bot = api.hire("loader", "producer")
    receipt = send(api, sent, bot)
    officer = api.hire("olga", "privacy-officer")
    told = api.send("GET", "/api/v1/findings", token=officer).json()
    assert told["breaking"] == {"findings": 2, "sources": 1}
    assert told["next"] is None
    assert [one["code"] for one in told["items"]] == ["producer-no-uri", "time-without-zone"]
    first = told["items"][0]
    assert (first["ref"], first["at"]) == ("job:[shop]load", "/producer")
    assert (first["fact"], first["sent_by"], first["owners"]) == (
        receipt, "loader", ["team:loaders"],
    )  # fmt: skip
    assert first["breaks_schema"] is True
    assert first["meaning"]
    assert first["advice"]
    one = answer(api.services, "findings", {"ref": "job:[shop]load", "limit": 1})
    assert len(one["items"]) == 1
    rest = answer(api.services, "findings", {"after": one["next"]})
    assert [item["code"] for item in rest["items"]] == ["time-without-zone"]
    fact = answer(api.services, "fact", {"id": receipt})
    assert {found["code"] for found in fact["findings"]} == {"producer-no-uri", "time-without-zone"}


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 1001}, {"after": "x"}, {"ref": "model:a@1"}]
)
def test_a_wrong_page_is_refused(api: Api, params: dict[str, Any]) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        answer(api.services, "findings", params)


def test_doctor_counts_what_breaks_the_schema_and_names_what_is_stuck(api: Api) -> None:
    checks = {check.name: check for check in examine(api.settings)}
    assert (checks["events"].ok, checks["state"].ok) == (True, True)
    assert checks["events"].text == "all keep to the schema of OpenLineage"
    send(api, event(producer="nobody"))
    # As a newer release would write it.
    api.services.journal.append([later()])
    api.services.catch_up()
    checks = {check.name: check for check in examine(api.settings)}
    assert "1 jobs or datasets break the schema in 1 ways" in checks["events"].text
    assert not checks["state"].ok
    assert "stuck: unknown kind (weather.forecast/9, fact " in checks["state"].text
    attention = answer(api.services, "overview", {})["attention"]
    assert [one["kind"] for one in attention if "weather.forecast/9" in one["text"]] == ["stuck"]


def later() -> Any:
    from lineage.facts import Draft

    return Draft("weather.forecast/9", "person:7f", b'{"rain":true}')


def test_places_are_json_pointers() -> None:
    received = {"a/b": [{"x~y": "1"}, 2], "same": [1]}
    kept = {"a/b": [{"x~y": "?"}, "[masked]"], "same": [1]}
    assert list(masked_places(received, kept)) == ["/a~1b/0/x~0y", "/a~1b/1"]
