"""Dagster's way in: the assets, the job and the schedule of one workspace.

The workspace is the one that ``TRACEHOLD_WORKSPACE`` names, or the nearest ``tracehold.toml`` from
the working directory upwards. Nothing is read before Dagster asks for the definitions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from orchestration.assets import assets_of
from orchestration.estate import load_estate
from orchestration.progress import PROGRESS
from orchestration.retention import deletion_schedule, retention_schedule
from orchestration.scanning import scans_job, scans_schedule
from orchestration.specs import ModelSpec
from orchestration.watch import certificates_schedule, evidence_schedule
from tracehold_dagster import lineage_for

__all__ = ["JOB", "asset_job", "build", "defs", "processes"]

JOB = "tracehold"
"""Name of the job that materializes every governed asset."""


def build(workspace: Path, executor: dg.ExecutorDefinition | None = None) -> dg.Definitions:
    """The definitions of one workspace.

    Args:
        workspace: A folder of it.
        executor: What runs the steps, configured; without one each is a process of this machine.

    Raises:
        NotFound: The folder lies in no workspace.
        InvalidInput: A manifest is wrong; the error names file, line and field.
    """
    estate = load_estate(workspace)
    # What tells how processes are started is for those of our own choice alone.
    configuration = processes() if executor is None else {"loggers": {"progress": {}}}
    governed = [one.governed.name for one in estate.specs if not isinstance(one, ModelSpec)]
    own = dg.Definitions(
        assets=assets_of(estate.specs, estate.place),
        jobs=[dg.define_asset_job(JOB, dg.AssetSelection.all(), config=configuration)],
        schedules=[
            retention_schedule(),
            deletion_schedule(),
            certificates_schedule(),
            evidence_schedule(),
            *([scans_schedule(scans_job(governed), governed)] if governed else []),
        ],
        loggers={"progress": PROGRESS},
        executor=executor or dg.multi_or_in_process_executor,
    )
    return dg.Definitions.merge(own, lineage_for(namespace=estate.place.name))


def processes(concurrent: int = 2) -> dict[str, Any]:
    """Run configuration: each step in a process of its own, forked from one that is warm.

    Args:
        concurrent: How many steps at once.
    """
    warm = {"forkserver": {"preload_modules": ["orchestration.warm"]}}
    chosen = {"multiprocess": {"max_concurrent": concurrent, "start_method": warm}}
    return {"execution": {"config": chosen}, "loggers": {"progress": {}}}


@dg.definitions
def defs() -> dg.Definitions:
    """What ``dagster dev -m orchestration.definitions`` loads."""
    return build(Path(os.environ.get("TRACEHOLD_WORKSPACE") or Path.cwd()))


def asset_job() -> ReconstructableJob:
    """The job that materializes every governed asset, as each process of a run finds it.

    It is found in its code location, so that a guard knows all assets whichever the run makes.
    """
    location = ReconstructableRepository.for_module(__name__, "defs")
    return location.get_reconstructable_job(JOB)
