"""Runs of the whole pipeline against a real server, each step in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from demo_workspace import act, make_small_workspace, materialize, pipeline, tell
from running_server import RunningServer, serving

from lineage.clock import system_clock
from lineage.journal.sqlite import open_journal
from orchestration.retention import retention_job
from tracehold.settings import load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(make_small_workspace(tmp_path_factory.mktemp("small") / "small")) as running:
        yield running


def _ask(server: RunningServer, question: str, **params: str) -> Any:
    with closing(server.client()) as client:
        return client.json(f"/api/v1/{question}", **params)


def test_a_model_is_blocked_by_its_license_until_a_waiver_covers_it(
    server: RunningServer,
) -> None:
    code, answer, said = materialize(server)
    assert code == 1, said
    assert answer["blocked"] == ["rated:license_gate"]
    assert sorted(answer["made"]) == ["model_late_v2", "plain", "rated", "ratings", "trips"]
    assert "CC-BY-NC-4.0" in said
    assert "dataset:[small]ratings → dataset:[small]rated → model:late@1" in said

    code, answer, said = materialize(server, "late@1")
    assert code == 1, said
    assert not answer["made"]
    assert "Not allowed, so this does not run" in answer["failed"][0]["reason"]
    assert not list((server.workspace / "models").glob("late-1/*"))

    granted = act(
        server, "approver", "approver", "waiver.grant",
        model="late@1", scope="license/non-commercial", reason="a test", expires="2090-01-01",
    )  # fmt: skip
    code, answer, said = materialize(server, "late@1")
    assert (code, answer["made"]) == (0, ["model_late_v1"]), said
    model = _ask(server, "model", ref="model:late@1")
    held = model["aspects"]["model"][0]["value"]
    assert held["waivers"] == [granted["waiver"]]
    assert len(held["code_sha256"]) == len(held["params_sha256"]) == 64
    (artifact,) = (server.workspace / "models").glob("late-1/*")
    assert artifact.stem == held["content_sha256"][:12]


def test_the_trace_of_a_model_reaches_every_source_at_exact_versions(
    server: RunningServer,
) -> None:
    materialize(server)
    trace = _ask(server, "trace", ref="model:late@2", direction="up")
    assert trace["complete"], trace["reasons"]
    names = {node["ref"] for node in trace["nodes"]}
    source = f"dataset:[file]{server.workspace}/sources/trips.csv"
    assert names == {"model:late@2", "dataset:[small]plain", "dataset:[small]trips", source}


def test_the_daily_retention_run_is_on_record(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    materialize(server, "trips")
    for name, value in pipeline(server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TRACEHOLD_CLOCK_JUDGEMENT_NOW", "2050-01-01")
    with dg.DagsterInstance.ephemeral() as instance:
        assert retention_job.execute_in_process(instance=instance).success
        tell(server, instance)
    runs = _ask(server, "runs", job="job:[small]retention.due")
    assert len(runs["items"]) == 1
    settings = load(server.workspace)
    journal = open_journal(
        settings.storage.data, settings.storage.keys, origin=settings.origin, clock=system_clock,
        read_only=True,
    )  # fmt: skip
    with closing(journal):
        bodies = [fact.body or b"" for fact in journal.read(0, 10_000)]
    (body,) = [one for one in bodies if b"tracehold_retention_due" in one]
    facet = json.loads(body)["event"]["run"]["facets"]["tracehold_retention_due"]
    due = {item["ref"]: item["outcome"] for item in facet["items"]}
    assert due["dataset:[small]trips"] == "due"


def test_an_unknown_name_is_refused_before_anything_runs(server: RunningServer) -> None:
    code, _, said = materialize(server, "nobody")
    assert code == 2
    assert "'nobody' is no governed asset" in said


def test_a_missing_source_fails_its_own_step_only(server: RunningServer, tmp_path: Path) -> None:
    source = server.workspace / "sources" / "ratings.csv"
    kept = source.rename(tmp_path / "ratings.csv")
    try:
        code, answer, _ = materialize(server)
    finally:
        kept.rename(source)
    assert code == 2
    assert [one["step"] for one in answer["failed"]] == ["ratings"]
    assert "the file of a source is missing" in answer["failed"][0]["reason"]
    assert "model_late_v2" in answer["made"]
    assert set(answer["skipped"]) >= {"rated"}


def test_without_a_server_a_run_does_not_begin(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    workspace = make_small_workspace(tmp_path / "small")
    environment = {**os.environ, "TRACEHOLD_URL": "http://127.0.0.1:9", "TRACEHOLD_TOKEN": "x"}
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.run", "--workspace", str(workspace)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 3
    assert "start it with tracehold up" in done.stderr
    assert not (workspace / ".tracehold" / "dagster").exists()
