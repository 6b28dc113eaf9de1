"""A small job for tests of a Dagster instance, run in processes of its own.

``python -m dagster_jobs DATA``: run it on the instance of a data folder; says what came of it.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from orchestration.instance import opened
from orchestration.jobs import POOL

__all__ = ["crowded", "main", "overlaps"]

_HELD_SECONDS = 0.2


@dg.op(out=dg.DynamicOut(int))
def _numbers() -> Iterator[dg.DynamicOutput[int]]:
    for number in range(3):
        yield dg.DynamicOutput(number, mapping_key=str(number))


@dg.op(pool=POOL)
def _alone(number: int) -> None:
    folder = Path(os.environ["TRACEHOLD_TEST_MARKS"])
    began = time.monotonic_ns()
    time.sleep(_HELD_SECONDS)
    (folder / f"{number} {began} {time.monotonic_ns()} {os.getpid()}").touch()


_FORKED = {"start_method": {"forkserver": {"preload_modules": ["dagster", "orchestration.jobs"]}}}


@dg.job(executor_def=dg.multiprocess_executor.configured(_FORKED, "forked"))
def crowded() -> None:
    """Three steps that could run at once, in a pool of one."""
    _numbers().map(_alone)


def overlaps(folder: Path) -> tuple[int, int, int]:
    """How many steps ran, in how many processes, and how many began before another ended."""
    marks = [path.name.split() for path in folder.iterdir()]
    spans = sorted((int(began), int(ended)) for _, began, ended, _ in marks)
    early = sum(after[0] < before[1] for before, after in itertools.pairwise(spans))
    return len(marks), len({pid for *_, pid in marks}), early


def main(data: Path) -> None:
    """Run the job once."""
    from dagster_jobs import crowded as importable

    with opened(data) as instance:
        with dg.execute_job(dg.reconstructable(importable), instance=instance) as result:
            failures = [str(e.event_specific_data) for e in result.all_events if e.is_failure]
        answer = {
            "failures": failures,
            "pools": {p.name: p.limit for p in instance.event_log_storage.get_pool_limits()},
            "storage": type(instance.run_storage).__name__,
            "runs": instance.get_runs_count(),
        }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
