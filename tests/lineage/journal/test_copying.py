"""Copies of a journal that is being written: both files as they were at one moment."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from journal_world import JournalFolder, draft

from lineage.errors import Unavailable
from lineage.journal.copying import copy_journal, copy_parts
from lineage.journal.erasure import erase_parts
from lineage.journal.keys import SECRET, SIGNING_KEY


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    return JournalFolder(tmp_path / "workspace")


def copied(folder: JournalFolder, root: Path) -> JournalFolder:
    """A workspace from a copy; the keys that never change are put beside it."""
    target = JournalFolder(root, folder.clock)
    target.data.mkdir(parents=True)
    target.keys.mkdir(mode=0o700)
    told: list[int] = []
    made = copy_journal(folder.data, folder.keys, target.data, target.keys, progress=told.append)
    for name in (SECRET, SIGNING_KEY):
        (target.keys / name).write_bytes((folder.keys / name).read_bytes())
        (target.keys / name).chmod(0o600)
    report = target.verify()
    assert report.problems == ()
    assert report.size == made.facts
    assert told
    return target


def test_a_copy_beside_a_busy_writer_is_whole_and_goes_on(
    folder: JournalFolder, tmp_path: Path
) -> None:
    ids = folder.filled(40)
    journal = folder.open()
    stop = threading.Event()
    chance = random.Random(3)

    def write() -> None:
        number = 1_000
        while not stop.is_set():
            journal.append([draft(number + i, stream="hold") for i in range(5)])
            number += 5
            if chance.random() < 0.2:
                part = (chance.choice(ids), chance.choice(["raw", "distilled"]))
                erase_parts(journal, "person:dpo", [part], reason="r")  # type: ignore[list-item]

    thread = threading.Thread(target=write)
    thread.start()
    try:
        copies = [copied(folder, tmp_path / str(number)) for number in range(6)]
    finally:
        stop.set()
        thread.join()
        journal.close()
    for copy in copies:
        again = copy.open()
        size = again.head().size
        again.append([draft(10**6)])
        assert again.head().size == size + 1
        again.close()
        assert copy.verify().ok


def test_an_empty_journal_is_copied_too(folder: JournalFolder, tmp_path: Path) -> None:
    folder.open().close()
    assert copied(folder, tmp_path / "copy").verify().size == 0


def test_a_copy_of_the_data_alone_has_no_keys(folder: JournalFolder, tmp_path: Path) -> None:
    folder.filled(5)
    made = copy_journal(folder.data, folder.keys, tmp_path, None)
    assert (made.facts, made.erasures) == (5, 0)
    assert [path.name for path in tmp_path.glob("*.db")] == ["journal.db"]
    copy_parts(folder.keys / "parts.db", tmp_path / "parts.db")
    assert (tmp_path / "parts.db").stat().st_mode & 0o077 == 0


def test_what_cannot_be_copied_is_named(folder: JournalFolder, tmp_path: Path) -> None:
    folder.filled(5)
    with pytest.raises(Unavailable) as raised:
        copy_journal(folder.data, folder.keys, tmp_path / "missing", None)
    assert "written" in raised.value.what
    with pytest.raises(Unavailable) as raised:
        copy_journal(tmp_path / "no journal", folder.keys, tmp_path, None)
    assert raised.value.where.endswith("journal.db")
    with pytest.raises(Unavailable):
        copy_parts(tmp_path / "no.db", tmp_path / "other.db")


def test_keys_are_not_copied_while_erasures_come_without_end(
    folder: JournalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(5)
    counts = iter(range(1_000))
    monkeypatch.setattr("lineage.journal.copying._erasures", lambda _: next(counts))
    with pytest.raises(Unavailable) as raised:
        copy_journal(folder.data, folder.keys, tmp_path, tmp_path)
    assert "erased" in raised.value.what
