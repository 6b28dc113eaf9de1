"""``tracehold grant``: giving, ending, listing, and who was told what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import Api, services_of, workspace

from lineage.clock import format_millis, system_clock
from tracehold.cli.main import run
from tracehold.workspace import store_token


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = workspace(tmp_path / "shop", clock=system_clock, samples={})
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        store_token(settings, "olga", api.hire("olga", "privacy-officer"))
        api.hire("erin", "engineer")
        assert api.send("GET", "/api/v1/pii.exposure", token=api.token()).status_code == 200
    return settings.folder


def answer(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> Any:
    code = run([*words, "--json", "--workspace", str(folder)])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_a_grant_is_given_listed_and_ended(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    until = format_millis(system_clock() + 30 * 24 * 60 * 60 * 1000)[:10]
    opened = ("--namespace", "hr*", "--class", "special", "--until", until, "--reason", "ticket 7")
    given = answer(capsys, folder, "grant", "give", "erin", *opened, "--as", "olga")
    assert (given["namespaces"], given["classes"]) == (["hr*"], ["special"])
    [listed] = answer(capsys, folder, "grant", "list")["items"]
    assert (listed["grant"], listed["name"], listed["holds"]) == (given["grant"], "erin", True)

    at = ("--workspace", str(folder))
    assert run(["grant", "list", *at]) == 0
    assert "ticket 7" in capsys.readouterr().out

    ended = ("grant", "end", "erin", given["grant"], "--reason", "done", "--as", "olga")
    assert answer(capsys, folder, *ended)["ended"] is True
    [listed] = answer(capsys, folder, "grant", "list")["items"]
    assert listed["holds"] is False
    assert run(["grant", "list", *at]) == 0
    assert "over" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["give", "erin", "--namespace", "*", "--until", "2020-01-01", "--reason", "x"], 2),
        (["give", "erin", "--namespace", "*", "--class", "all", "--until", "2029-01-01",
          "--reason", "x"], 2),
        (["give", "erin", "--namespace", "*", "--until", "2029-01-01"], 2),
        (["give", "olga", "--namespace", "*", "--until", "2029-01-01", "--reason", "x"], 4),
        (["end", "erin", "G-0", "--reason", "x"], 2),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_grant_is_told_by_the_exit_code(
    capsys: pytest.CaptureFixture[str], folder: Path, words: list[str], code: int
) -> None:
    assert run(["grant", *words, "--as", "olga", "--workspace", str(folder)]) == code
    assert capsys.readouterr().err


def test_an_engineer_gives_no_grant(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    words = ["give", "erin", "--namespace", "*", "--until", "2029-01-01", "--reason", "x"]
    assert run(["grant", *words, "--workspace", str(folder)]) == 3
    assert "privacy-officer" in capsys.readouterr().err


def test_reads_are_listed_as_text_and_page_by_page(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    [told] = answer(capsys, folder, "grant", "reads")["items"]
    assert (told["name"], told["question"]) == ("admin", "pii.exposure")
    assert run(["grant", "reads", "--workspace", str(folder)]) == 0
    assert "pii.exposure" in capsys.readouterr().out
    after = ("--after", str(told["position"]))
    # Who reads the list is told where personal data is, too: twice by now.
    later = answer(capsys, folder, "grant", "reads", *after)["items"]
    assert [one["question"] for one in later] == ["reads", "reads"]
