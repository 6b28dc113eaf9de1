"""A small workspace with two sources, two models and a license that one of them violates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from running_server import RunningServer

from tracehold.client import call
from tracehold.settings import load
from tracehold.workspace import PIPELINE, init, read_token, store_token

__all__ = ["RETENTION", "act", "make_small_workspace", "materialize", "pipeline", "tell"]

RETENTION = """\
kind: retention
name: short
clock_start: ingested
period: P5Y
legal_basis: a test
source: nowhere
review_by: 2040-01-01
"""

_SOURCE = """\
kind: dataset
name: {name}
stage: source
owner: team:test
source: {{path: sources/{name}.csv, format: csv}}
collection: {{method: feeds, from: 2020-01-01, to: 2020-12-31, supplier: a test}}
license: {license}
purposes: [dpv:ResearchAndDevelopment]
legal_basis: not-personal
region: DE
write_mode: overwrite
retention: short
columns: {{id: int64}}
quality:
  - {{rule: unique, column: id}}
"""

_TRAINING = """\
kind: dataset
name: {name}
stage: training_set
owner: team:test
retention: short
join: {join}
"""

_MODEL = """\
kind: model
name: late
version: "{version}"
owner: team:test
intended_use: a test
training_set: {training_set}
target: late
features: [x{more}]
use: train-for-release
on_erasure: retire
"""


def make_small_workspace(folder: Path) -> Path:
    """Trips under CC0 and ratings under CC-BY-NC; model ``late@1`` trains on both."""
    both = "{base: trips, lookups: [{dataset: ratings, on: [id], columns: [stars]}]}"
    manifests = {
        "retention": [RETENTION],
        "sources": [
            _SOURCE.format(name="trips", license="CC0-1.0"),
            _SOURCE.format(name="ratings", license="CC-BY-NC-4.0"),
        ],
        "derived": [
            _TRAINING.format(name="rated", join=both),
            _TRAINING.format(name="plain", join="{base: trips}"),
        ],
        "models": [
            _MODEL.format(version=1, training_set="rated", more=", stars"),
            _MODEL.format(version=2, training_set="plain", more=""),
        ],
    }
    init(
        folder,
        name="small",
        samples={f"manifests/{k}.yaml": "---\n".join(v) for k, v in manifests.items()},
    )
    trips = [f"{n},{n % 7},{int(n % 7 > 3)}" for n in range(200)]
    ratings = [f"{n},{n % 5}" for n in range(200)]
    (folder / "sources/trips.csv").write_text("\n".join(["id,x,late", *trips]) + "\n")
    (folder / "sources/ratings.csv").write_text("\n".join(["id,stars", *ratings]) + "\n")
    return folder


def pipeline(server: RunningServer) -> dict[str, str]:
    """What steps of a workspace find in their environment."""
    return {
        "TRACEHOLD_URL": server.url,
        "TRACEHOLD_TOKEN": read_token(load(server.workspace), PIPELINE),
        "TRACEHOLD_WORKSPACE": str(server.workspace),
    }


def materialize(server: RunningServer, *names: str) -> tuple[int, dict[str, Any], str]:
    """Run the pipeline as a user does; exit code, answer, what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.run", "--json", *names],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **pipeline(server)},
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def tell(server: RunningServer, instance: DagsterInstance) -> None:
    """Tell the server what an instance recorded, as the sensor of ``up --dagster`` does."""
    from orchestration.definitions import build
    from orchestration.telling import reading_of, tell_everything

    tell_everything(instance, server.workspace, reading_of(build(server.workspace), "small"))


def act(server: RunningServer, person: str, role: str, name: str, /, **body: Any) -> Any:
    """Perform an act as a person of one role, who is let in where not known yet."""
    settings = load(server.workspace)
    if not (settings.tokens / person).exists():
        admin = read_token(settings, settings.workspace.person)
        made = call(server.url, admin, "acts/person.add", body={"name": person, "roles": [role]})
        store_token(settings, person, made["token"])
    return call(server.url, read_token(settings, person), f"acts/{name}", body=body)
