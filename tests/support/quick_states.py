"""States for tests that need thousands of them: made once, and emptied instead of made anew.

Making the tables, and preparing the statements of the fold, takes longer than folding a few facts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from lineage.graph.sql import create_tables as create_graph_tables
from lineage.state import connections
from lineage.state.known_at import _InMemory
from lineage.state.tables import connect, create_tables

__all__ = ["memory_state", "quick_states"]

_MEMORY: Final = Path(":memory:")
_free: list[_Kept] = []


class _Kept(sqlite3.Connection):
    """A database in memory that is emptied, and used again, when it is closed."""

    def prepare(self) -> None:
        """Make the tables and learn how to empty them."""
        create_tables(self)
        create_graph_tables(self)
        tables = self.execute("select name from sqlite_master where type = 'table'").fetchall()
        self.emptying = [f"delete from {name}" for (name,) in tables]
        [self.made] = self.execute("select key, value from meta").fetchall()

    def close(self) -> None:
        """Empty it."""
        if self.in_transaction:
            self.rollback()
        self.execute("begin")
        for statement in self.emptying:
            self.execute(statement)
        self.execute("insert into meta (key, value) values (?, ?)", self.made)
        self.execute("commit")
        _free.append(self)


def _kept() -> _Kept:
    if _free:
        return _free.pop()
    made = sqlite3.connect(
        _MEMORY, isolation_level=None, check_same_thread=False, factory=_Kept,
        cached_statements=1_000,
    )  # fmt: skip
    made.prepare()
    return made


def _copied(file: Path) -> sqlite3.Connection:
    with closing(_kept()) as empty:
        file.write_bytes(empty.serialize())
    db = connect(file, read_only=False)
    db.execute("update meta set value = lower(hex(randomblob(16))) where key = 'made'")
    return db


_open_writer: Final = connections._open_writer


def _open_quickly(file: Path) -> sqlite3.Connection:
    if file == _MEMORY:
        return _kept()
    return _open_writer(file) if file.exists() else _copied(file)


@contextmanager
def quick_states() -> Iterator[None]:
    """Let every new state inside be one of those kept, or a copy of an empty one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "_open_writer", _open_quickly)
        yield


def memory_state() -> _InMemory:
    """An empty state in memory, on one connection for reading and writing."""
    with quick_states():
        return _InMemory()
