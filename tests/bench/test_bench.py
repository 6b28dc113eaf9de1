"""The benchmark runs from end to end, so that it can be trusted when it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("bench.py")
SUPPORT = BENCH.parents[1] / "support"


@pytest.mark.slow
def test_a_small_benchmark_prints_every_figure() -> None:
    small = ["--rounds", "1", "--runs", "60", "--jobs", "60", "--questions", "3"]
    done = subprocess.run(
        [sys.executable, str(BENCH), *small],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SUPPORT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = {line.split("|")[1].strip() for line in done.stdout.splitlines() if "|" in line}
    assert {"accepted", "visible", "server CPU", "trace from the last level p50"} <= figures
