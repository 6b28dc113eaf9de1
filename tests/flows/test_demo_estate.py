"""What an auditor asks of the estate that the demo leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from demo_estate import demo_workspace, figures  # noqa: F401
from running_server import run

pytestmark = pytest.mark.slow

SOURCES = {
    "data/landing/bookings.csv": ("LicenseRef-first-party", "booking_records"),
    "sources/customers.parquet": ("LicenseRef-first-party", "customer_master"),
    "sources/loyalty.csv": ("CC-BY-NC-4.0", "partner_data"),
    "sources/flights.csv": ("CC0-1.0", "public_record"),
    "sources/planes.csv": ("CC0-1.0", "public_record"),
    "sources/weather.csv": ("CC0-1.0", "public_record"),
}


@pytest.fixture(scope="module")
def trace(demo_workspace: Path) -> dict[str, Any]:  # noqa: F811
    """The trace of model 1 upwards, with its nodes by reference and their sources by key."""
    done = run("trace", "model:no_show@1", "--up", "--json", workspace=demo_workspace)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_every_source_of_the_model_has_license_purpose_findings_and_retention(
    trace: dict[str, Any],
    demo_workspace: Path,  # noqa: F811
) -> None:
    assert trace["complete"], trace["reasons"]
    notes = {node["ref"]: node["annotations"] for node in trace["nodes"]}
    files = {ref for ref in notes if ref.startswith("dataset:[file]")}
    assert files == {f"dataset:[file]{demo_workspace}/{path}" for path in SOURCES}
    for path, (license_, retention) in SOURCES.items():
        note = notes[f"dataset:[file]{demo_workspace}/{path}"]
        assert note["license"] == license_
        assert note["purposes"]
        assert note["legal_basis"]
        assert note["owner"].startswith("team:")
        assert note["retention"]["class"] == retention
        personal = retention in {"booking_records", "customer_master"}
        kinds = {"EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN_CODE"} if personal else set()
        assert set(note["pii"]) == kinds


def test_every_hop_has_terms_of_its_own_or_inherits_them(trace: dict[str, Any]) -> None:
    nodes = {node["key"]: node for node in trace["nodes"]}
    above = defaultdict(set)
    for edge in trace["edges"]:
        above[edge["dst"]].add(edge["src"])
    for key, node in nodes.items():
        note = node["annotations"]
        assert note["retention"]["class"], node["ref"]
        assert note["owner"], node["ref"]
        # A model is not scanned; every dataset was.
        assert ("pii" in note) == (node["label"] == "Dataset"), node["ref"]
        assert {"license", "purposes"} <= note.keys() or above[key], node["ref"]


def test_the_trace_says_what_became_of_each_part(trace: dict[str, Any]) -> None:
    notes = {node["ref"]: node["annotations"] for node in trace["nodes"]}
    (waiver,) = notes["model:no_show@1"]["waivers"]
    assert "license/non-commercial" in waiver
    (decided,) = notes["model:no_show@1"]["deletion"]
    assert decided["decision"] == "retire"
    purged = {ref for ref, note in notes.items() if "purged" in note}
    assert {ref.rpartition("/")[2] for ref in purged} == {"dataset:[demo]bookings", "bookings.csv"}


def test_what_was_purged_is_not_listed_as_personal_data(demo_workspace: Path) -> None:  # noqa: F811
    done = run("pii", "exposure", "--json", workspace=demo_workspace)
    held = {row["dataset"].rpartition("/")[2] for row in json.loads(done.stdout)["rows"]}
    assert held == {"dataset:[demo]customers", "customers.parquet"}


def _verify(verifier: Path, bundle: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(verifier), str(bundle)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": os.environ.get("PATH", "")},
    )


def test_an_auditor_verifies_a_copy_and_any_changed_file_is_noticed(
    demo_workspace: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    bundle = Path(shutil.copytree(figures(demo_workspace)["bundle"], tmp_path / "bundle"))
    verifier = Path(shutil.copy(bundle / "verify.py", tmp_path / "verify.py"))
    assert len(verifier.read_text().splitlines()) <= 300
    done = _verify(verifier, bundle, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    assert len(files) > 50
    # Of facts and proofs, which are many of one kind, every fifth.
    kinds = {"facts", "proofs"}
    many = [path for path in files if path.parent.name in kinds]
    for path in [*(path for path in files if path not in many), *many[::5]]:
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        assert _verify(verifier, bundle, tmp_path).returncode == 1, path
        path.write_bytes(content)
    assert _verify(verifier, bundle, tmp_path).returncode == 0


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_bundle_with_a_file_more_or_less_is_refused(
    demo_workspace: Path,  # noqa: F811
    tmp_path: Path,
    change: str,
) -> None:
    bundle = Path(shutil.copytree(figures(demo_workspace)["bundle"], tmp_path / "bundle"))
    if change == "added":
        (bundle / "documents" / "more.json").write_text("{}")
    else:
        next((bundle / "proofs").iterdir()).unlink()
    assert _verify(bundle / "verify.py", bundle, tmp_path).returncode == 1
