"""``tracehold up --dagster``, for real: web server, daemon, and a job that it runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from demo_workspace import make_small_workspace

pytestmark = pytest.mark.slow

_PATIENCE_SECONDS = 180.0
_SCHEDULES = """{repositoriesOrError {... on RepositoryConnection {nodes {
  schedules {name scheduleState {status}} sensors {sensorState {status}} jobs {name}}}}}"""
_LAUNCH = """mutation {launchRun(executionParams: {selector: {
  repositoryLocationName: "orchestration.definitions", repositoryName: "__repository__",
  jobName: "evidence"}}) {__typename}}"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What ``up`` said when it was ready."""
    workspace = make_small_workspace(tmp_path_factory.mktemp("up") / "small")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tracehold", "up", "--dagster", "--json", "--port", "0"),
            *("--workspace", str(workspace)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        process.stdout.close()


def _until(ask: Callable[[], Any]) -> Any:
    """The first answer that is not empty, of a server that may be starting."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            if answer := ask():
                return answer
        except (urllib.error.URLError, ConnectionError):
            pass
        assert time.monotonic() < end
        time.sleep(1)


def _dagster(up: dict[str, Any], query: str) -> Any:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"query": query}).encode()
    with urllib.request.urlopen(
        urllib.request.Request(f"{up['dagster']}/graphql", body, headers), timeout=30
    ) as answer:
        return json.load(answer)["data"]


def _asked(up: dict[str, Any], question: str) -> Any:
    headers = {"Authorization": f"Bearer {up['token']}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{up['url']}/api/v1/{question}", headers=headers), timeout=30
    ) as answer:
        return json.load(answer)


def test_its_schedules_run_and_its_jobs_are_on_record(up: dict[str, Any]) -> None:
    (ours,) = _until(lambda: _dagster(up, _SCHEDULES)["repositoriesOrError"].get("nodes"))
    assert {one["name"]: one["scheduleState"]["status"] for one in ours["schedules"]} == {
        "certificates_weekly": "RUNNING",
        "deletion_hourly": "RUNNING",
        "evidence_daily": "RUNNING",
        "retention_daily": "RUNNING",
        "scans_daily": "RUNNING",
    }
    assert [one["sensorState"]["status"] for one in ours["sensors"]] == ["RUNNING"]
    # The daemon starts what is queued.
    assert _dagster(up, _LAUNCH)["launchRun"]["__typename"] == "LaunchRunSuccess"

    def looked() -> bool:
        jobs = {one["job"]: one["newest"] for one in _asked(up, "freshness")["jobs"]}
        return bool(jobs["evidence.look"] == "COMPLETE")

    _until(looked)
    # The sensor of any project's tells it, steps too.
    _until(lambda: _asked(up, "runs?job=job:%5Bsmall%5Ddagster.evidence")["items"])
    (run,) = _asked(up, "runs?job=job:%5Bsmall%5Devidence.look")["items"]
    assert run["state"] == "COMPLETE"
