"""Jobs that keep watch, against a real server: deletions read again, evidence, scans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from demo_workspace import act, make_small_workspace, materialize, pipeline, tell
from live_clients import settle
from running_server import RunningServer, serving

from lineage.openlineage.read import KIND
from orchestration.definitions import build
from orchestration.retention import EXECUTOR, PLANNER
from orchestration.watch import certificates_job, evidence_job, unproven
from privacy.queries import certificates
from tracehold.bootstrap import open_services
from tracehold.evidence import keys_of
from tracehold.settings import load

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """A workspace with two datasets, as steps of its Dagster see it."""
    with serving(make_small_workspace(tmp_path / "small")) as running:
        code, _, said = materialize(running, "trips", "ratings")
        assert code == 0, said
        for name, value in pipeline(running).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def _facets(server: RunningServer, job: str) -> list[dict[str, Any]]:
    """Run facets of the events that ended runs of a job, in order."""
    found = []
    with open_services(load(server.workspace), write=False) as services:
        for fact in services.journal.read(0, 10_000):
            event = json.loads(fact.body or b"{}").get("event") if fact.kind == KIND else None
            if event and event["job"]["name"] == job and event["eventType"] != "START":
                found.append(event["run"]["facets"])
    return found


def _delete(server: RunningServer, dataset: str) -> str:
    """Delete a dataset with a certificate; returns the case."""
    asked = act(
        server, PLANNER, "planner", "deletion.request", targets=[dataset],
        legal_ground="a test", reason="a test", quarantine_days=0,
    )  # fmt: skip
    case = str(asked["case"])
    planned = act(server, PLANNER, "", "deletion.plan", case=case)
    for name in ("anna", "arno"):
        act(
            server, name, "approver", "deletion.approve",
            case=case, plan_hash=planned["plan_hash"],
        )  # fmt: skip
    assert act(server, EXECUTOR, "executor", "deletion.apply", case=case)["phase"] == "certified"
    return case


def _ask(server: RunningServer, question: str, **params: str) -> Any:
    settle(server)
    with closing(server.client()) as client:
        return client.json(f"/api/v1/{question}", **params)


def test_a_deletion_is_read_again_and_what_came_back_is_found(
    server: RunningServer, instance: dg.DagsterInstance
) -> None:
    (copy,) = (server.workspace / "data" / "trips").iterdir()
    content = copy.read_bytes()
    case = _delete(server, "dataset:[small]trips")
    assert certificates_job.execute_in_process(instance=instance).success
    tell(server, instance)
    (clean,) = _facets(server, "certificates.verify")
    seen = clean["tracehold_certificates"]
    assert (seen["certificates"], seen["cases"], seen["brokenCases"]) == (1, 1, [])
    assert seen["filesRead"] >= 1
    assert _ask(server, "freshness")["jobs"][2]["newest"] == "COMPLETE"

    # Somebody copies it back, under another name.
    (server.workspace / "data" / "ratings" / "other.bin").write_bytes(content)
    done = certificates_job.execute_in_process(instance=instance, raise_on_error=False)
    assert not done.success
    tell(server, instance)
    (_, bad) = _facets(server, "certificates.verify")
    assert bad["tracehold_certificates"]["brokenCases"] == [case]
    assert _ask(server, "freshness")["jobs"][2]["newest"] == "FAIL"

    settings = load(server.workspace)
    with open_services(settings, write=False) as services:
        (issued,) = certificates(services.state)
    keys = keys_of(settings.storage.data, settings.storage.keys)
    assert not unproven([issued], keys)
    changed = type(issued)(
        issued.certificate, issued.case, issued.note.replace("trips", "trip5"), 0, ""
    )
    assert unproven([changed], keys) == [issued.certificate]


def test_old_scans_are_named_and_made_again_dataset_by_dataset(
    server: RunningServer, instance: dg.DagsterInstance
) -> None:
    ours = build(server.workspace).get_repository_def()
    job, schedule = ours.get_job("scans"), ours.get_schedule_def("scans_daily")

    def due() -> list[str | None]:
        moment = datetime(2050, 1, 1, 3, 5, tzinfo=UTC)
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=moment, repository_def=ours
        ) as tick:
            return [one.partition_key for one in schedule.evaluate_tick(tick).run_requests or ()]

    assert due() == []
    act(
        server, "olga", "privacy-officer", "pii.record", dataset="dataset:[small]trips",
        engine="another", config_digest="0", rows=1, columns={},
    )  # fmt: skip
    assert evidence_job.execute_in_process(instance=instance).success
    tell(server, instance)
    (said,) = _facets(server, "evidence.look")
    assert [(one["kind"], one["ref"]) for one in said["tracehold_freshness"]["items"]] == [
        ("scan", "dataset:[small]trips")
    ]
    assert due() == ["trips"]
    assert job.execute_in_process(instance=instance, partition_key="trips").success
    tell(server, instance)
    (scanned,) = _facets(server, "scans.scan")
    assert scanned["tracehold_scan"]["rows"] == 200
    assert due() == []

    # The schedule would come back to one that cannot be read; the step says why and fails.
    (copy,) = (server.workspace / "data" / "trips").iterdir()
    copy.write_bytes(copy.read_bytes() + b"x")
    done = job.execute_in_process(instance=instance, partition_key="trips", raise_on_error=False)
    assert not done.success
    (failure,) = [e for e in done.all_events if e.is_step_failure]
    assert "is not what was recorded" in str(failure.event_specific_data)
