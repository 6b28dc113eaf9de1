"""The jobs that keep to retention, against a real server: proposed, approved, carried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from demo_workspace import act, make_small_workspace, materialize, pipeline
from running_server import RunningServer, serving

from lineage.errors import Denied
from orchestration.instance import opened
from orchestration.retention import (
    EXECUTOR,
    PLANNER,
    deletion_job,
    deletion_schedule,
    retention_job,
)
from tracehold.settings import load

pytestmark = pytest.mark.slow

AT_ONCE = {"ops": {"propose": {"config": {"quarantine_days": 0}}}}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """A workspace whose datasets are all due, as steps of its Dagster see it."""
    with serving(make_small_workspace(tmp_path / "small")) as running:
        code, _, said = materialize(running, "trips", "ratings")
        assert code == 0, said
        for name, value in pipeline(running).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TRACEHOLD_CLOCK_JUDGEMENT_NOW", "2050-01-01")
        yield running


@pytest.fixture
def instance(server: RunningServer) -> Iterator[dg.DagsterInstance]:
    with opened(load(server.workspace).storage.data) as opened_:
        yield opened_


def _cases(server: RunningServer) -> dict[str, dict[str, Any]]:
    with closing(server.client()) as client:
        found = client.json("/api/v1/deletions")["items"]
    return {one["request"]["targets"][0]: one for one in found}


def _run(job: dg.JobDefinition, instance: dg.DagsterInstance, config: Any = None) -> Any:
    return job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)


def _tick(instance: dg.DagsterInstance) -> Any:
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2050, 1, 1, 4, 35, tzinfo=UTC)
    )
    return deletion_schedule().evaluate_tick(context)


def _proposed(instance: dg.DagsterInstance) -> int:
    done = _run(retention_job, instance, AT_ONCE)
    assert done.success
    assert done.output_for_node("propose")["refused"] == 0
    return int(done.output_for_node("propose")["proposed"])


def test_what_is_due_is_proposed_approved_and_then_carried_out(
    server: RunningServer, instance: dg.DagsterInstance
) -> None:
    # Without anybody who may plan, the decision is on record and no case is opened.
    assert _proposed(instance) == 0
    assert not _cases(server)
    assert _tick(instance).skip_message == f"this machine keeps no token of {EXECUTOR}"

    # Who may only plan can do nothing else. A hold is stronger than what is due.
    with pytest.raises(Denied):
        act(server, PLANNER, "planner", "hold.place", scope=[], matter="", reason="")
    held = act(
        server, "olga", "privacy-officer", "hold.place",
        scope=["dataset:[small]ratings"], matter="7 O 12", reason="a lawsuit",
    )["hold"]  # fmt: skip
    assert _proposed(instance) == 1
    (trips,) = _cases(server).values()
    assert (trips["phase"], trips["request"]["quarantine_days"]) == ("planned", 0)
    assert trips["request"]["targets"] == ["dataset:[small]trips"]
    assert trips["request"]["legal_ground"] == "retention class short: a test"
    assert "trips" not in trips["case"]
    # The same day again: the case is there.
    assert _proposed(instance) == 0

    # Nobody has agreed, so there is nothing to carry out, and it would be refused.
    act(server, EXECUTOR, "executor", "login.open")
    assert _tick(instance).skip_message == "no approved deletion waits"
    carry_out = {"ops": {"apply": {"config": {"case": trips["case"]}}}}
    assert not _run(deletion_job, instance, carry_out).success
    assert list((server.workspace / "data" / "trips").iterdir())

    for name in ("anna", "arno"):
        act(
            server, name, "approver", "deletion.approve",
            case=trips["case"], plan_hash=trips["plan_hash"],
        )  # fmt: skip
    (request,) = _tick(instance).run_requests
    assert request.run_config == carry_out
    assert request.tags["tracehold/case"] == trips["case"]
    done = _run(deletion_job, instance, request.run_config)
    assert done.output_for_node("apply") == "certified"
    assert not list((server.workspace / "data").rglob("trips/*.parquet"))
    assert list((server.workspace / "data" / "ratings").iterdir())
    assert _tick(instance).skip_message == "no approved deletion waits"

    # Once the hold is gone the other is proposed; what somebody refuses is not proposed again.
    for person in ("olga", "anna"):
        act(server, person, "", "hold.release", hold=held, reason="the lawsuit is over")
    assert _proposed(instance) == 1
    ratings = _cases(server)["dataset:[small]ratings"]["case"]
    with pytest.raises(Denied):
        act(server, PLANNER, "", "deletion.cancel", case=ratings, reason="not yet")
    act(server, "olga", "", "deletion.cancel", case=ratings, reason="not yet")
    assert _proposed(instance) == 0
    assert len(_cases(server)) == 2
