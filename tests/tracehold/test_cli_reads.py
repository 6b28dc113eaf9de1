"""Reads of files by the command line: on record before the answer, or said not to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import dataset, facet, run_event
from running_server import Client, make_workspace, run, serving
from tracehold_world import Api, services_of, workspace

from lineage.errors import Unavailable
from tracehold.access_log import reads
from tracehold.bootstrap import open_services
from tracehold.cli import on_record
from tracehold.cli.main import run as command
from tracehold.settings import Settings

MAIL = "orders"
OTHER = "parts"
FOUND = {"mail": {"entity": "EMAIL_ADDRESS", "tier": "confirmed", "score": 1.0, "method": "x"}}


def scanned(name: str) -> dict[str, Any]:
    table = dataset(name, columns=["mail"], tracehold_pii=facet("Pii", columns=FOUND))
    return run_event("COMPLETE", 1, job=f"load {name}", run=name, outputs=[table])


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A workspace without a server, with a dataset that holds e-mail addresses and one without."""
    made = workspace(tmp_path / "shop")
    with services_of(made) as services:
        api = Api(services, made)
        plain = run_event("COMPLETE", 1, job="load", run="parts", outputs=[dataset(OTHER)])
        for event in (scanned(MAIL), plain):
            assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).is_success
    monkeypatch.chdir(made.folder)
    return made


def on_file(settings: Settings) -> list[tuple[Any, ...]]:
    with open_services(settings, write=False) as services:
        return [(one["question"], one["ref"], one["user"]) for one in reads(services.journal)]


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (("dataset", "show", MAIL), "dataset"),
        (("trace", MAIL), "trace"),
        (("pii", "exposure"), "pii.exposure"),
        (("changes", MAIL), ""),
        (("dataset", "show", OTHER), ""),
        (("job", "list"), ""),
    ],
)
def test_an_answer_that_says_where_personal_data_is_is_on_record_with_the_account(
    settings: Settings, words: tuple[str, ...], question: str
) -> None:
    assert command(list(words)) == 0
    ref = MAIL if MAIL in words else ""
    user = on_record._account()
    assert on_file(settings) == ([(question, ref, user)] if question else [])


def test_each_command_is_a_read_of_the_person_it_acts_for(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert command(["dataset", "show", MAIL]) == 0
    capsys.readouterr()
    assert command(["grant", "reads", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(one["question"], one["user"]) for one in items] == [
        ("dataset", on_record._account())
    ] * 2
    assert len({one["person"] for one in items}) == 1
    assert items[0]["person"] != "files"


def test_without_a_token_the_account_alone_is_named(settings: Settings) -> None:
    for path in settings.tokens.iterdir():
        path.unlink()
    assert command(["dataset", "show", MAIL]) == 0
    with open_services(settings, write=False) as services:
        assert [one["person"] for one in reads(services.journal)] == ["files"]


def read_only(_: object, mode: int) -> bool:
    return mode == 0


def test_an_account_that_cannot_write_is_answered_and_warned(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(on_record.os, "access", read_only)
    assert command(["dataset", "show", MAIL]) == 0
    said = capsys.readouterr()
    assert "EMAIL_ADDRESS" in said.out
    assert "is not on record: this account cannot write the workspace" in said.err
    assert on_file(settings) == []


def test_what_could_be_recorded_and_is_not_is_not_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(on_record, "_append", full)
    assert command(["dataset", "show", MAIL]) == 3
    said = capsys.readouterr()
    assert "EMAIL_ADDRESS" not in said.out + said.err
    assert "the disk is full" in said.err


@pytest.mark.slow
def test_beside_a_server_the_read_goes_through_it(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "shop")
    with serving(folder) as server:
        client = Client(server.url, server.token)
        status, answer = client.post("/api/v1/lineage", json.dumps(scanned(MAIL)).encode())
        client.close()
        assert status == 201, answer
        shown = run("dataset", "show", MAIL, "--json", "--workspace", folder)
        assert shown.returncode == 0, shown.stderr
        told = json.loads(run("grant", "reads", "--json", "--workspace", folder).stdout)["items"]
    assert (told[0]["question"], told[0]["ref"]) == ("dataset", MAIL)
    assert told[0]["user"] == on_record._account()
