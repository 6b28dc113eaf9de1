"""What a run is shown to be: nothing runs for ever only because nobody heard its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openlineage_events import World, at, facet, job_key, run_event

from lineage.state.port import RunRow
from lineage.state.standing import STALE, Ages, shown_state, streaming_jobs

HOUR = 60
AGES = Ages(run=24 * 3_600_000, stream=168 * 3_600_000)


def shown(world: World, hours: float, ages: Ages = AGES) -> dict[str, str]:
    """Every run of the estate by job, as shown so many hours after the first moment."""
    runs = world.state.runs()
    streams = streaming_jobs(world.state, [run.job_key for run in runs])
    names = {run.job_key: world.state.nodes([run.job_key])[run.job_key] for run in runs}
    return {
        str(names[run.job_key].props["name"]): shown_state(
            run, now=at(hours * HOUR), streaming=run.job_key in streams, ages=ages
        )
        for run in runs
    }


def stream(kind: str, minutes: float, processing: str = "STREAMING", **more: Any) -> dict[str, Any]:
    event = run_event(kind, minutes, **more)
    event["job"]["facets"]["jobType"] = facet(
        "JobTypeJobFacet", processingType=processing, integration="FLINK"
    )
    return event


@pytest.mark.parametrize("kind", ["START", "RUNNING", "OTHER"])
def test_a_run_that_went_silent_is_stale_after_a_day_and_not_before(
    tmp_path: Path, kind: str
) -> None:
    world = World(tmp_path).send(run_event(kind, 0))
    assert shown(world, 24) == {"job": kind}
    assert shown(world, 24.001) == {"job": STALE}
    world.send(run_event("RUNNING", 30 * HOUR))
    assert shown(world, 54) != {"job": STALE}
    assert shown(world, 55) == {"job": STALE}
    world.close()


@pytest.mark.parametrize("kind", ["COMPLETE", "FAIL", "ABORT"])
@pytest.mark.parametrize("start", [True, False])
def test_a_run_that_ended_is_never_stale(tmp_path: Path, kind: str, start: bool) -> None:
    world = World(tmp_path).send(run_event(kind, 1))
    if start:
        world.send(run_event("START", 0))
    assert shown(world, 10_000) == {"job": kind}
    world.close()


@pytest.mark.parametrize("processing", ["STREAMING", "SERVICE", "streaming"])
def test_a_stream_may_be_silent_for_longer_but_not_for_ever(
    tmp_path: Path, processing: str
) -> None:
    world = World(tmp_path).send(
        stream("RUNNING", 0, processing, job="flink", inputs=["topic"], outputs=["table"]),
        stream("RUNNING", 0, "BATCH", job="spark"),
    )
    assert shown(world, 25) == {"flink": "RUNNING", "spark": STALE}
    assert shown(world, 169) == {"flink": STALE, "spark": STALE}
    assert streaming_jobs(world.state, []) == frozenset()
    # A stream that only ever reports RUNNING wires things all the same, in both views.
    for view in ("structural", "content"):
        assert world.standing(view, 500 * HOUR) == {("topic", "table")}
    world.close()


def test_what_says_nothing_of_its_kind_is_no_stream(tmp_path: Path) -> None:
    for said in ({"processingType": 3}, {"processingType": None}, {}):
        event = run_event("RUNNING", 0)
        event["job"]["facets"]["jobType"] = facet("JobTypeJobFacet", **said)
        world = World(tmp_path).send(event)
        assert streaming_jobs(world.state, [job_key("job")]) == frozenset()
        world.close()


def test_an_age_of_nothing_lets_a_run_be_silent_for_ever(tmp_path: Path) -> None:
    world = World(tmp_path).send(run_event("START", 0), stream("RUNNING", 0, job="flink"))
    assert shown(world, 10**6, Ages(0, 0)) == {"job": "START", "flink": "RUNNING"}
    assert shown(world, 10**6, Ages(float("inf"), 1)) == {"job": "START", "flink": STALE}
    world.close()


def test_a_run_whose_events_tell_no_time_is_stale() -> None:
    run = RunRow("k", "j", "r", "START", None, None, False, (), (), {})
    assert shown_state(run, now=at(0), streaming=False, ages=AGES) == STALE
