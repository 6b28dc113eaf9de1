"""Trace and diff as they are asked for: over HTTP, on the command line, as known at a fact."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from openlineage_events import dataset, facet, run_event
from tracehold_world import HOST, Api, services_of, workspace

from lineage.facts import Json
from lineage.graph.port import Limits, Node
from lineage.refs import DatasetRef
from lineage.state.port import StateReader
from tracehold.cli.main import run
from tracehold.http.app import create_app
from tracehold.questions import lineage as questions
from tracehold.questions.knowing import limits_of
from tracehold.ui.pages import add_pages

NS = "warehouse"
TIMES = {"early": "2026-01-01T00:02:30Z", "late": "2026-01-01T01:00:00Z"}


def licensed(name: str, license_: str, columns: Sequence[str]) -> dict[str, Any]:
    declared = facet("LicenseDatasetFacet", declared=license_)
    return dataset(name, columns=columns, tracehold_license=declared)


EVENTS = [
    run_event("COMPLETE", 1, job="load", run="a", inputs=[licensed("raw", "CC0-1.0", ["mail"])],
              outputs=["tidy"]),
    run_event("COMPLETE", 2, job="sum", run="b", inputs=["tidy"], outputs=["mart"]),
    run_event("COMPLETE", 5, job="load", run="c", inputs=[
        licensed("raw", "CC-BY-NC-4.0", ["mail", "day"]), "extra"], outputs=["tidy"]),
    run_event("COMPLETE", 6, job="else", run="d", inputs=["elsewhere"], outputs=["island"]),
]  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        made = Api(services, settings)
        for event in EVENTS:
            sent = made.send("POST", "/api/v1/lineage", token=made.token(), json=event)
            assert sent.status_code == 201
        services.catch_up()
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = workspace(tmp_path / "files")
    with services_of(settings) as services:
        made = Api(services, settings)
        for event in EVENTS:
            made.send("POST", "/api/v1/lineage", token=made.token(), json=event)
    return settings.folder


def get(api: Api, question: str, status: int = 200, **query: str | int) -> Any:
    asked = httpx.QueryParams({name.rstrip("_"): value for name, value in query.items()})
    found = api.send("GET", f"/api/v1/{question}?{asked}", token=api.token())
    assert found.status_code == status, found.text
    return found.json()


def names(answer: Any) -> list[str]:
    return [node["name"] for node in answer["nodes"]]


def said(
    capsys: pytest.CaptureFixture[str], folder: Path, *words: str
) -> tuple[int, str, str]:  # fmt: skip
    code = run([*words, "--workspace", str(folder)])
    return code, *capsys.readouterr()


def test_a_trace_over_http_has_all_its_documented_members(api: Api) -> None:
    found = get(api, "trace", ref="mart")
    assert names(found) == ["mart", "tidy", "extra", "raw"]
    assert {
        "nodes", "edges", "complete", "reasons", "as_of", "known_at", "answered_by", "coverage",
        "hidden", "unresolved", "next", "total", "to",
    } <= set(found)  # fmt: skip
    assert (found["total"], found["next"], found["complete"]) == (4, None, True)
    assert found["coverage"]["datasets"] == 6
    assert found["as_of"].endswith("Z")


def test_pages_follow_each_other_over_http(api: Api) -> None:
    first = get(api, "trace", ref="mart", limit=3)
    second = get(api, "trace", ref="mart", limit=3, after=first["next"])
    assert names(first) + names(second) == ["mart", "tidy", "extra", "raw"]
    # The clock went on between the two; the cursor holds the moment.
    assert first["as_of"] == second["as_of"]
    refused = get(api, "trace", 409, ref="tidy", limit=3, after=first["next"])
    assert refused["code"] == "stale-cursor"
    assert get(api, "trace", 400, ref="mart", after="nonsense")["where"] == "after"
    for limit in (0, 10_001):
        assert get(api, "trace", 400, ref="mart", limit=limit)["where"] == "limit"


def test_what_was_known_at_a_fact_is_traced_as_then(api: Api) -> None:
    facts = api.services.state.position()
    now = get(api, "trace", ref="mart")
    before = get(api, "trace", ref="mart", known_at=facts - 2)
    assert names(before) == ["mart", "tidy", "raw"]
    assert (before["known_at"], now["known_at"]) == (facts - 2, facts)
    assert before["coverage"]["known_at"] == facts
    assert before["nodes"][-1]["annotations"]["license"] == "CC0-1.0"
    assert now["nodes"][-1]["annotations"]["license"] == "CC-BY-NC-4.0"
    assert names(get(api, "trace", ref="mart", known_at=facts)) == names(now)
    assert get(api, "trace", 404, ref="island", known_at=facts - 1)["code"] == "not-found"
    assert get(api, "trace", 400, ref="mart", known_at=facts + 1)["where"] == "known_at"
    assert get(api, "trace", 400, ref="mart", known_at="soon")["code"] == "invalid-input"


def test_a_moment_of_recording_stands_for_the_fact_known_then(api: Api) -> None:
    facts = api.services.journal.read(api.services.state.position() - 2, 1)
    from lineage.clock import format_millis

    moment = format_millis(facts[0].recorded_time)
    assert get(api, "trace", ref="mart", known_at=moment)["known_at"] == facts[0].position


@pytest.mark.parametrize(("start", "end"), [("raw", "mart"), ("mart", "raw")])
def test_the_way_between_two_things_is_found_whichever_way_it_leads(
    api: Api, start: str, end: str
) -> None:
    found = get(api, "trace", ref=start, to=end)
    assert names(found) == [start, "tidy", end]
    assert found["direction"] == ("down" if start == "raw" else "up")
    assert found["to"].endswith(end)
    wrong = get(api, "trace", ref=start, to=end, direction="up" if start == "raw" else "down")
    assert wrong["nodes"] == []
    none = get(api, "trace", ref="mart", to="island")
    assert (none["nodes"], [r["code"] for r in none["reasons"]]) == ([], ["no-path"])


def test_pages_of_a_way_go_on_in_the_direction_in_which_it_was_found(api: Api) -> None:
    first = get(api, "trace", ref="mart", to="raw", limit=2)
    second = get(api, "trace", ref="mart", to="raw", limit=2, after=first["next"])
    assert names(first) + names(second) == ["mart", "tidy", "raw"]


def test_a_difference_over_http(api: Api) -> None:
    found = get(api, "diff", ref="mart", from_=TIMES["early"], to=TIMES["late"])
    told = {(c["topic"], c["what"], c["ref"].rpartition("]")[2], c["name"])
            for c in found["changes"]}  # fmt: skip
    assert told >= {
        ("sources", "in", "extra", ""),
        ("license", "changed", "raw", ""),
        ("columns", "in", "raw", "day"),
    }
    assert (found["different"], found["complete"]) == (True, True)
    same = get(api, "diff", ref="mart", from_=TIMES["late"], to=TIMES["late"])
    assert (same["changes"], same["different"]) == ([], False)
    known = get(
        api, "diff", ref="mart", from_=TIMES["early"], to=TIMES["late"],
        known_at=api.services.state.position() - 2,
    )  # fmt: skip
    assert known["changes"] == []
    week = get(api, "diff", ref="mart")
    assert week["before"]["as_of"] < week["after"]["as_of"]
    assert get(api, "diff", 400, ref="mart", other="raw")["code"] == "invalid-input"
    backwards = get(api, "diff", 400, ref="mart", from_=TIMES["late"], to=TIMES["early"])
    assert backwards["where"] == "from"


def test_the_command_prints_a_difference_and_says_by_its_exit_code_whether_there_is_one(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    times = ("--from", TIMES["early"], "--to", TIMES["late"])
    code, out, _ = said(capsys, folder, "diff", "mart", *times)
    assert code == 0
    assert "sources\n  + dataset:[warehouse]extra" in out
    assert said(capsys, folder, "diff", "mart", *times, "--exit-code")[0] == 1
    same = ("--from", TIMES["late"], "--to", TIMES["late"])
    code, out, _ = said(capsys, folder, "diff", "mart", *same, "--exit-code")
    assert (code, "nothing changed" in out) == (0, True)
    _, out, _ = said(capsys, folder, "diff", "mart", *times, "--format", "markdown")
    assert out.startswith("### Changed: dataset:\\[warehouse\\]mart")
    _, out, _ = said(capsys, folder, "diff", "mart", *times, "--json")
    assert json.loads(out)["different"]


def test_the_command_traces_a_way_pages_and_one_file(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, out, _ = said(capsys, folder, "trace", "raw", "--to", "mart")
    assert (code, out.count("dataset:[warehouse]")) == (0, 3)
    code, out, _ = said(capsys, folder, "trace", "raw", "--to", "island")
    assert (code, out.startswith("no path between")) == (1, True)
    code, out, _ = said(capsys, folder, "trace", "raw", "--to", "island", "--json")
    assert (code, json.loads(out)["nodes"]) == (1, [])
    _, _, err = said(capsys, folder, "trace", "mart", "--limit", "2")
    cursor = err.split()[-1]
    code, out, _ = said(capsys, folder, "trace", "mart", "--limit", "2", "--after", cursor)
    assert (code, "2 of 4 nodes" in out) == (0, True)
    assert said(capsys, folder, "trace", "tidy", "--after", cursor)[0] == 4
    assert said(capsys, folder, "trace", "tidy", "--depth", "0")[0] == 2
    assert said(capsys, folder, "trace", "tidy", "--up", "--down")[0] == 2
    code, out, _ = said(capsys, folder, "trace", "mart", "--format", "html")
    assert code == 0
    assert out.startswith("<!doctype html>")
    assert '<script type="application/json" id="trace-data">' in out
    # Nothing is fetched: it opens offline.
    assert not [part for part in ('src="', "@import", 'href="/', 'href="http') if part in out]


def test_a_client_that_hangs_up_ends_the_work_of_its_question(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = threading.Event(), threading.Event()

    def endless(state: StateReader, nodes: Sequence[Node], as_of: int) -> dict[str, Json]:
        began.set()
        try:
            api.services.state.connection().execute(
                "with recursive n(i) as (select 1 union all select i + 1 from n)"
                " select max(i) from n"
            ).fetchall()
        finally:
            ended.set()
        return {}

    monkeypatch.setattr(questions, "ANNOTATORS", (endless,))
    monkeypatch.setattr(questions, "limits_of", lambda *_: unhurried(api))
    token = api.token()
    sent: list[Any] = []

    async def ask() -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": "/api/v1/trace", "raw_path": b"/api/v1/trace",
            "query_string": b"ref=mart", "root_path": "", "server": ("127.0.0.1", 5005),
            "client": ("127.0.0.1", 1),
            "headers": [(b"host", HOST.encode()), (b"authorization", f"Bearer {token}".encode())],
        }  # fmt: skip
        told = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in told:
                return message
            await asyncio.to_thread(began.wait)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await api.app(scope, receive, send)

    asyncio.run(ask())
    assert ended.is_set()
    assert sent[0]["status"] == 503


def unhurried(api: Api) -> Limits:
    return replace(limits_of(api.services), seconds=3600.0)


def test_the_picture_of_a_dataset_asks_for_what_was_known_then(api: Api) -> None:
    api.app = create_app(api.services, extend=[add_pages])
    key = DatasetRef(NS, "mart").key(api.services.identity)
    page = api.send("GET", f"/datasets/{key}?known_at=7&view=content", token=api.token())
    found = re.search(r'id="trace-data">(.*?)</script>', page.text)
    assert found is not None
    carried = json.loads(found[1])
    assert (carried["ref"], carried["known_at"]) == (f"dataset:[{NS}]mart", "7")
    assert carried["view"] == "content"


def test_verdicts_and_exposure_say_what_of_the_estate_they_rest_on(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, out, _ = said(capsys, folder, "pii", "exposure")
    assert (code, "estate: 6 datasets, 0% without lineage" in out) == (0, True)
    _, out, _ = said(capsys, folder, "license", "check", "mart", "--json")
    assert json.loads(out)["coverage"]["datasets"] == 6
