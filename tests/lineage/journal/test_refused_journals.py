"""Journals that are not opened, and why: rolled back, forked, foreign, changed at an edge."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from journal_world import ORIGIN, JournalFolder, draft

from lineage.errors import Conflict, Fault, NotFound, Unavailable
from lineage.journal.checkpoint import checkpoint_body, sign_note
from lineage.journal.port import Head
from lineage.journal.sqlite import open_journal


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    return JournalFolder(tmp_path)


def refusal(folder: JournalFolder) -> str:
    with pytest.raises(Unavailable) as raised:
        folder.open()
    assert raised.value.advice
    assert raised.value.where
    return raised.value.what


def test_a_rolled_back_journal_is_not_opened(folder: JournalFolder, tmp_path: Path) -> None:
    folder.filled(20)
    shutil.copytree(folder.data, tmp_path / "old")
    journal = folder.open()
    journal.append([draft(100)])
    journal.close()
    shutil.rmtree(folder.data)
    shutil.copytree(tmp_path / "old", folder.data)
    assert "rolled back from 21 facts to 20" in refusal(folder)
    shutil.rmtree(folder.data)
    assert "rolled back to nothing" in refusal(folder)


def test_a_forked_journal_is_not_opened(folder: JournalFolder, tmp_path: Path) -> None:
    folder.filled(20)
    shutil.copytree(folder.root, tmp_path / "fork", ignore=lambda *_: ["fork"])
    fork = JournalFolder(tmp_path / "fork")
    for branch, number in ((folder, 100), (fork, 200)):
        journal = branch.open()
        journal.append([draft(number), draft(number + 1)])
        journal.close()
    shutil.rmtree(folder.data)
    shutil.copytree(fork.data, folder.data)
    assert "forked" in refusal(folder)
    assert not folder.verify().ok


def test_an_older_backup_of_the_keys_is_refused_where_it_lacks_keys(
    folder: JournalFolder, tmp_path: Path
) -> None:
    folder.filled(5)
    shutil.copytree(folder.keys, tmp_path / "old")
    journal = folder.open()
    journal.append([draft(50)])
    journal.close()
    shutil.rmtree(folder.keys)
    shutil.copytree(tmp_path / "old", folder.keys)
    assert "keys of its parts end at fact 5 of 6" in refusal(folder)


def test_lost_or_foreign_keys_are_refused_and_none_are_made(
    folder: JournalFolder, tmp_path: Path
) -> None:
    folder.filled(5)
    folder.keys.rename(tmp_path / "lost")
    refusal(folder)
    assert not folder.keys.exists()
    other = JournalFolder(tmp_path / "other")
    other.filled(7)
    shutil.copytree(other.keys, folder.keys)
    refusal(folder)
    (folder.keys / "parts.db").unlink()
    refusal(folder)
    assert not (folder.keys / "parts.db").exists()


def test_another_origin_is_a_conflict(folder: JournalFolder) -> None:
    folder.filled(1)
    with pytest.raises(Conflict):
        open_journal(folder.data, folder.keys, origin="example.com/other", clock=folder.clock)
    folder.open().close()


FACTS = "its facts are not those of its newest checkpoint"


@pytest.mark.parametrize(
    ("sql", "cause"),
    [
        ("DELETE FROM fact WHERE position = (SELECT max(position) FROM fact)", FACTS),
        ("INSERT INTO fact SELECT 301, x'00', envelope, distilled, raw FROM fact LIMIT 1", FACTS),
        ("DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)", FACTS),
        ("DELETE FROM checkpoint", FACTS),
        ("DELETE FROM tile", "its tree has a hole"),
        ("UPDATE fact SET envelope = CAST(envelope || ' ' AS BLOB) WHERE position = 300", FACTS),
        (
            "UPDATE checkpoint SET note = replace(note, '300', '299') WHERE size = 300",
            "does not hold (the signature",
        ),
        ("UPDATE tile SET root = randomblob(32)", FACTS),
        ("PRAGMA user_version = 9", "unknown format 9"),
        ("DROP TABLE member; ", ""),
    ],
)
def test_a_journal_that_was_changed_at_its_edge_is_not_opened(
    folder: JournalFolder, sql: str, cause: str
) -> None:
    folder.filled(300)
    folder.tamper(sql)
    if "member" in sql:
        assert not folder.verify().ok
    else:
        assert cause in refusal(folder)


def test_files_that_are_no_databases_are_named(folder: JournalFolder) -> None:
    folder.filled(3)
    whole = (folder.data / "journal.db").read_bytes()
    for content in (b"not a database at all" * 400, whole[:3000], whole[:100]):
        (folder.data / "journal.db").write_bytes(content)
        refusal(folder)
        assert not folder.verify().ok
    with pytest.raises(Unavailable):
        folder.open(read_only=True)


def test_a_failed_opening_leaves_the_lock_free(folder: JournalFolder) -> None:
    folder.filled(3)
    folder.tamper("PRAGMA user_version = 9")
    refusal(folder)
    folder.tamper("PRAGMA user_version = 1")
    folder.open().close()


def test_the_origin_names_the_key(folder: JournalFolder) -> None:
    journal = folder.open()
    assert journal.verifier_key.startswith(ORIGIN + "+")
    assert journal.checkpoint().startswith(ORIGIN + "\n0\n")
    journal.close()


@pytest.mark.parametrize(
    ("sql", "cause"),
    [
        ("UPDATE signed SET note = 'no note'", "of another journal"),
        ("UPDATE signed SET checkpoints = 1", "a checkpoint is missing"),
        ("UPDATE signed SET note = replace(note, 'tracehold', 'another')", "of another journal"),
        ("DROP TABLE signed", "OperationalError"),
        ("DROP TABLE key", ""),
    ],
)
def test_a_changed_keys_folder_is_named(folder: JournalFolder, sql: str, cause: str) -> None:
    folder.filled(20)
    folder.tamper(sql, keys=True)
    assert cause in refusal(folder) or cause == "OperationalError"


def test_a_checkpoint_that_is_missing_between_is_named(folder: JournalFolder) -> None:
    folder.filled(60)
    assert folder.tamper("DELETE FROM checkpoint WHERE size = (SELECT min(size) FROM checkpoint)")
    assert "a checkpoint is missing" in refusal(folder)
    assert [problem.where for problem in folder.verify().problems] == ["checkpoint"]


def test_a_journal_that_does_not_say_which_it_is_is_named(folder: JournalFolder) -> None:
    folder.filled(5)
    folder.tamper("DELETE FROM meta WHERE name = 'tenant'")
    assert "which journal it is" in refusal(folder)
    folder.tamper("DELETE FROM meta")
    assert "which journal it is" in refusal(folder)


def test_a_value_of_the_wrong_type_is_named(folder: JournalFolder) -> None:
    folder.filled(5)
    folder.tamper("UPDATE fact SET envelope = 5 WHERE position = 5")
    assert "wrong type" in refusal(folder)


def test_a_file_whose_schema_is_no_text_is_named(folder: JournalFolder) -> None:
    folder.filled(5)
    path = folder.data / "journal.db"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"envelope BLOB NOT NULL", b"envelope \xff\xfe\xfd( NOT NULL"))
    refusal(folder)
    assert not folder.verify().ok
    with pytest.raises(Unavailable):
        folder.open(read_only=True)


def test_folders_that_cannot_be_used_are_named(folder: JournalFolder, tmp_path: Path) -> None:
    folder.filled(2)
    (folder.keys / "parts.db").unlink()
    (folder.keys / "parts.db").mkdir()
    assert "cannot be written" in refusal(folder)
    other = JournalFolder(tmp_path / "other")
    other.data.mkdir(parents=True)
    (other.data / "journal.lock").mkdir()
    assert "cannot be locked" in refusal(other)
    (other.data / "journal.lock").rmdir()
    (other.data / "journal.lock").write_bytes(b"this is no database, it is a text" * 200)
    refusal(other)


def test_an_index_that_leads_astray_is_a_fault(folder: JournalFolder) -> None:
    ids = folder.filled(5)
    folder.tamper("UPDATE fact SET id = ? WHERE position = 2", bytes(16))
    journal = folder.open(read_only=True)
    with pytest.raises(Fault):
        journal.get("00" * 16)
    with pytest.raises(NotFound):
        journal.get(ids[1])
    with pytest.raises(NotFound):
        journal.prove(1, sign_note(journal.signer, checkpoint_body(ORIGIN, Head(9, bytes(32)))))
    journal.close()
