"""The Dagster instance of a workspace, on its own files and on PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_jobs import overlaps
from postgres_service import postgres

from orchestration.instance import DAGSTER_YAML, dagster_home, opened
from orchestration.jobs import POOL

CHECKOUT = Path(__file__).resolve().parents[2]
SUPPORT = CHECKOUT / "tests" / "support"
PATHS = (CHECKOUT, CHECKOUT / "clients" / "dagster", SUPPORT)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with opened(tmp_path) as made:
        yield made


def test_an_instance_is_silent_and_looks_after_its_runs(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert instance.run_monitoring_enabled
    assert instance.run_retries_enabled
    # What fails in a step is tried again by the step, or not at all.
    assert instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure
    limits = instance.get_concurrency_config()
    assert limits.pool_config.default_pool_limit == 1
    assert limits.run_queue_config is not None
    assert limits.run_queue_config.max_concurrent_runs == 2


def test_an_instance_that_somebody_configured_is_left_alone(tmp_path: Path) -> None:
    home = dagster_home(tmp_path)
    assert (home / "dagster.yaml").read_text() == DAGSTER_YAML
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert (dagster_home(tmp_path) / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_the_instance_for_development_is_as_silent() -> None:
    here = CHECKOUT / "dagster_home" / "dagster.yaml"
    ours, development = yaml.safe_load(DAGSTER_YAML), yaml.safe_load(here.read_text())
    shared = ("telemetry", "run_monitoring", "run_retries", "concurrency")
    assert {name: development.get(name) for name in shared} == {n: ours[n] for n in shared}


def _documented(title: str) -> str:
    """The YAML that the how-to shows under a title."""
    page = (CHECKOUT / "docs" / "how-to" / "scale.md").read_text()
    shown = re.search(rf"^## {title}$.*?^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert shown is not None
    return shown.group(1)


@pytest.fixture(params=["files", pytest.param("PostgreSQL", marks=pytest.mark.postgres)])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Where the instance below ``tmp_path`` keeps its runs, set up as the how-to says."""
    if request.param == "files":
        yield request.param
        return
    with postgres() as url, (dagster_home(tmp_path) / "dagster.yaml").open("a") as configuration:
        monkeypatch.setenv("TRACEHOLD_DAGSTER_POSTGRES_URL", url)
        configuration.write(_documented("PostgreSQL instead of files"))
        configuration.close()
        yield request.param


@pytest.mark.slow
def test_steps_of_the_pool_run_alone_in_processes_of_their_own(
    storage: str, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "dagster_jobs", str(tmp_path)],
        cwd=SUPPORT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, PATHS)),
            "TRACEHOLD_TEST_MARKS": str(marks),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == {
        "failures": [],
        "pools": {POOL: 1},
        "storage": "SqliteRunStorage" if storage == "files" else "PostgresRunStorage",
        "runs": 1,
    }
    assert overlaps(marks) == (3, 3, 0)
