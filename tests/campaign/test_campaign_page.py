"""The table of a campaign says what was tried, and spares what people wrote."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from campaign import REPORT, record
from campaign_page import PAGE, Run, insert, render
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
