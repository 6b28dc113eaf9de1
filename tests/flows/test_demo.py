"""The whole demo, told once, and then looked at from every side."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
from canaries import canaries, found
from demo_estate import copy_of, demo_workspace, figures  # noqa: F401
from demo_estate import told as screen

from lineage.clock import system_clock
from lineage.journal.sqlite import open_journal
from tracehold.demo.data import synthetic_values
from tracehold.settings import load

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Told:
    """A demo that ended."""

    workspace: Path
    figures: dict[str, Any]
    said: str


def _tracehold(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tracehold", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def told(demo_workspace: Path) -> Told:  # noqa: F811
    return Told(demo_workspace, figures(demo_workspace), screen(demo_workspace))


def test_a_synthetic_value_is_found_in_any_notation() -> None:
    values = synthetic_values()
    assert len(canaries()) == len(values) == 15_000
    for value in random.Random(7).sample(sorted(values), 300):
        compact = value.translate({ord(" "): "", ord("-"): ""})
        for written in (value, compact, compact.upper(), quote(value)):
            assert found(f"\\n{written}1\\n".encode()), written
    assert not found(b"ada.juniper@example.org +44 20 7946 0 DE98 +1 202-555-0 4420794609")


def test_every_chapter_is_told(told: Told) -> None:
    chapters = told.figures["chapters"]
    assert len(chapters) == 13
    assert all(one["result"] for one in chapters)


def _kept(workspace: Path) -> Iterator[Path]:
    """What must hold no value: all but the sources and the governed copies of personal data."""
    personal = {workspace / "sources", workspace / "data" / "customers"}
    for path in workspace.rglob("*"):
        if path.is_file() and not personal & set(path.parents):
            yield path


def test_no_synthetic_value_is_kept_outside_the_data(told: Told) -> None:
    names = {path.relative_to(told.workspace).parts[0] for path in _kept(told.workspace)}
    assert {".tracehold", ".tracehold-keys", "data", "evidence", "models"} <= names
    for path in _kept(told.workspace):
        assert not found(path.read_bytes()), path
    assert not found(told.said.encode())


def test_no_synthetic_value_is_in_a_part_of_the_journal(told: Told) -> None:
    settings = load(told.workspace)
    journal = open_journal(
        settings.storage.data, settings.storage.keys, origin=settings.origin, clock=system_clock,
        read_only=True,
    )  # fmt: skip
    try:
        parts = [
            part
            for fact in journal.stored()
            for part in (fact.envelope, fact.distilled, fact.raw)
            if part is not None
        ]
    finally:
        journal.close()
    assert len(parts) > 100
    assert not found(b"\n".join(parts))


def test_no_governed_copy_but_that_of_customers_holds_a_value(told: Told) -> None:
    holding = {}
    for path in (told.workspace / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        cells = (str(cell) for column in table.columns for cell in column.unique().to_pylist())
        if values := found("\n".join(cells).encode()):
            holding[path.parent.name] = values
    assert holding == {"customers": canaries()}


def test_the_purged_copies_are_gone_and_the_survivors_untouched(told: Told) -> None:
    assert not (told.workspace / "data" / "landing" / "bookings.csv").exists()
    assert not list((told.workspace / "data" / "bookings").glob("*"))
    survivors = list((told.workspace / "data").rglob("*.parquet"))
    assert len(survivors) == 9
    for path in survivors:
        assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(path.stem)


@pytest.mark.parametrize("version", [1, 2])
def test_the_trace_reaches_every_source_with_its_terms(told: Told, version: int) -> None:
    done = _tracehold(
        "trace", f"model:no_show@{version}", "--up", "--json", "--workspace", told.workspace
    )
    trace = json.loads(done.stdout)
    assert trace["complete"], trace["reasons"]
    notes = {node["ref"]: node for node in trace["nodes"]}
    names = ["flights.csv", "weather.csv", "planes.csv", "customers.parquet"]
    reached = [ref for ref in notes if any(ref.endswith(f"/sources/{name}") for name in names)]
    assert len(reached) == 4
    delivered = f"dataset:[file]{told.workspace}/data/landing/bookings.csv"
    assert delivered in notes
    assert any(ref.endswith("loyalty.csv") for ref in notes) == (version == 1)
    text = json.dumps([notes[ref] for ref in reached])
    for word in ("CC0-1.0", "LicenseRef-first-party", "dpv:ServiceProvision", "customer_master"):
        assert word in text
    if version == 1:
        assert told.figures["waiver"] in done.stdout


def test_licenses_are_judged_as_told(told: Told) -> None:
    first = _tracehold("license", "check", "model:no_show@1", "--workspace", told.workspace)
    assert first.returncode == 1
    assert "loyalty.csv" in first.stdout
    second = _tracehold("license", "check", "model:no_show@2", "--workspace", told.workspace)
    assert second.returncode == 0, second.stdout


def test_the_proofs_hold_without_a_server(told: Told, tmp_path: Path) -> None:
    for words in (
        ("journal", "verify"),
        ("certificate", "verify", told.figures["certificate"]),
        ("retention", "verify", told.figures["case"]),
        ("evidence", "verify", told.figures["bundle"]),
    ):
        done = _tracehold(*words, "--workspace", told.workspace)
        assert done.returncode == 0, (words, done.stderr)
    copy = copy_of(told.workspace, tmp_path / "copy")
    rebuilt = _tracehold("journal", "rebuild", "--json", "--workspace", copy)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert json.loads(rebuilt.stdout)["equal"]


def test_a_second_demo_does_not_touch_the_first(told: Told, tmp_path: Path) -> None:
    copy = copy_of(told.workspace, tmp_path / "copy")
    before = sorted(copy.rglob("*"))
    done = _tracehold("demo", "--no-serve", "--workspace", copy)
    assert done.returncode == 4
    assert "is not empty" in done.stderr
    assert before == sorted(copy.rglob("*"))
