"""The newest run of each of several jobs, as of a moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from openlineage_events import NS, at, run_event
from tracehold_world import Api, services_of, workspace

from lineage.clock import format_millis


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with services_of(workspace(tmp_path / "shop")) as services:
        made = Api(services, services.settings)
        for event in (
            run_event("COMPLETE", 1, job="a", run="1", outputs=["x"]),
            run_event("FAIL", 5, job="a", run="2", outputs=["x"]),
            run_event("COMPLETE", 3, job="b", run="3", outputs=["y"]),
        ):
            assert made.send("POST", "/api/v1/lineage", token=made.token(), json=event).is_success
        services.catch_up()
        yield made


def ask(api: Api, jobs: str, as_of: str = "") -> tuple[int, dict[str, str]]:
    path = f"/api/v1/newest?jobs={quote(jobs)}&as_of={as_of}"
    answer = api.send("GET", path, token=api.token())
    items = answer.json().get("items", [])
    return answer.status_code, {row["job"].rpartition("]")[2]: row["state"] for row in items}


def test_each_job_has_its_newest_run_as_of_a_moment(api: Api) -> None:
    jobs = json.dumps([f"job:[{NS}]{name}" for name in ("a", "b", "nowhere", "a")])
    assert ask(api, jobs) == (200, {"a": "FAIL", "b": "COMPLETE"})
    assert ask(api, jobs, format_millis(at(4))) == (200, {"a": "COMPLETE", "b": "COMPLETE"})
    assert ask(api, jobs, format_millis(at(2))) == (200, {"a": "COMPLETE"})
    assert ask(api, jobs, format_millis(at(0))) == (200, {})


@pytest.mark.parametrize(
    "jobs", ["", "x", "{}", "[1]", '["dataset:[a]b"]', '["job:?0"]', json.dumps(["job:[a]b"] * 101)]
)
def test_what_is_no_list_of_jobs_is_refused(api: Api, jobs: str) -> None:
    assert ask(api, jobs)[0] == 400
