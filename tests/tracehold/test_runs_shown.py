"""Runs as questions show them: stale ones, streams, and what lies around and within."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nested_jobs import CTAS, nested, run_id
from openlineage_events import NS, facet, run_event
from tracehold_world import Api, Clockwork, services_of, workspace

from lineage.errors import InvalidInput
from tracehold.cli.main import run
from tracehold.questions import answer
from tracehold.settings import load

MADE = 1_767_225_600_000
"""The moment of the events, 2026-01-01."""
HOUR = 3_600_000


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop", clock=Clockwork(MADE))
    with services_of(settings, clock=Clockwork(MADE + 2 * HOUR)) as services:
        yield Api(services, settings)


def take(api: Api, *events: dict[str, Any]) -> None:
    told = api.send("POST", "/api/v1/lineage/batch", token=api.token(), json=list(events))
    assert told.json()["status"] == "success"
    api.services.catch_up()


def ask(api: Api, name: str, **params: Any) -> Any:
    return answer(api.services, name, params)


def test_a_run_is_stale_once_nothing_was_heard_of_it_for_a_day(api: Api) -> None:
    take(api, run_event("START", 0), run_event("COMPLETE", 0, job="done"))
    ref = f"run:[{NS}]job/{run_id('run-1')}"
    assert ask(api, "run", ref=ref)["state"] == "START"
    clock = api.services.clock
    assert isinstance(clock, Clockwork)
    clock.now = MADE + 25 * HOUR
    shown = ask(api, "run", ref=ref)
    assert (shown["state"], shown["reported"], shown["streaming"]) == ("STALE", "START", False)
    assert shown["last"] == "2026-01-01T00:00:00.000Z"
    states = {one["job"]: one["state"] for one in ask(api, "runs")["items"]}
    assert states == {f"job:[{NS}]job": "STALE", f"job:[{NS}]done": "COMPLETE"}
    assert [one["state"] for one in ask(api, "job", ref=f"job:[{NS}]job")["runs"]] == ["STALE"]


def test_how_long_is_a_setting(tmp_path: Path) -> None:
    made = workspace(tmp_path / "shop", clock=Clockwork(MADE))
    event = run_event("RUNNING", 0)
    event["job"]["facets"]["jobType"] = facet("J", processingType="STREAMING", integration="FLINK")
    for hours, state in (("1", "STALE"), ("0", "RUNNING"), ("1.99", "STALE"), ("3", "RUNNING")):
        settings = load(made.folder, environ={"TRACEHOLD_RUNS_STREAM_STALE_HOURS": hours})
        with services_of(settings, clock=Clockwork(MADE + 2 * HOUR)) as services:
            api = Api(services, settings)
            take(api, event)
            [one] = ask(api, "runs")["items"]
            assert (one["state"], one["streaming"]) == (state, True)


@pytest.mark.parametrize("hours", ["-1", "nan"])
def test_a_negative_age_is_refused(tmp_path: Path, hours: str) -> None:
    made = workspace(tmp_path / "shop")
    with pytest.raises(InvalidInput, match="stale_hours"):
        load(made.folder, environ={"TRACEHOLD_RUNS_STALE_HOURS": hours})


def test_jobs_and_runs_name_what_is_around_and_within(api: Api) -> None:
    take(api, *copy.deepcopy(CTAS))
    jobs = {name: f"job:[{NS}]{name}" for name in ("flow", "flow.task", "app", "app.ctas")}
    assert ask(api, "job", ref=jobs["app"])["nesting"] == {
        "around": [jobs["flow.task"]],
        "within": [jobs["app.ctas"]],
        "outermost": jobs["flow"],
    }
    assert ask(api, "job", ref=jobs["flow"])["nesting"] == {
        "around": [], "within": [jobs["flow.task"]], "outermost": jobs["flow"],
    }  # fmt: skip
    runs = {
        name: f"run:[{NS}]{name}/{run_id(own)}"
        for name, own in (("flow", "f"), ("flow.task", "t"), ("app", "a"), ("app.ctas", "q"))
    }
    around = ask(api, "run", ref=runs["app"])["nesting"]
    assert (around["around"], around["outermost"]) == (runs["flow.task"], runs["flow"])
    assert [(one["ref"], one["state"]) for one in around["within"]] == [
        (runs["app.ctas"], "COMPLETE")
    ]
    assert ask(api, "run", ref=runs["flow"])["nesting"]["around"] is None


@pytest.mark.parametrize(
    "parent", [{"job": {"namespace": NS, "name": "x"}}, {"job": 1, "run": 2}, 3, {"run": {}}]
)
def test_an_odd_parent_of_a_run_is_none(api: Api, parent: Any) -> None:
    event = run_event("START", 0)
    event["run"]["facets"]["parent"] = parent
    take(api, event)
    shown = ask(api, "run", ref=f"run:[{NS}]job/{run_id('run-1')}")
    assert shown["nesting"] == {"around": None, "outermost": None, "within": []}


def test_a_trace_is_rolled_up_over_http(api: Api) -> None:
    take(api, *copy.deepcopy(CTAS), nested(run_event("START", 0, job="idle"), "flow"))
    path = f"/api/v1/trace?ref=dataset:[{NS}]clean"
    detail = api.send("GET", path, token=api.token()).json()
    rolled = api.send("GET", f"{path}&rollup=true", token=api.token()).json()
    assert len(detail["edges"]) == 2
    assert "through" not in detail["edges"][0]
    [edge] = rolled["edges"]
    assert (edge["job"], edge["kind"]) == (f"job:[{NS}]flow", "columns")
    assert edge["through"] == [f"job:[{NS}]app", f"job:[{NS}]app.ctas"]


def test_the_command_line_shows_what_is_around_and_within(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    take(api, *copy.deepcopy(CTAS))
    at = ["--workspace", str(api.settings.folder)]
    assert run(["job", "show", f"job:[{NS}]app", *at]) == 0
    drawn = capsys.readouterr().out
    assert f"around     job:[{NS}]flow.task" in drawn
    assert f"outermost  job:[{NS}]flow\n" in drawn
    assert "within" in drawn
    assert f"job:[{NS}]app.ctas" in drawn
    assert run(["run", "show", f"run:[{NS}]flow/{run_id('f')}", *at]) == 0
    assert f"run:[{NS}]flow.task/{run_id('t')}" in capsys.readouterr().out
    assert run(["trace", f"dataset:[{NS}]clean", "--rollup", *at]) == 0
    assert "raw · flow (columns)" in capsys.readouterr().out


def test_findings_of_a_producer_are_listed_for_whoever_answers_for_it(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    etl = api.hire("etl", "producer")
    odd = run_event("COMPLETE", 0, job="odd") | {"producer": 7}
    assert api.send("POST", "/api/v1/lineage", token=etl, json=odd).status_code == 201
    take(api, run_event("COMPLETE", 0, job="other") | {"producer": 8})
    at = ["--workspace", str(api.settings.folder)]
    assert run(["findings", "--producer", "etl", *at]) == 0
    drawn = capsys.readouterr().out
    assert f"job:[{NS}]odd" in drawn
    assert f"job:[{NS}]other" not in drawn
    assert "send a URI as producer" in drawn
    assert len(ask(api, "findings")["items"]) == 2
    assert run(["findings", "--producer", "nobody", *at]) == 2


def test_a_job_around_or_within_that_may_not_be_seen_is_not_named(tmp_path: Path) -> None:
    made = workspace(tmp_path / "shop", clock=Clockwork(MADE))
    settings = load(made.folder, environ={"TRACEHOLD_ACCESS_OPEN": NS})
    middle = nested(run_event("COMPLETE", 1, job="task", inputs=["a"], outputs=["b"]), "x", "x")
    parent = middle["run"]["facets"]["parent"]
    parent["job"] = parent["root"]["job"] = {"namespace": "closed", "name": "secret"}
    inner = nested(run_event("COMPLETE", 1, job="query"), "task", run="run-1")
    inner["job"] = {"namespace": "closed", "name": "secret too"}
    with services_of(settings, clock=Clockwork(MADE + 2 * HOUR)) as services:
        api = Api(services, settings)
        take(api, middle, inner)
        eve, audit = api.hire("eve", "engineer"), api.hire("audit", "auditor")
        for path in (
            f"job?ref=job:[{NS}]task",
            f"run?ref=run:[{NS}]task/{run_id('run-1')}",
            f"trace?ref=dataset:[{NS}]b&rollup=true",
        ):
            seen = api.send("GET", f"/api/v1/{path}", token=audit)
            assert seen.status_code == 200
            assert "secret" in seen.text
            hidden = api.send("GET", f"/api/v1/{path}", token=eve)
            assert hidden.status_code == 200
            assert "secret" not in hidden.text
            assert "closed" not in hidden.text
        shown = api.send("GET", f"/api/v1/job?ref=job:[{NS}]task", token=eve).json()
        task = f"job:[{NS}]task"
        assert shown["nesting"] == {"around": [], "within": [], "outermost": task}


def test_the_how_to_for_producers_works_as_written(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "producers.md").read_text("utf-8")
    commands = re.findall(r"^ {7}tracehold (.+)$", page, re.MULTILINE)
    assert len(commands) == 5
    at = ["--workspace", str(api.settings.folder)]
    # The server of this test holds the workspace, so the first command is asked of it directly.
    words = shlex.split(commands[0])
    pairs = list(zip(words[3:-1:2], words[4:-1:2], strict=True))
    namespaces = [value for name, value in pairs if name == "--namespace"]
    token = api.hire(words[2], dict(pairs)["--role"], namespaces=namespaces)
    event = run_event("START", 0, job="load_orders", inputs=["raw"])
    event["job"]["namespace"], event["producer"] = "etl", "nobody"
    event["outputs"] = [{"namespace": "postgres://sales:5432", "name": "shop.public.orders"}]
    said = api.send("POST", "/api/v1/lineage", token=token, json=event)
    assert said.status_code == 201, said.text
    api.services.catch_up()
    shown = ("producer-no-uri", "STALE", "STALE", "load_orders")
    for command, drawn in zip(commands[1:], shown, strict=True):
        assert run([*shlex.split(command), *at]) == 0
        assert drawn in capsys.readouterr().out
