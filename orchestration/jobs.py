"""What the jobs of a workspace share: how often they try, what runs alone, and how they report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.guarding import guarded
from orchestration.server_client import Server, address
from orchestration.standard_facets import PRODUCER
from tracehold_dagster.keys import RUN_FACETS

if TYPE_CHECKING:
    from tracehold.services import Services
    from tracehold.settings import Settings

__all__ = [
    "POOL", "RETRIES", "facet", "looking", "reported", "scheduled", "server_as", "settings_here",
]  # fmt: skip

POOL = "tracehold_destructive"
"""The pool of steps that delete; the instance lets one step of a pool run at a time."""

RETRIES = dg.RetryPolicy(
    max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For what may pass, a server that restarts above all; ``guarded`` says what is not tried again."""

_SCHEMA = "https://tracehold.dev/spec/facets/1-0-0/{name}.json#/$defs/{name}"


def settings_here() -> Settings:
    """The settings of the workspace that ``TRACEHOLD_WORKSPACE`` names, or of the nearest one."""
    from tracehold.settings import load

    return load(Path(os.environ.get("TRACEHOLD_WORKSPACE") or Path.cwd()))


@contextmanager
def looking(settings: Settings) -> Iterator[Services]:
    """The workspace, open for reading: what a job decides by."""
    from tracehold.bootstrap import open_services

    with open_services(settings, write=False) as services:
        yield services


@contextmanager
def reported(context: dg.OpExecutionContext) -> Iterator[dict[str, Any]]:
    """Record with a step what it looked at and what came of it; lineage tells that of its run.

    Errors of the block leave it as failures without texts that could hold a value of a row; of
    those the class is told.

    Args:
        context: Of the step.

    Yields:
        Facets of the run, to be filled.
    """
    facets: dict[str, Any] = {}

    def recorded() -> dict[str, Any]:
        return {RUN_FACETS: dg.MetadataValue.json(facets)} if facets else {}

    try:
        with guarded():
            yield facets
    except dg.Failure as failure:
        failure.metadata = {**failure.metadata, **recorded()}
        raise
    context.add_output_metadata(recorded())


def facet(name: str, /, **members: Any) -> dict[str, Any]:
    """A facet of ours, whose schema is ``docs/reference/facets/{name}.json``."""
    return {"_producer": PRODUCER, "_schemaURL": _SCHEMA.format(name=name), **members}


def scheduled(
    name: str,
    job: dg.JobDefinition,
    cron: str,
    requests: Callable[..., Iterator[dg.RunRequest | dg.SkipReason]] | None = None,
) -> dg.ScheduleDefinition:
    """A schedule that is on from the start.

    Args:
        name: Of the schedule.
        job: What it runs.
        cron: When, in UTC.
        requests: Says which runs a turn asks for; without it, one.
    """
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        execution_fn=requests,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def server_as(person: str, settings: Settings) -> Server | None:
    """The server, to act on it as a person; None where this machine keeps no token of them.

    Args:
        person: Name of somebody that an admin added for a job.
        settings: Of the workspace.

    Raises:
        Unavailable: No server is named, or the token cannot be read.
    """
    from lineage.errors import NotFound
    from tracehold.workspace import read_token

    url, _ = address(os.environ)
    try:
        return Server(url, read_token(settings, person))
    except NotFound:
        return None
