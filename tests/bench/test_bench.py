"""The benchmark runs from end to end, so that it can be trusted when it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench_page import renewed

BENCH = Path(__file__).with_name("bench.py")
ROOT = BENCH.parents[2]
PATHS = (ROOT / "tests" / "support", ROOT, ROOT / "clients" / "dagster")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCH), *words],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(map(str, PATHS))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_small_benchmark_prints_every_figure() -> None:
    done = run(
        "--small",
        "--rounds",
        "1",
        "--only",
        "accept,visible,sustained,stages,closure,refold,start,producers,large,verdicts",
    )
    assert done.returncode == 0, done.stderr
    figures = {line.split("|")[1].strip() for line in done.stdout.splitlines() if "|" in line}
    assert {
        "scrubbed, server CPU",
        "not scrubbed, p99 at half rate",
        "scrubbed, by floor",
        "visible",
        "greatest lag",
        "fold: settle",
        "closure p95, sql",
        "refold, CPU",
        "until a question is answered",
        "together, by one alone",
        "peak resident, folded too",
    } <= figures


@pytest.mark.slow
def test_a_small_estate_is_traced_listed_and_searched() -> None:
    done = run("--small", "--only", "estate,search")
    assert done.returncode == 0, done.stderr
    for figure in ("column, any depth, p95, sql", "list of runs, p95", "a misspelled column, p95"):
        assert figure in done.stdout


@pytest.mark.slow
def test_a_small_history_of_dagster_is_sent_without_a_loss() -> None:
    done = run("--small", "--rounds", "1", "--only", "dagster-runs,dagster-load")
    assert done.returncode == 0, done.stderr
    for figure in ("an outage of 900 entries made good", "what lineage_for adds to that"):
        assert figure in done.stdout


def test_an_unknown_scenario_is_refused_with_the_names_of_those_there_are() -> None:
    done = run("--only", "speed")
    assert done.returncode != 0
    assert "accept" in done.stderr


def test_a_small_import_has_its_figures() -> None:
    done = run("--small", "--rounds", "1", "--only", "import")
    assert done.returncode == 0, done.stderr
    assert "50 models, imported and folded" in done.stdout


def test_a_small_journal_has_the_figures_of_proofs() -> None:
    done = run("--small", "--only", "proofs")
    assert done.returncode == 0, done.stderr
    assert "hashes in a proof" in done.stdout


def test_a_section_takes_the_place_of_its_former_one_and_leaves_the_others() -> None:
    order = ["First", "Second", "Third"]
    page = "# Of old\n\n## Gone\n\nx\n\n## Third\n\n3\n\n## First\n\n1\n"
    page = renewed(page, "## Second\n\n2\n", order)
    page = renewed(page, "## First\n\none\n", order)
    assert page.startswith("# Benchmarks\n")
    sections = [part.split() for part in page.split("## ")[1:]]
    assert sections == [["First", "one"], ["Second", "2"], ["Third", "3"]]
