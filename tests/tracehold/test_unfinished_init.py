"""``init`` that was cut off, where nothing works but ``init``, and folders behind odd paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import tracehold.workspace
from lineage.errors import Conflict, Unavailable
from tracehold.bootstrap import open_services
from tracehold.registry import STATE
from tracehold.settings import UNFINISHED, load, refuse_unfinished
from tracehold.workspace import init


def test_a_workspace_whose_init_was_cut_off_is_refused_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tracehold.workspace, "_first_people", full)
        with pytest.raises(Unavailable, match="cannot be written"):
            init(folder, samples={})
    with pytest.raises(Unavailable, match="init was cut off"):
        refuse_unfinished(folder)
    init(folder, samples={})
    refuse_unfinished(folder)
    assert load(folder, environ={}).workspace.name == "shop"


def test_a_folder_that_holds_a_journal_is_never_taken_for_an_unfinished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    init(folder, samples={})
    (folder / "tracehold.toml").unlink()
    kept = (folder / ".tracehold/journal.db").stat().st_ino

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tracehold.workspace, "_first_people", full)
        with pytest.raises(Unavailable):
            init(folder, samples={})
    assert not (folder / UNFINISHED).exists()
    with pytest.raises(Conflict):
        init(folder, samples={})
    assert (folder / ".tracehold/journal.db").stat().st_ino == kept


def test_a_workspace_is_made_where_the_path_climbs_or_leads_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    made = init(tmp_path / "link" / ".." / "real" / "shop", samples={})
    assert made.folder == (tmp_path / "real/shop").resolve() == load(made.folder, environ={}).folder
    assert init(tmp_path / "link/second", samples={}).files[0] == "tracehold.toml"


def test_a_state_that_turns_unreadable_while_it_is_used_is_refused_by_name(tmp_path: Path) -> None:
    init(tmp_path / "shop", samples={})
    settings = load(tmp_path / "shop", environ={})

    def ask() -> None:
        with open_services(settings, write=False) as services:
            os.truncate(settings.storage.data / STATE, 4096)
            services.state.with_aspect("person")

    with pytest.raises(Unavailable, match=r"the state cannot be used \(SQLITE_"):
        ask()
