"""``journal rebuild``, ``erase`` and ``growth`` where no server runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import Api, complete, services_of, workspace

from lineage.clock import system_clock
from lineage.state.generations import current
from tracehold.cli.main import run
from tracehold.workspace import store_token


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace in which three runs were reported."""
    settings = workspace(tmp_path / "shop", clock=system_clock)
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        for name, role in (("olga", "privacy-officer"), ("emil", "engineer")):
            store_token(settings, name, api.hire(name, role))
        for number in range(3):
            event = complete(number=number)
            assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).is_success
    return settings.folder


def said(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    code = run([*words, "--workspace", str(folder)])
    out, err = capsys.readouterr()
    return code, out, err


def answer(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> Any:
    code, out, err = said(capsys, folder, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def names(capsys: pytest.CaptureFixture[str], folder: Path) -> set[str]:
    return {one["name"] for one in answer(capsys, folder, "dataset", "list")["items"]}


def test_erasing_by_what_is_mentioned_leaves_the_others(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    words = ("journal", "erase", "--mentioning", "raw_1", "--reason", "gdpr-17", "--as", "olga")
    code, out, _ = said(capsys, folder, *words, "--dry-run")
    assert code == 0
    assert "2 parts of 1 facts would be erased" in out
    assert "raw_1" in names(capsys, folder)
    erased = answer(capsys, folder, *words)
    assert (erased["facts"], erased["parts"]) == (1, 2)
    assert names(capsys, folder) == {"raw_0", "clean_0", "raw_2", "clean_2"}
    code, _, err = said(capsys, folder, *words)
    assert code == 2
    assert "nothing is known of raw_1" in err
    assert answer(capsys, folder, "journal", "rebuild", "--dry-run")["equal"]
    assert answer(capsys, folder, "journal", "growth")["erased"] == 1


def test_who_may_not_erase_is_told_whom_to_ask(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, _, err = said(
        capsys, folder, "journal", "erase", "ab" * 16, "--reason", "x", "--as", "emil"
    )
    assert code == 3
    assert "admin or privacy-officer" in err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ab" * 16, "--reason", "x"), 2),
        (("--reason", "x"), 2),
        (("ab" * 16,), 2),
        (("ab" * 16, "--reason", "Jane Doe"), 2),
        (("ab" * 16, "--reason", "x", "--part", "envelope"), 2),
    ],
)
def test_a_wrong_word_is_exit_code_2_in_three_lines(
    capsys: pytest.CaptureFixture[str], folder: Path, words: tuple[str, ...], code: int
) -> None:
    got, out, err = said(capsys, folder, "journal", "erase", *words)
    assert (got, out) == (code, "")
    assert 1 <= len(err.strip().splitlines()) <= 3
    assert "Jane" not in err


def test_a_state_that_is_wrong_is_exit_code_1_and_replaced(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    names(capsys, folder)
    with closing(sqlite3.connect(current(folder / ".tracehold" / "state.db"))) as db:
        db.execute("update meta set value = 'ff' where key = 'digest'")
        db.commit()
    for words in (("--dry-run",), ()):
        code, out, _ = said(capsys, folder, "journal", "rebuild", *words)
        assert code == 1
        assert "its journal gives" in out
    code, out, _ = said(capsys, folder, "doctor")
    assert code == 3
    assert "the state before it was wrong" in out
    assert answer(capsys, folder, "journal", "rebuild")["equal"]
    assert said(capsys, folder, "doctor")[0] == 0


def test_growth_is_told_per_fact_and_table(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    told = answer(capsys, folder, "journal", "growth")
    assert told["facts"] == told["files"]["journal.db"]["tables"]["fact"]["rows"]
    assert told["bytes"] == sum(file["bytes"] for file in told["files"].values())
    assert told["per_fact"] == round(told["bytes"] / told["facts"], 1)
    assert (told["shapes"], told["runs"]) == (3, 3)
    code, out, _ = said(capsys, folder, "journal", "growth")
    assert code == 0
    assert {"journal.db", "parts.db", "state.db"} <= set(out.split())
