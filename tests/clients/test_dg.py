"""Dagster's own ``dg`` finds the component, scaffolds it, and checks and lists what it makes."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from services import client_home

pytestmark = [pytest.mark.clients, pytest.mark.dg, pytest.mark.slow]

PACKAGE = Path(__file__).parents[2] / "clients" / "dagster"
COMPONENT = "tracehold_dagster.component.TraceholdLineageComponent"

PROJECT = """
[project]
name = "shop"
version = "1"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shop"
"""
DEFINITIONS = """
from pathlib import Path
from dagster import definitions, load_from_defs_folder

@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as dg makes one, with one asset."""
    folder = tmp_path / "shop"
    defs = folder / "src" / "shop" / "defs"
    defs.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (defs.parent / "__init__.py").touch()
    (defs.parent / "definitions.py").write_text(DEFINITIONS)
    (defs / "assets.py").write_text("import dagster as dg\n\n@dg.asset\ndef orders(): ...\n")
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package as an installer registers it, entry points and all."""
    declared = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    record = tmp_path / "site" / "tracehold_dagster-1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {declared['name']}\nVersion: 1")
    points = [
        line
        for group, entries in declared["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (record / "entry_points.txt").write_text("\n".join(points))
    return record.parent


def dg(project: Path, installed: Path, *words: str) -> str:
    """Run dg in a project; returns what it says."""
    home = client_home("dg")
    assert home is not None
    paths = (installed, PACKAGE, project / "src")
    environment = {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "HOME": str(project.parent),
        "DAGSTER_HOME": "",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "COLUMNS": "200",
        "TERM": "dumb",
    }
    done = subprocess.run(
        [home / "bin" / "dg", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def test_dg_lists_scaffolds_checks_and_shows_the_component(project: Path, installed: Path) -> None:
    assert COMPONENT in dg(project, installed, "list", "components")
    dg(project, installed, "scaffold", "defs", COMPONENT, "lineage")
    written = (project / "src" / "shop" / "defs" / "lineage" / "defs.yaml").read_text()
    assert written.startswith(f"type: {COMPONENT}")
    assert "validated successfully" in dg(project, installed, "check", "yaml")
    dg(project, installed, "check", "defs")
    listed = dg(project, installed, "list", "defs")
    assert "orders" in listed
    assert "tracehold_lineage" in listed
