"""How long the manifest of a large dbt project takes to import, folding included."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from dbt_samples import large_manifest
from import_samples import PG
from rig import Options, Row, Scenario, folder
from running_server import make_workspace

__all__ = ["SCENARIOS"]


def _import(workspace: Path, manifest: Path, models: int) -> tuple[float, float]:
    """Seconds and seconds of CPU of the command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    words = ["import", "dbt", manifest, "--namespace", PG, "--workspace", workspace, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "tracehold", *map(str, words)], capture_output=True, check=True
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = json.loads(done.stdout)
    if (answer["jobs"], answer["refused"]) != (models, 0):
        raise RuntimeError(f"the import says {answer}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _dbt(options: Options) -> list[Row]:
    models = options.sized(5_000, 50)
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for _ in range(options.rounds):
        with folder() as home:
            workspace = make_workspace(home / "workspace")
            manifest = home / "manifest.json"
            manifest.write_text(json.dumps(large_manifest(models)), encoding="utf-8")
            first.append(_import(workspace, manifest, models))
            again.append(_import(workspace, manifest, models))
    return [
        Row(f"{models:,} models, imported and folded", [one for one, _ in first], "s", "≤ 30"),
        Row("CPU of it", [cpu for _, cpu in first], "s"),
        Row("the same again", [one for one, _ in again], "s"),
        Row("CPU of that", [cpu for _, cpu in again], "s"),
    ]


SCENARIOS = (
    Scenario(
        "import",
        "A dbt manifest, imported without a server",
        _dbt,
        note="20 columns, up to three parents, two tests and compiled SQL per model.",
    ),
)
