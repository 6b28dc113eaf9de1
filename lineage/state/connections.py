"""Connections to a state: every thread reads on one of its own, the fold alone writes.

When another generation becomes the state, each thread opens it with its next question; a question
that is being answered goes on with the old file, which is closed by whoever lets go of it last.
"""

from __future__ import annotations

import gc
import sqlite3
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

from lineage.errors import TraceholdError, Unavailable
from lineage.graph.kept import Kept
from lineage.graph.sql import SqlGraph
from lineage.graph.sql import create_tables as create_graph_tables
from lineage.state.generations import current
from lineage.state.tables import connect, create_tables

__all__ = ["Connections"]


class _Held:
    """What one thread reads with."""

    __slots__ = ("__weakref__", "open")

    def __init__(self) -> None:
        self.open: tuple[sqlite3.Connection, SqlGraph] | None = None


class Connections:
    """Opens, hands out and closes.

    Attributes:
        path: The state as it is named.
        file: The generation that is open.
        generation: Counts up with every reopening.
    """

    def __init__(self, path: Path, *, read_only: bool, file: Path | None = None) -> None:
        """Opens the writer, unless ``read_only``; readers when they are asked for.

        Raises:
            sqlite3.Error: The file cannot be opened.
        """
        self.path = path
        self.file = current(path) if file is None else file
        self.generation = 1
        self._local = threading.local()
        self._lock = threading.Lock()
        self._held: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._readers: weakref.WeakSet[sqlite3.Connection] = weakref.WeakSet()
        self._refusal: Callable[[], TraceholdError] | None = None
        self._kept = Kept()
        self._read_only = read_only
        self._writer = None if read_only else _open_writer(self.file)

    def reader(self) -> sqlite3.Connection:
        """This thread's read-only connection.

        Raises:
            TraceholdError: The state is not to be read now, as ``refuse`` said.
        """
        return self._of_this_thread()[0]

    def graph(self) -> SqlGraph:
        """The graph on this thread's connection; raises like ``reader``."""
        return self._of_this_thread()[1]

    def writer(self) -> sqlite3.Connection:
        """The connection of the fold.

        Raises:
            Unavailable: The state was opened read-only.
        """
        if self._writer is None:
            if self._read_only:
                raise Unavailable("the state is open for reading only", where=str(self.path))
            self._writer = _open_writer(self.file)
        return self._writer

    @property
    def refused(self) -> bool:
        """Whether every question is answered with an error now."""
        return self._refusal is not None

    def refuse(self, refusal: Callable[[], TraceholdError]) -> None:
        """Answer no question until ``reopen``, but with this error."""
        self._refusal = refusal

    def reopen(self) -> None:
        """Go on with the generation that is current now; it may be written too."""
        with self._lock:
            former, self._writer = self._writer, None
            self._read_only = False
            self.file = current(self.path)
            self.generation += 1
            self._kept = Kept()
            self._refusal = None
            for held in self._held:
                # Not closed: a question may be using it, and ends it by letting go.
                held.open = None
        if former is not None:
            former.close()

    def waiting(self) -> int:
        """How many connections are still open on generations before this one.

        A connection and its cache of statements refer to each other, so that letting go of one is
        not enough: while any is there, asking collects what nobody uses any more.
        """
        if self._former():
            _collect()
        return self._former()

    def _former(self) -> int:
        with self._lock:
            now = {id(held.open[0]) for held in self._held if held.open is not None}
            return sum(id(db) not in now for db in self._readers)

    def close(self) -> None:
        """Let go of the file, on all threads; none may be reading any more."""
        with self._lock:
            for db in self._readers:
                db.close()
            for held in self._held:
                held.open = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _of_this_thread(self) -> tuple[sqlite3.Connection, SqlGraph]:
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held()
            with self._lock:
                self._held.add(held)
        return held.open or self._open(held)

    def _open(self, held: _Held) -> tuple[sqlite3.Connection, SqlGraph]:
        while True:
            if self._refusal is not None:
                raise self._refusal()
            file, generation = self.file, self.generation
            db = connect(file, read_only=True)
            with self._lock:
                if generation == self.generation:
                    self._readers.add(db)
                    held.open = (db, SqlGraph(db, kept=self._kept))
                    return held.open
            db.close()


def _collect() -> None:
    """Collect garbage, also among what a server froze when it had started."""
    frozen = gc.get_freeze_count()
    if frozen:
        gc.unfreeze()
    gc.collect()
    if frozen:
        gc.freeze()


def _open_writer(file: Path) -> sqlite3.Connection:
    writer = connect(file, read_only=False)
    try:
        create_tables(writer)
        create_graph_tables(writer)
    except sqlite3.Error:
        writer.close()
        raise
    return writer
