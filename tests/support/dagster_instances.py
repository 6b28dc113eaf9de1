"""Instances of Dagster as its users have them: one event log per run, or one for all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage

__all__ = ["consolidated", "evaluate", "in_postgres", "sharded"]

# Output of steps is read by processes that Dagster does not wait for.
_QUIET = {
    "telemetry": {"enabled": False},
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    },
}


def sharded(folder: Path) -> dg.DagsterInstance:
    """An instance as Dagster makes one: an event log per run."""
    folder.mkdir(exist_ok=True)
    return dg.DagsterInstance.local_temp(str(folder), overrides=_QUIET)


def consolidated(folder: Path) -> dg.DagsterInstance:
    """An instance whose event log lies in one place, as that of PostgreSQL does."""
    folder.mkdir(exist_ok=True)
    storage = {
        "module": ConsolidatedSqliteEventLogStorage.__module__,
        "class": ConsolidatedSqliteEventLogStorage.__name__,
        "config": {"base_dir": str(folder / "history")},
    }
    return dg.DagsterInstance.local_temp(
        str(folder), overrides={**_QUIET, "event_log_storage": storage}
    )


@contextmanager
def in_postgres() -> Iterator[dg.DagsterInstance]:
    """An instance that keeps everything in a PostgreSQL of its own."""
    from postgres_service import postgres

    with postgres() as url, tempfile.TemporaryDirectory() as folder:
        storage = {"postgres": {"postgres_url": url}}
        with dg.DagsterInstance.local_temp(folder, overrides={**_QUIET, "storage": storage}) as one:
            yield one


def evaluate(
    defs: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None
) -> tuple[str | None, str]:
    """One evaluation of the lineage sensor: its cursor afterwards, and what it says."""
    repository = defs.get_repository_def()
    context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository)
    said = repository.get_sensor_def("tracehold_lineage").evaluate_tick(context)
    return context.cursor, said.skip_message or ""
