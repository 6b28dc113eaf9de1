"""Which facts share a sync: one checkpoint stands for one group."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from journal_world import JournalFolder, draft

from lineage.facts import Receipt
from lineage.journal import sequencer
from lineage.journal.sqlite import SqliteJournal


def groups(folder: JournalFolder) -> list[int]:
    """Size of the journal after each group."""
    with closing(sqlite3.connect(folder.data / "journal.db")) as db:
        return [size for (size,) in db.execute("select size from checkpoint order by size")]


def submit_together(journal: SqliteJournal, *numbers: int) -> list[Receipt]:
    """Submit drafts while the sequencer is held up, so that they wait for it as one group."""
    assert journal._sequencer is not None
    entered, release = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        release.wait()

    held = sequencer._Job(sequencer.Future(), work=hold)
    journal._sequencer._put(held)
    entered.wait()
    futures = [journal.submit(draft(number)) for number in numbers]
    release.set()
    return [future.result() for future in futures]


def test_what_waits_together_shares_a_sync(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    with closing(folder.open()) as journal:
        submit_together(journal, 1, 2, 3)
    assert groups(folder) == [3]


def test_a_group_waits_a_moment_to_become_as_large_as_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = JournalFolder(tmp_path)
    with closing(folder.open()) as journal:
        submit_together(journal, 1, 2)
        late = []

        def pause(_: float) -> None:
            late.append(journal.submit(draft(4)))

        monkeypatch.setattr(sequencer.time, "sleep", pause)
        journal.submit(draft(3)).result()
        monkeypatch.undo()
        assert [future.result().position for future in late] == [4]
    assert groups(folder) == [2, 4]


def test_a_lone_sender_is_never_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(sequencer.time, "sleep", pauses.append)
    folder = JournalFolder(tmp_path)
    with closing(folder.open()) as journal:
        for number in range(5):
            journal.submit(draft(number)).result()
    assert pauses == []
    assert groups(folder) == [1, 2, 3, 4, 5]


def test_after_a_rush_a_lone_sender_waits_once_and_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    folder = JournalFolder(tmp_path)
    with closing(folder.open()) as journal:
        submit_together(journal, *range(10, 20))
        monkeypatch.setattr(sequencer.time, "sleep", pauses.append)
        for number in range(3):
            journal.submit(draft(number)).result()
    assert pauses == [sequencer.PAUSE_SECONDS] * sequencer.PAUSES


@pytest.mark.parametrize(
    ("most", "number", "expected"),
    [("GROUP_FACTS", 2, [2, 4, 5]), ("GROUP_BYTES", 1, [1, 2, 3, 4, 5])],
)
def test_a_group_has_no_more_facts_and_bytes_than_one_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str, number: int, expected: list[int]
) -> None:
    monkeypatch.setattr(sequencer, most, number)
    folder = JournalFolder(tmp_path)
    with closing(folder.open()) as journal:
        submit_together(journal, *range(5))
    assert groups(folder) == expected
