"""The table of a campaign says what was tried, and spares what people wrote."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from campaign import REPORT, record
from campaign_page import PAGE, Run, commit, insert, render
from rounds import in_campaign, rounds
from services import CHECKOUT

RUN = Run("make campaign", "a machine", "2026-01-02", "abc1234", 300.0, 7)


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_outcomes_of_one_row_are_summed_and_their_distinct_notes_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report"
    monkeypatch.setenv(REPORT, str(report))
    record("Kills", tried=3, failed=0, unit="rounds", note="during fold")
    record("Kills", tried=1_000, failed=2, unit="rounds", note="during fold")
    record("Kills", tried=1, failed=0, unit="rounds", note="at start")
    record("Tampers", tried=5, failed=0, unit="tampers")
    section = render(RUN, _lines(report))
    assert "| Kills | 1,004 | 2 | rounds | at start; during fold |" in section
    assert "| Tampers | 5 | 0 | tampers |  |" in section
    assert "2026-01-02, commit abc1234, a machine. 5 min; 7 tests, 0 failed." in section
    cut = render(replace(RUN, stopped=True), [])
    assert "7 tests, 0 failed; stopped before its end." in cut


def test_without_a_campaign_that_collects_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(REPORT, raising=False)
    monkeypatch.chdir(tmp_path)
    record("Kills", tried=1, failed=1, unit="rounds")
    assert not list(tmp_path.iterdir())


def test_a_run_replaces_the_one_of_the_same_command_alone() -> None:
    page = PAGE.read_text("utf-8")
    part = replace(RUN, command='make campaign ARGS="-k soak"', failures=("test_soak",))
    once = insert(insert(page, render(RUN, [])), render(part, []))
    again = insert(once, render(replace(RUN, commit="def5678"), []))
    assert again.startswith(page.partition("<!-- runs")[0])
    assert "abc1234, a machine. 5 min; 7 tests, 1 failed: `test_soak`." in again
    assert again.count("## `make campaign`\n") == 1
    assert again.count("def5678") == 1
    assert insert(again, render(replace(RUN, commit="def5678"), [])) == again


@pytest.mark.parametrize(
    ("said", "number", "long"), [("", 2, False), ("minutes", 100, True), ("1", 1_000, True)]
)
def test_rounds_follow_the_profile(
    monkeypatch: pytest.MonkeyPatch, said: str, number: int, long: bool
) -> None:
    monkeypatch.setenv("TRACEHOLD_CAMPAIGN", said)
    assert rounds(usual=2, campaign=1_000) == number
    assert rounds(usual=2, campaign=10) in {2, 10}
    assert in_campaign() is long


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[^`]+\.py)`", PAGE.read_text("utf-8"))
    assert len(named) > 20
    assert not [name for name in named if not (CHECKOUT / name).is_file()]


def _long_tests_left_out(tree: ast.Module) -> Iterator[str]:
    """Tests that repeat themselves as ``rounds`` says, and are not among those of the campaign."""
    found = [line for line in tree.body if isinstance(line, ast.Assign | ast.AnnAssign)]
    long = {"rounds"} | {
        name.id
        for line in found
        if line.value and "rounds(" in ast.unparse(line.value)
        for name in ast.walk(line)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    if any("pytestmark" in (text := ast.unparse(line)) and ".campaign" in text for line in found):
        return
    for test in tree.body:
        if not isinstance(test, ast.FunctionDef) or not test.name.startswith("test_"):
            continue
        said = " ".join(ast.unparse(one) for one in test.decorator_list)
        # Property tests are marked as they are collected.
        if "given(" in said or ".campaign" in said:
            continue
        if long & {name.id for name in ast.walk(test) if isinstance(name, ast.Name)}:
            yield test.name


def test_every_test_with_rounds_belongs_to_the_campaign() -> None:
    left_out = {
        f"{path.relative_to(CHECKOUT)}::{name}"
        for path in sorted((CHECKOUT / "tests").rglob("test_*.py"))
        for name in _long_tests_left_out(ast.parse(path.read_text("utf-8")))
        if path != Path(__file__)
    }
    assert not left_out


def test_a_page_that_an_earlier_run_wrote_is_no_change_of_the_source(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.example")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    page, source = tmp_path / "docs" / "reliability.md", tmp_path / "source.py"
    page.parent.mkdir()
    page.write_text("a page")
    source.write_text("a = 1")
    git("init")
    git("add", ".")
    git("commit", "-m", "Begin")
    at = commit(page)
    page.write_text("a page with a run")
    assert commit(page) == at != "unknown"
    source.write_text("a = 2")
    assert commit(page) == f"{at} with changes"
