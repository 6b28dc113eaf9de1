"""Tampering: every change of a row or a byte that matters is found offline, and nothing else is."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from journal_world import ORIGIN, JournalFolder, draft

from lineage.errors import InvalidInput
from lineage.journal.checkpoint import Signer, checkpoint_body, sign_note
from lineage.journal.keys import load_keys
from lineage.journal.port import Head
from lineage.journal.sqlite import open_journal
from lineage.journal.verify import VerifyReport, verify_journal

SIZE = 530
"""Two complete tiles and a tail."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> JournalFolder:
    folder = JournalFolder(tmp_path_factory.mktemp("whole"))
    ids = folder.filled(SIZE)
    journal = folder.open()
    journal.erase(ids[3], "raw")
    journal.close()
    return folder


@pytest.fixture
def folder(whole: JournalFolder, tmp_path: Path) -> JournalFolder:
    return JournalFolder(shutil.copytree(whole.root, tmp_path / "copy"), whole.clock)


def test_an_untouched_journal_verifies(whole: JournalFolder) -> None:
    report = whole.verify()
    assert (report.ok, report.problems, report.size) == (True, (), SIZE)
    assert (report.opened, len(report.erased), report.sealed) == (2 * SIZE - 1, 1, 0)
    journal = whole.open(read_only=True)
    assert report.root in journal.checkpoint()
    assert report.checkpoints > 10
    journal.close()


def test_a_verifier_key_alone_verifies_all_but_the_contents(whole: JournalFolder) -> None:
    report = verify_journal(whole.data, load_keys(whole.keys).verifier_key)
    assert (report.ok, report.opened, report.sealed) == (True, 0, 2 * SIZE)
    other = Signer(ORIGIN, b"x" * 32)
    assert not verify_journal(whole.data, str(other.verifier)).ok
    with pytest.raises(InvalidInput):
        verify_journal(whole.data, "no key")


def test_an_empty_journal_verifies(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    folder.open().close()
    assert folder.verify() == VerifyReport(
        True, 0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", (),
        verifier_key=load_keys(folder.keys).verifier_key,
    )  # fmt: skip


def test_a_witness_finds_another_history_signed_with_the_same_key(
    whole: JournalFolder, folder: JournalFolder, tmp_path: Path
) -> None:
    journal = whole.open(read_only=True)
    witness = journal.checkpoint()
    journal.close()
    assert folder.verify(witness=witness).ok
    shutil.rmtree(folder.data)
    (folder.keys / "parts.db").unlink()
    rewritten = open_journal(folder.data, folder.keys, origin=ORIGIN, clock=folder.clock)
    rewritten.append([draft(i) for i in range(SIZE + 5)])
    rewritten.close()
    assert folder.verify().ok
    report = folder.verify(witness=witness)
    assert [problem.where for problem in report.problems] == ["the witness"]
    assert not folder.verify(witness="no note").ok


def test_a_witness_may_bear_the_signatures_of_others(whole: JournalFolder) -> None:
    journal = whole.open(read_only=True)
    note = journal.checkpoint()
    body = note.rpartition("\n\n")[0] + "\n"
    cosigned = sign_note(journal.signer, body, Signer("example.com/witness", b"w" * 32))
    journal.close()
    assert whole.verify(witness=cosigned).ok


def test_a_stored_checkpoint_has_no_signature_that_is_not_due(folder: JournalFolder) -> None:
    extra = sign_note(Signer("example.com/witness", b"w" * 32), "x\n").rpartition("\n\n")[2]
    assert folder.tamper("UPDATE checkpoint SET note = note || ? WHERE size = 530", extra)
    assert [problem.where for problem in folder.verify().problems] == ["checkpoint 530"]


def test_a_witness_of_more_facts_than_there_are_is_a_problem(folder: JournalFolder) -> None:
    signer = load_keys(folder.keys).signer
    later = sign_note(signer, checkpoint_body(ORIGIN, Head(SIZE + 9, bytes(32))))
    assert "the witness" in {problem.where for problem in folder.verify(witness=later).problems}


ROWS = [
    "DELETE FROM fact WHERE position = 100",
    "DELETE FROM fact WHERE position > 500",
    "UPDATE fact SET position = 9999 WHERE position = 530",
    "UPDATE fact SET envelope = replace(envelope, 'person:7f', 'person:8f') WHERE position = 7",
    "UPDATE fact SET envelope = (SELECT envelope FROM fact WHERE position = 8) WHERE position = 9",
    "UPDATE fact SET envelope = CAST(envelope || ' ' AS BLOB) WHERE position = 9",
    "UPDATE fact SET envelope = NULL WHERE position = 9",
    "UPDATE fact SET envelope = 5 WHERE position = 9",
    "UPDATE fact SET id = x'00' WHERE position = 9",
    "UPDATE fact SET distilled = (SELECT raw FROM fact WHERE position = 9) WHERE position = 9",
    "UPDATE fact SET distilled = (SELECT distilled FROM fact LIMIT 1) WHERE position = 9",
    "UPDATE fact SET distilled = x'' WHERE position = 9",
    "UPDATE fact SET distilled = 1.5 WHERE position = 9",
    "UPDATE fact SET raw = NULL WHERE position = 9",
    "UPDATE tile SET root = zeroblob(32) WHERE key = 1",
    "UPDATE tile SET hashes = zeroblob(8192) WHERE key = 0",
    "UPDATE tile SET hashes = x'' WHERE key = 0",
    "DELETE FROM tile WHERE key = 0",
    "INSERT INTO tile SELECT key + 2, root, hashes FROM tile WHERE key = 0",
    "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)",
    "UPDATE checkpoint SET size = 2 WHERE size = (SELECT max(size) FROM checkpoint)",
    "UPDATE checkpoint SET note = (SELECT max(note) FROM checkpoint)",
    "UPDATE checkpoint SET note = replace(note, '— ', '- ') WHERE size = 1",
    "INSERT INTO checkpoint SELECT 9000, note FROM checkpoint WHERE size = 1",
    "UPDATE member SET position = position + 1 WHERE sequence = 4",
    "DELETE FROM member WHERE sequence = 4",
    "INSERT INTO member VALUES ('hold', 4000, 1)",
    "INSERT INTO member VALUES ('other', 1, 1)",
    "UPDATE request SET position = 9000 WHERE position = 1",
    "UPDATE meta SET value = 'ffff' WHERE name = 'tenant'",
    "UPDATE meta SET value = 'elsewhere' WHERE name = 'origin'",
    "DELETE FROM meta",
    "DROP TABLE checkpoint",
]
KEY_ROWS = [
    "DELETE FROM key WHERE position = 9",
    "UPDATE key SET distilled = randomblob(32) WHERE position = 9",
    "UPDATE key SET raw = x'01' WHERE position = 9",
    "UPDATE key SET raw = 'text' WHERE position = 9",
    "UPDATE signed SET note = replace(note, '530', '529')",
]


@pytest.mark.parametrize("sql", ROWS)
def test_a_changed_row_of_the_journal_is_found(folder: JournalFolder, sql: str) -> None:
    if "NULL" in sql or "position = 9999" in sql:
        _loosen(folder)
    assert folder.tamper(sql)
    report = folder.verify()
    assert not report.ok
    assert all(problem.where and problem.what for problem in report.problems)


SAID: dict[str, list[tuple[str, str]]] = {
    "DELETE FROM fact WHERE position = 100": [
        ("fact 101", "it follows position 99"),
        ("fact 103", "it does not follow number 33 of its stream"),
    ],
    "DELETE FROM fact WHERE position > 500": [
        ("checkpoint", "the newest covers 530 facts of 500"),
        ("request", "a request points behind the last fact"),
        ("tile", "there are 2 rows where 1 belong"),
        ("the keys folder", "it signed 530 facts; the journal has 500"),
    ],
    "UPDATE fact SET position = 9999 WHERE position = 530": [
        ("fact", "there are 530 facts up to position 9999"),
        ("fact 9999", "the key of its distilled part is lost, not erased"),
    ],
    "UPDATE fact SET envelope = (SELECT envelope FROM fact LIMIT 1) WHERE position = 9": [
        ("fact 9", "the envelope is of another fact or journal"),
        ("checkpoint 15", "the facts up to it are not those that it signed"),
    ],
    "UPDATE fact SET envelope = CAST(envelope || ' ' AS BLOB) WHERE position = 9": [
        ("fact 9", "the envelope is not in its one form"),
    ],
    "UPDATE fact SET raw = NULL WHERE position = 9": [
        ("fact 9", "the raw part is missing or does not belong here"),
    ],
    "DELETE FROM tile WHERE key = 0": [
        ("tile 0/0", "its hashes are not those of the facts"),
        ("tile", "there are 1 rows where 2 belong"),
    ],
    "DELETE FROM member WHERE sequence = 4": [
        ("fact 10", "the index of its stream does not lead to it"),
        ("member", "there are 176 rows where 177 belong"),
    ],
    "UPDATE meta SET value = 'elsewhere' WHERE name = 'origin'": [
        ("meta", "the journal's origin is not the name of the key"),
    ],
    "UPDATE meta SET value = 'another' WHERE name = 'secret'": [
        ("meta", "the workspace secret is not the one that the journal was made with"),
    ],
}


@pytest.mark.parametrize("sql", SAID)
def test_a_report_says_what_is_wrong_and_where(folder: JournalFolder, sql: str) -> None:
    if "position = 9999" in sql:
        _loosen(folder)
    assert folder.tamper(sql)
    found = {(problem.where, problem.what) for problem in folder.verify().problems}
    assert found >= {*SAID[sql]}


def _loosen(folder: JournalFolder) -> None:
    """Take the constraint away that stands between the tamperer and a NULL."""
    connection = sqlite3.connect(folder.data / "journal.db")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'envelope BLOB NOT NULL', 'envelope BLOB')"
    )
    connection.commit()
    connection.close()


def test_another_checkpoint_in_the_keys_folder_is_found(folder: JournalFolder) -> None:
    forked = checkpoint_body(ORIGIN, Head(SIZE, bytes(32)))
    other = sign_note(load_keys(folder.keys).signer, forked)
    assert folder.tamper("UPDATE signed SET note = ?", other, keys=True)
    assert [problem.where for problem in folder.verify().problems] == ["the keys folder"]


@pytest.mark.parametrize("sql", KEY_ROWS)
def test_a_changed_row_of_the_keys_is_found(folder: JournalFolder, sql: str) -> None:
    assert folder.tamper(sql, keys=True)
    assert not folder.verify().ok


COLUMNS = [
    ("journal", "fact", "envelope"),
    ("journal", "fact", "distilled"),
    ("journal", "fact", "raw"),
    ("journal", "tile", "hashes"),
    ("journal", "tile", "root"),
    ("journal", "checkpoint", "note"),
]


@pytest.mark.parametrize(("_", "table", "column"), COLUMNS)
def test_a_flipped_bit_of_a_stored_value_is_found(
    folder: JournalFolder, _: str, table: str, column: str
) -> None:
    chance = random.Random(f"{table}.{column}")
    connection = sqlite3.connect(folder.data / "journal.db", isolation_level=None)
    erased = 4
    rows = connection.execute(
        f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL"
    ).fetchall()
    for _round in range(12):
        rowid, value = chance.choice([row for row in rows if (table, row[0]) != ("fact", erased)])
        text = isinstance(value, str)
        data = bytearray(value.encode() if text else value)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
        changed = bytes(data).decode("latin-1") if text else bytes(data)
        sql = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
        connection.execute(sql, (changed, rowid))
        report = folder.verify()
        assert not report.ok, (table, column, rowid)
        connection.execute(sql, (value, rowid))
    connection.close()
    assert folder.verify().ok


def test_a_flipped_byte_of_the_file_is_found_or_changes_nothing_read(
    whole: JournalFolder, folder: JournalFolder
) -> None:
    def everything(where: JournalFolder) -> object:
        journal = where.open(read_only=True)
        try:
            return (list(journal.stored()), journal.checkpoint(), journal.members("hold"))
        finally:
            journal.close()

    expected = everything(whole)
    path = folder.data / "journal.db"
    content = path.read_bytes()
    chance = random.Random(11)
    found = 0
    for _ in range(120):
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        if folder.verify().ok:
            assert everything(folder) == expected
        else:
            found += 1
    assert found > 60


def test_the_tail_of_a_report_is_cut_where_everything_is_wrong(folder: JournalFolder) -> None:
    folder.tamper("UPDATE fact SET distilled = x'00'")
    assert len(folder.verify().problems) == 100


def test_a_missing_journal_is_a_problem_and_not_an_exception(folder: JournalFolder) -> None:
    shutil.rmtree(folder.data)
    report = folder.verify()
    assert not report.ok
    assert report.problems[0].where.endswith("journal.db")


def test_a_damaged_index_is_found_by_the_check_of_sqlite(folder: JournalFolder) -> None:
    connection = sqlite3.connect(folder.data / "journal.db")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'content BLOB', 'content BLOB UNIQUE')"
        " WHERE name = 'request'"
    )
    connection.commit()
    connection.close()
    assert "journal.db" in {problem.where for problem in folder.verify().problems}
