"""A code location that runs the assets of a workspace on Dask, as the how-to shows it.

``python dask_location.py``: materialize everything once, and say on standard output what came of
it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import dagster as dg
from dagster_dask import dask_executor

from orchestration.definitions import JOB, build
from orchestration.instance import dagster_home, opened
from orchestration.telling import reading_of, tell_everything
from tracehold.settings import load

CLUSTER = {"local": {"n_workers": 2, "dashboard_address": None}}
WORKSPACE = Path(os.environ["TRACEHOLD_WORKSPACE"])

defs = build(WORKSPACE, dask_executor.configured({"cluster": CLUSTER}, name="dask"))


def job() -> dg.JobDefinition:
    """The job, for a worker that runs one of its steps."""
    return defs.resolve_job_def(JOB)


def main() -> None:
    """Materialize everything."""
    ours = dg.build_reconstructable_job(
        "dask_location", "job", reconstructor_working_directory=str(Path(__file__).parent)
    )
    settings = load(WORKSPACE)
    data = settings.storage.data
    with opened(data) as instance:
        with dg.execute_job(ours, instance=instance) as result:
            events = [one for one in result.all_events if one.step_key]
        # What the sensor of these definitions does where Dagster's daemon runs.
        reading = reading_of(defs, settings.workspace.name)
        tell_everything(instance, dagster_home(data), reading)
    answer = {
        "made": sorted({str(one.step_key) for one in events if one.is_step_materialization}),
        "failed": sorted({str(one.step_key) for one in events if one.is_step_failure}),
        "processes": len({one.pid for one in events if one.is_step_start}),
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
