"""The storage that a journal can have, as the contract suite needs it: open, crash, fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from journal_world import JournalFolder
from late_journal import LateJournal

from lineage.journal.port import Journal
from lineage.journal.sqlite import SqliteJournal

__all__ = ["ENGINES", "Engine", "LateEngine", "SqliteEngine"]


class Engine(Protocol):
    """One journal's storage, under a folder of the test's own."""

    def open(self) -> Journal:
        """Open it for writing; make it the first time."""
        ...

    def open_after_crash(self) -> Journal:
        """Open what would be left if every process died now; the first journal stays open."""
        ...

    def refuse_writes(self, journal: Journal) -> None:
        """From now on the storage has no room."""
        ...


class SqliteEngine:
    """SQLite files in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = JournalFolder(root / "journal")

    def open(self) -> Journal:
        return self.folder.open()

    def open_after_crash(self) -> Journal:
        return self._left().open()

    def refuse_writes(self, journal: Journal) -> None:
        assert isinstance(journal, SqliteJournal)
        assert journal._sequencer is not None
        ledger = journal._sequencer._ledger
        (pages,) = ledger._journal.execute("PRAGMA page_count").fetchone()
        ledger._journal.execute(f"PRAGMA max_page_count = {pages}")

    def _left(self) -> JournalFolder:
        target = self.root / f"crash-{len(list(self.root.iterdir()))}"
        return JournalFolder(Path(shutil.copytree(self.folder.root, target)), self.folder.clock)


class LateEngine(SqliteEngine):
    """The same, with receipts before positions; it shows that the suite asks for no more."""

    def open(self) -> Journal:
        return LateJournal(self.folder.open())

    def open_after_crash(self) -> Journal:
        return LateJournal(self._left().open())

    def refuse_writes(self, journal: Journal) -> None:
        assert isinstance(journal, LateJournal)
        super().refuse_writes(journal.inner)


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SqliteEngine, "late": LateEngine}
"""Add an adapter here, and the whole suite runs on it."""
