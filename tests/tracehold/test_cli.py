"""The command line: exit codes, three lines, one JSON object, no server needed to read."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import Api, complete, services_of, workspace

from lineage.clock import system_clock
from lineage.errors import TraceholdError
from tracehold.cli import main
from tracehold.cli.app import app
from tracehold.cli.main import run
from tracehold.workspace import store_token


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace in which one run was reported."""
    settings = workspace(tmp_path / "shop", clock=system_clock)
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        store_token(settings, "olga", api.hire("olga", "privacy-officer"))
        assert api.send("POST", "/api/v1/lineage", token=api.token(), json=complete()).is_success
    return settings.folder


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def answer(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> Any:
    code, out, err = said(capsys, *words, "--json", "--workspace", str(folder))
    assert code == 0, err
    assert out.count("\n") == 1
    return json.loads(out)


def commands() -> list[list[str]]:
    """Every command of the tree."""
    import typer.main

    found = []
    queue: list[tuple[list[str], Any]] = [([], typer.main.get_command(app))]
    while queue:
        path, command = queue.pop()
        members = getattr(command, "commands", None)
        if members is None:
            found.append(path)
        else:
            queue += [([*path, name], one) for name, one in members.items()]
    return sorted(found)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_and_takes_json_and_workspace(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, out, _ = said(capsys, *words, "--help")
    assert code == 0
    assert "--json" in out
    assert "--workspace" in out


def test_the_command_tree_is_the_contract() -> None:
    tree = {" ".join(words) for words in commands()}
    promised = """init|demo|up|run|check|dataset list|dataset show|model list|model show|job list
        |job show|trace|pii scan|pii exposure|license check|retention due|retention plan
        |retention approve|retention apply|retention verify|certificate list|certificate show
        |certificate verify|hold place|hold release|hold list|evidence build|evidence verify
        |journal verify|journal checkpoint|journal export|journal rebuild|graph status
        |graph mirror|graph neo4j|user add|user list|user disable|user login|doctor"""
    assert {one.strip() for one in promised.split("|")} <= tree


def test_help_is_there_in_half_a_second() -> None:
    best = 9.0
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "tracehold", "--help"], capture_output=True, check=True
        )
        best = min(best, time.perf_counter() - began)
    # Generous, for a machine that runs other tests at the same time.
    assert best < 2.0


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from tracehold.cli.main import run; run(['--help']);"
        "heavy = {'fastapi', 'uvicorn', 'rich', 'catalog', 'privacy', 'cryptography', 'jinja2',"
        " 'pandas', 'pyarrow', 'neo4j', 'dagster'};"
        "sys.stderr.write(str(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["frobnicate"], 2),
        (["trace"], 2),
        (["trace", "x", "--bogus"], 2),
        (["trace", "clean_1", "--up", "--down"], 2),
        (["trace", "clean_1", "--depth", "0"], 2),
        (["trace", "clean_1", "--as-of", "soon"], 2),
        (["trace", "nobody_knows"], 2),
        (["dataset", "show", "dataset:[x"], 2),
        (["dataset", "list", "--limit", "0"], 2),
        (["trace", "clean_1", "--limit", "0"], 2),
        (["search", "clean", "--limit", "0"], 2),
        (["run", "inputs", "nobody_knows"], 2),
        (["diff", "clean_1", "--from", "2026-02-01", "--to", "2026-01-01"], 2),
        (["import", "openlineage", "missing.jsonl"], 2),
        (["import", "dbt", "missing"], 3),
        (["import", "datahub", "missing.json", "--platform", "mysql"], 2),
        (["model", "show", "clean_1"], 2),
        (["run", "show"], 2),
        (["pii", "scan", "missing.csv"], 2),
        (["license", "check", "clean_1", "--use", "fun"], 2),
        (["license", "check", "clean_1"], 1),
        (["certificate", "show", "nope"], 2),
        (["retention", "apply", "nope", "--as", "olga"], 3),
        (["retention", "request", "clean_1", "--ground", "g", "--reason", "r"], 3),
        (["hold", "release", "nope", "--reason", "r", "--as", "olga"], 2),
        (["user", "login"], 3),
        (["user", "add", "olga", "--role", "auditor"], 4),
        (["user", "add", "x", "--role", "auditor", "--as", "nobody"], 2),
        (["graph", "mirror"], 3),
        (["evidence", "verify", "missing"], 2),
        (["journal", "verify"], 0),
        (["check"], 0),
        (["doctor"], 0),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else str(words),
)
def test_each_end_has_its_exit_code_and_says_what_to_do_in_at_most_three_lines(
    capsys: pytest.CaptureFixture[str], folder: Path, words: list[str], code: int
) -> None:
    got, out, err = said(capsys, *words, "--workspace", str(folder))
    assert got == code, (out, err)
    if code in (2, 3, 4):
        lines = err.strip().splitlines()
        assert lines[0].startswith("error: ")
        assert all(line.startswith(("error: ", "where: ", "do:    ")) for line in lines)
        assert lines[-1].startswith("do: "), "says what to do"
        assert len(lines) <= 3
    got, out, err = said(capsys, *words, "--json", "--workspace", str(folder))
    assert got == code
    if code in (2, 3, 4):
        assert json.loads(err).keys() == {"code", "what", "where", "advice"}
        assert out == ""
    else:
        assert isinstance(json.loads(out), dict)


def test_outside_a_workspace_the_advice_is_init(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = said(capsys, "dataset", "list", "--workspace", str(tmp_path))
    assert code == 2
    assert "tracehold init" in err


def test_init_makes_a_workspace_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = said(capsys, "init", str(tmp_path / "new"), "--json")
    made = json.loads(out)
    assert code == 0
    keys = tmp_path / "new" / ".tracehold-keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    for path in keys.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert "+" in made["verifier_key"]
    before = {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}
    code, _, _ = said(capsys, "init", str(tmp_path / "new"))
    assert code == 4
    assert before == {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}


def test_init_where_nothing_can_be_written_is_exit_code_3(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = said(capsys, "init", str(tmp_path / "file" / "below"))
    assert code == 3
    assert len(err.strip().splitlines()) == 3


def test_a_name_that_cannot_be_made_leaves_no_half_workspace(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, _ = said(capsys, "init", str(tmp_path / "x"), "--name", "a b")
    assert code == 2
    assert not (tmp_path / "x" / "tracehold.toml").exists()


def test_the_samples_of_a_new_workspace_are_in_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said(capsys, "init", str(tmp_path / "new"))
    report = answer(capsys, tmp_path / "new", "check")
    assert report["ok"]
    assert report["manifests"] == 4
    assert not report["warnings"]


def test_reading_needs_no_server_and_sees_what_was_reported(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    listed = answer(capsys, folder, "dataset", "list")
    refs = [one["ref"] for one in listed["items"]]
    assert refs == ["dataset:[shop]clean_1", "dataset:[shop]raw_1"]
    traced = answer(capsys, folder, "trace", "clean_1", "--up")
    assert {"nodes", "edges", "complete", "reasons", "as_of", "known_at", "answered_by"} <= set(
        traced
    )
    shown = answer(capsys, folder, "run", "list")
    assert answer(capsys, folder, "run", "show", shown["items"][0]["ref"])["state"] == "COMPLETE"
    assert answer(capsys, folder, "job", "show", "load")["runs"]
    code, out, _ = said(
        capsys, "trace", "clean_1", "--format", "mermaid", "--workspace", str(folder)
    )
    assert code == 0
    assert out.startswith("flowchart LR")


def test_a_state_that_was_lost_is_made_again_by_the_next_question(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    for path in (folder / ".tracehold").glob("state.db*"):
        path.unlink()
    assert answer(capsys, folder, "dataset", "list")["count"] == 2


def test_a_rebuild_gives_the_same_digest(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    answer(capsys, folder, "dataset", "list")
    made = answer(capsys, folder, "journal", "rebuild")
    assert made["comparable"]
    assert made["equal"]
    assert made["digest"] == made["former"]


def test_a_changed_byte_of_the_journal_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    import sqlite3

    db = sqlite3.connect(folder / ".tracehold" / "journal.db")
    db.execute(
        "update fact set envelope = replace(envelope, 'person', 'persom') where position = 1"
    )
    db.commit()
    db.close()
    code, out, _ = said(capsys, "journal", "verify", "--json", "--workspace", str(folder))
    assert code == 1
    assert json.loads(out)["problems"]


def test_an_export_holds_every_fact_and_no_token(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "facts.jsonl"
    said(capsys, "journal", "export", str(out), "--workspace", str(folder))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    assert "th_p" not in out.read_text()
    assert said(capsys, "journal", "export", str(out), "--workspace", str(folder))[0] == 3


def test_a_scan_says_types_and_counts_and_never_a_value(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "mail"])
        rows.writerows([n, f"ada.{n}@example.org"] for n in range(50))
    found = answer(capsys, folder, "pii", "scan", str(path))
    by_name = {one["column"]: one for one in found["columns"]}
    assert by_name["mail"]["type"] == "EMAIL_ADDRESS"
    assert by_name["mail"]["tier"] == "confirmed"
    assert {
        "column", "type", "tier", "prevalence", "interval", "rows_seen", "rows_total", "method",
        "score",
    } <= set(by_name["mail"])  # fmt: skip
    _, out, _ = said(capsys, "pii", "scan", str(path), "--workspace", str(folder))
    assert "example.org" not in out + json.dumps(found)


def test_check_names_the_model_its_line_and_the_path(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said(capsys, "init", str(tmp_path / "new"))
    manifest = tmp_path / "new" / "manifests" / "datasets.yaml"
    manifest.write_text(manifest.read_text().replace("CC0-1.0", "CC-BY-NC-4.0"))
    code, out, _ = said(capsys, "check", "--workspace", str(tmp_path / "new"))
    assert code == 1
    assert re.match(r"manifests/models\.yaml:\d+: model:late_parcels@1: license denied", out)
    assert "dataset:[new]parcels → dataset:[new]parcels_training → model:late_parcels@1" in out


def test_check_of_a_malformed_manifest_is_exit_code_2_with_file_line_field_and_fix(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said(capsys, "init", str(tmp_path / "new"))
    manifest = tmp_path / "new" / "manifests" / "datasets.yaml"
    manifest.write_text(
        manifest.read_text().replace("licence", "x").replace("license:", "licence:")
    )
    code, out, _ = said(capsys, "check", "--workspace", str(tmp_path / "new"))
    assert code == 2
    assert re.search(r"manifests/datasets\.yaml:\d+: licence: .*; did you mean license", out)


def test_evidence_is_verified_and_no_longer_after_a_change(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    made = answer(capsys, folder, "evidence", "build", "clean_1", "--out", str(bundle))
    key = made["verifier_key"]
    assert said(capsys, "evidence", "verify", str(bundle), "--key", key)[0] == 0
    text = bundle / "documents" / "01" / "license.json"
    text.write_text(text.read_text().replace("unknown", "allowed"))
    code, _, err = said(capsys, "evidence", "verify", str(bundle), "--key", key)
    assert code == 1
    assert "does not hold" in err


def test_a_fault_of_ours_is_70_and_leaks_no_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_: list[str]) -> int:
        raise RuntimeError("jane.doe@example.org")

    monkeypatch.setattr(main, "_invoke", fail)
    monkeypatch.setattr(main.tempfile, "gettempdir", lambda: str(tmp_path))
    code, out, err = said(capsys, "dataset", "list")
    assert code == 70
    assert "RuntimeError" in err
    assert len(err.strip().splitlines()) == 3
    [report] = tmp_path.iterdir()
    assert "jane.doe" not in out + err + report.read_text()
    assert "in fail" in report.read_text()


def test_a_name_with_escape_sequences_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = workspace(tmp_path / "shop", clock=system_clock)
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        event = complete(job="\x1b[2Jgone\r\n")
        event["outputs"][0]["name"] = "\x1b]0;title\x07out"
        api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    for words in (
        ["dataset", "list"],
        ["job", "list"],
        ["run", "list"],
        ["trace", "raw_1", "--down"],
    ):
        code, out, err = said(capsys, *words, "--workspace", str(settings.folder))
        assert code == 0
        assert "\x1b" not in out + err
        assert "\x07" not in out + err


def test_every_error_class_keeps_its_exit_code() -> None:
    def kinds(root: type[TraceholdError]) -> list[type[TraceholdError]]:
        return [root, *(k for one in root.__subclasses__() for k in kinds(one))]

    for kind in kinds(TraceholdError):
        assert kind.exit_code in (1, 2, 3, 4, 70), kind


def test_an_answer_into_a_closed_pipe_is_no_fault(folder: Path) -> None:
    command = f"{sys.executable} -m tracehold dataset list --workspace {folder} | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False,
        env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0
    assert "fault" not in done.stderr
