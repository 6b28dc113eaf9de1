"""What a campaign tried and what failed, line by line, for the table of the run."""

from __future__ import annotations

import json
import os

__all__ = ["REPORT", "record"]

REPORT = "TRACEHOLD_CAMPAIGN_REPORT"


def record(row: str, *, tried: int, failed: int, unit: str, note: str = "") -> None:
    """Add an outcome to the table of this run; without a campaign that collects, do nothing.

    Outcomes of one row and unit are summed, their notes listed, so that a test may record each
    of its rounds. Record in a ``finally``, or before the assertion, so that failures count.

    Args:
        row: What was tried, as a reader of the table calls it: ``Kills of the server``.
        tried: How many.
        failed: How many of them broke the promise.
        unit: What was counted: ``rounds``, ``points``, ``examples``.
        note: What else to say: distinct outcomes, limits.
    """
    path = os.environ.get(REPORT)
    if not path:
        return
    line = {"row": row, "tried": tried, "failed": failed, "unit": unit, "note": note}
    # One write to an appended file: the workers of one run share it.
    with open(path, "ab", buffering=0) as report:  # noqa: PTH123
        report.write(json.dumps(line).encode() + b"\n")
