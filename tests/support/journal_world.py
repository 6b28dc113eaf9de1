"""Builders for journals in tests: a ticking clock, drafts by number, a workspace on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lineage.facts import Draft
from lineage.journal.sqlite import SqliteJournal, open_journal
from lineage.journal.verify import VerifyReport, verify_journal

ORIGIN = "tracehold.test/journal"
START = 1_772_000_000_000


@dataclass
class TickingClock:
    """Steps one millisecond with every question."""

    now: int = START

    def __call__(self) -> int:
        self.now += 1
        return self.now


def draft(number: int = 1, **changes: object) -> Draft:
    """A small draft; the number makes its body and its idempotency differ from others."""
    fields: dict[str, object] = {
        "kind": "test.noted/1",
        "actor": "person:7f",
        "body": b'{"number":%d}' % number,
        "raw": b"as received %d" % number,
        "valid_time": START + number,
        "idempotency": b"bytes %d" % number,
    }
    return Draft(**(fields | changes))  # type: ignore[arg-type]


@dataclass
class JournalFolder:
    """Data and keys of one journal on disk, opened and reopened at will."""

    root: Path
    clock: TickingClock = field(default_factory=TickingClock)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    def open(self, *, read_only: bool = False) -> SqliteJournal:
        return open_journal(
            self.data, self.keys, origin=ORIGIN, clock=self.clock, read_only=read_only
        )

    def filled(self, count: int) -> list[str]:
        """Append so many facts, in groups of varying size, every third in a stream; give ids."""
        journal = self.open()
        ids: list[str] = []
        try:
            number = 0
            while number < count:
                size = min(1 + number % 40, count - number)
                drafts = [
                    draft(i, stream="hold" if i % 3 == 0 else None)
                    for i in range(number, number + size)
                ]
                ids += [receipt.fact_id for receipt in journal.append(drafts)]
                number += size
        finally:
            journal.close()
        return ids

    def verify(self, *, witness: str | None = None) -> VerifyReport:
        return verify_journal(self.data, self.keys, witness=witness)

    def tamper(self, sql: str, *values: object, keys: bool = False) -> int:
        """Change rows behind the journal's back; gives how many."""
        path = self.keys / "parts.db" if keys else self.data / "journal.db"
        connection = sqlite3.connect(path)
        try:
            count = connection.execute(sql, values).rowcount
            connection.commit()
            return count
        finally:
            connection.close()

    def bytes_of_keys(self) -> bytes:
        """Every byte of every file in the keys folder, WAL included."""
        return b"".join(path.read_bytes() for path in sorted(self.keys.iterdir()))


def pages(journal: SqliteJournal, limit: int = 100) -> Iterator[int]:
    """Positions as a follower reads them, page by page."""
    after = 0
    while facts := journal.read(after, limit):
        yield from (fact.position for fact in facts)
        after = facts[-1].position
