"""The whole demo, told once, and then looked at from every side."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lineage.clock import system_clock
from lineage.journal.sqlite import open_journal
from tracehold.demo.data import synthetic_values
from tracehold.settings import load

pytestmark = pytest.mark.slow

# Everything that has the form of a synthetic value; compared with the set of real ones.
_FORMS = re.compile(
    rb"[a-z]+\.[a-z]+\d+@[a-z.]+|\+44 \d{2,3} \d{3,4} \d{4}|\+1 \d{3}-555-\d{4}|DE\d{20}"
)


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
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    workspace = tmp_path_factory.mktemp("told") / "demo"
    done = _tracehold("demo", "--no-serve", "--json", "--workspace", workspace)
    assert done.returncode == 0, done.stderr
    return Told(workspace, json.loads(done.stdout), done.stdout + done.stderr)


@pytest.fixture(scope="module")
def values() -> frozenset[bytes]:
    return frozenset(value.encode() for value in synthetic_values())


def _found(content: bytes, values: frozenset[bytes]) -> set[bytes]:
    return set(_FORMS.findall(content)) & values


def test_the_forms_catch_every_synthetic_value(values: frozenset[bytes]) -> None:
    assert all(_FORMS.fullmatch(value) for value in values)


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


def test_no_synthetic_value_is_kept_outside_the_data(told: Told, values: frozenset[bytes]) -> None:
    names = {path.relative_to(told.workspace).parts[0] for path in _kept(told.workspace)}
    assert {".tracehold", ".tracehold-keys", "data", "evidence", "models"} <= names
    for path in _kept(told.workspace):
        assert not _found(path.read_bytes(), values), path
    assert not _found(told.said.encode(), values)


def test_no_synthetic_value_is_in_a_part_of_the_journal(
    told: Told, values: frozenset[bytes]
) -> None:
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
    assert not _found(b"\n".join(parts), values)


def test_no_governed_copy_but_that_of_customers_holds_a_value(
    told: Told, values: frozenset[bytes]
) -> None:
    holding = set()
    for path in (told.workspace / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        if _found("\n".join(map(str, table.to_pylist())).encode(), values):
            holding.add(path.parent.name)
    assert holding == {"customers"}


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


def test_the_proofs_hold_without_a_server(told: Told) -> None:
    for words in (
        ("journal", "verify"),
        ("certificate", "verify", told.figures["certificate"]),
        ("retention", "verify", told.figures["case"]),
        ("evidence", "verify", told.figures["bundle"]),
    ):
        done = _tracehold(*words, "--workspace", told.workspace)
        assert done.returncode == 0, (words, done.stderr)
    rebuilt = _tracehold("journal", "rebuild", "--json", "--workspace", told.workspace)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert json.loads(rebuilt.stdout)["equal"]


def test_a_second_demo_does_not_touch_the_first(told: Told) -> None:
    before = sorted(path for path in told.workspace.rglob("*"))
    done = _tracehold("demo", "--no-serve", "--workspace", told.workspace)
    assert done.returncode == 4
    assert "is not empty" in done.stderr
    assert before == sorted(path for path in told.workspace.rglob("*"))
