"""The Dagster instance of a workspace: in its data folder, silent, without copies of output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

__all__ = ["DAGSTER_YAML", "dagster_home", "opened"]

DAGSTER_YAML = """\
# The Dagster instance of this Tracehold workspace. It is made once and is yours to change;
# another database, more machines: docs/how-to/scale.md
telemetry:
  enabled: false
# Output of steps is not kept: a library can print a value of a row and nobody would delete it.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
# Events still reach our own progress lines; Dagster's own console lines are left out.
python_logs:
  python_log_level: CRITICAL
# A run whose process is gone is ended, gives back its place in pools, and is started again. What
# failed in a step is for the step's own retries.
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  free_slots_after_run_end_seconds: 300
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
# A pool takes one step at a time, in all runs together: what deletes never does so twice at once.
concurrency:
  runs:
    max_concurrent_runs: 2
  pools:
    granularity: op
    default_limit: 1
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days: 7
"""


def dagster_home(data: Path) -> Path:
    """The instance folder below the workspace's data folder, made on first use.

    Args:
        data: The data folder (``.tracehold``).
    """
    home = data / "dagster"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        configuration.write_text(DAGSTER_YAML, "utf-8")
    return home


@contextmanager
def opened(data: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a workspace, open for a while."""
    with dg.DagsterInstance.from_config(str(dagster_home(data))) as instance:
        yield instance
