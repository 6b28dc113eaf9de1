"""Erasing parts of a real journal: the fact first, then the key; a crash between is finished."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from journal_world import JournalFolder, draft

from lineage.errors import NotFound
from lineage.journal import erasure
from lineage.journal.erasure import ERASED, STREAM, erase_parts, finish_erasures
from lineage.journal.sqlite import SqliteJournal

ACTOR = "person:dpo"


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    return JournalFolder(tmp_path)


def promised(journal: SqliteJournal) -> list[dict[str, str]]:
    """What the stream of the erasures says."""
    bodies = [journal.at(position).distilled for position in journal.members(STREAM)]
    return [json.loads(body or b"null") for body in bodies]


def test_each_erasure_is_a_fact_and_the_key_is_gone(folder: JournalFolder) -> None:
    ids = folder.filled(12)
    journal = folder.open()
    told: list[int] = []
    receipt = erase_parts(
        journal, ACTOR, [(ids[2], "distilled"), (ids[3], "raw")], reason="request",
        progress=told.append,
    )  # fmt: skip
    assert receipt is not None
    assert journal.sequenced(receipt.fact_id) == 14
    assert promised(journal) == [
        {"kind": ERASED, "fact": ids[2], "part": "distilled", "reason": "request"},
        {"kind": ERASED, "fact": ids[3], "part": "raw", "reason": "request"},
    ]
    assert told == [2]
    assert (journal.get(ids[2]).distilled, journal.get(ids[3]).raw) == (None, None)
    assert journal.get(ids[2]).raw is not None
    assert erase_parts(journal, ACTOR, [], reason="request") is None
    journal.close()
    report = folder.verify()
    assert report.ok
    assert sorted(report.erased) == sorted([f"{ids[2]}/distilled", f"{ids[3]}/raw"])


def test_many_are_erased_group_by_group(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "GROUP", 5)
    ids = folder.filled(12)
    journal = folder.open()
    told: list[int] = []
    erase_parts(journal, ACTOR, [(one, "raw") for one in ids], reason="r", progress=told.append)
    assert told == [5, 10, 12]
    assert all(journal.get(one).raw is None for one in ids)
    assert finish_erasures(journal) == 0
    journal.close()


def test_what_never_was_is_not_erased(folder: JournalFolder) -> None:
    journal = folder.open()
    (receipt,) = journal.append([draft(1, raw=None)])
    with pytest.raises(NotFound):
        erase_parts(journal, ACTOR, [(receipt.fact_id, "raw")], reason="r")
    assert journal.get(receipt.fact_id).distilled is not None
    journal.close()


@pytest.mark.parametrize("done", range(4))
def test_a_promise_that_a_crash_cut_off_is_kept(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    monkeypatch.setattr(erasure, "GROUP", 3)
    ids = folder.filled(9)
    journal = folder.open()
    erase_parts(journal, ACTOR, [(one, "raw") for one in ids[:6]], reason="r")
    with monkeypatch.context() as patch:
        patch.setattr(journal, "erase_all", lambda parts: None)
        erase_parts(journal, ACTOR, [(one, "raw") for one in ids[6:]], reason="r")
    for one in ids[6 : 6 + done]:
        journal.erase(one, "raw")
    assert finish_erasures(journal) == 3 - done
    assert all(journal.get(one).raw is None for one in ids)
    assert finish_erasures(journal) == 0
    journal.close()
    assert len(folder.verify().erased) == 9


def test_after_keys_came_back_from_a_backup_all_are_looked_at(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "GROUP", 2)
    ids = folder.filled(9)
    backup = (folder.keys / "parts.db").read_bytes()
    journal = folder.open()
    erase_parts(journal, ACTOR, [(one, "distilled") for one in ids[:3]], reason="r")
    journal.close()
    # The keys of the facts that stand in the backup come back; those of the erasures are kept.
    old = folder.root / "old.db"
    old.write_bytes(backup)
    connection = sqlite3.connect(folder.keys / "parts.db")
    connection.execute("ATTACH ? AS old", (str(old),))
    connection.execute("INSERT OR REPLACE INTO main.key SELECT * FROM old.key")
    connection.commit()
    connection.close()
    journal = folder.open()
    assert journal.get(ids[0]).distilled is not None
    assert finish_erasures(journal, full=True) == 3
    assert [journal.get(one).distilled for one in ids[:3]] == [None] * 3
    journal.close()
