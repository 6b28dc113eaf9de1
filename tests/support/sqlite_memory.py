"""SQLite connections that close themselves with their last reference.

A graph over a connection in memory lives as long as somebody asks it. Since Python 3.13 a
connection that nobody closed is a warning, and a warning is an error here.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from functools import partial

__all__ = ["connect"]


class _Closing(sqlite3.Connection):
    def __del__(self) -> None:
        # The collector can run in a thread that the connection does not serve.
        with suppress(sqlite3.ProgrammingError):
            self.close()


connect = partial(sqlite3.connect, factory=_Closing)
