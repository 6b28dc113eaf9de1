"""The search index of a workspace: a file beside the state that follows it by position.

The file bears the name of the state that it was made from (each state has a name of its own, even
where the same facts were folded twice), so that no index outlives what was erased. Whoever writes
the workspace removes the others. Losing one costs the time to make it again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from catalog.search.document import documents
from catalog.search.sqlite import FORMAT, SqliteText
from lineage.errors import TraceholdError, Unavailable
from lineage.state.following import changed_since, every_thing
from lineage.state.generations import remove
from lineage.state.store import SqlState
from lineage.state.tables import connect
from tracehold.faults import describe

__all__ = ["SearchIndex"]

_log = logging.getLogger(__name__)

_BATCH: Final = 200
"""Documents per transaction."""
_DAMAGE: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_PAUSE_SECONDS: Final = 1.0
_PATIENCE: Final = 30
"""Pauses for which the index waits while the fold is far behind, and both would share one core."""
_PAUSE_AFTER_FAULT_SECONDS: Final = 30.0


class SearchIndex:
    """Makes the index, lets it follow, opens it. Safe to share between threads.

    Attributes:
        position: Fact up to which this process has seen it follow; None before the first time.
    """

    def __init__(self, state: SqlState, folder: Path) -> None:
        """Touches no file yet.

        Args:
            state: What is searched.
            folder: Where the file lies.
        """
        self._state = state
        self._folder = folder
        self._turn = threading.Lock()
        self._followed = False
        self.position: int | None = None

    @property
    def file(self) -> Path:
        """The index of the state that is open.

        Raises:
            Unavailable: The state is being made anew.
        """
        return self._folder / f"search-{FORMAT}-{self._state.made()}.db"

    @contextmanager
    def opened(self) -> Iterator[tuple[SqliteText, int]]:
        """The index for one question, and the fact up to which it follows.

        Raises:
            Unavailable: It is not made yet.
        """
        self.bring_up()
        try:
            index = SqliteText(connect(self.file, read_only=True))
        except sqlite3.OperationalError:
            raise _not_made() from None
        with closing(index):
            position = index.position()
            if position is None:
                raise _not_made()
            yield index, position

    def bring_up(self, tell: Callable[[int, int], None] = lambda _, __: None) -> None:
        """Bring it up where no thread of this process does, if it may be written.

        Args:
            tell: Told documents done and to do.
        """
        if self._followed:
            return
        try:
            self.follow(tell)
        except sqlite3.OperationalError as error:
            # A folder that may only be read, or another process at work: see what there is.
            _log.debug("the search index is not written here: %s", error.sqlite_errorname)

    def follow(
        self,
        tell: Callable[[int, int], None] = lambda _, __: None,
        stop: threading.Event | None = None,
    ) -> None:
        """Bring the index up to the state; make it where there is none.

        Args:
            tell: Told documents done and to do.
            stop: Where set, the work takes half of the time only, and ends when this is set.

        Raises:
            sqlite3.Error: It cannot be written.
        """
        with self._turn:
            file = self.file
            try:
                self._advance(file, tell, stop)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorname not in _DAMAGE:
                    raise
                _log.warning("the search index was damaged (%s) and is made anew", error)
                remove(file)
                self._advance(file, tell, stop)

    def _advance(
        self, file: Path, tell: Callable[[int, int], None], stop: threading.Event | None
    ) -> None:
        upto = self._state.position()
        with closing(SqliteText(connect(file, read_only=False))) as index:
            position = index.position()
            if position == upto:
                self.position = upto
                return
            batches: Iterator[Sequence[str]]
            if position is None:
                index.create()
                batches, total = every_thing(self._state.connection(), _BATCH), self._things()
            else:
                keys = changed_since(self._state.connection(), position)
                batches, total = _cut(keys), len(keys)
            done = 0
            for batch in batches:
                began = time.monotonic()
                index.put(documents(self._state, batch))
                done += len(batch)
                tell(done, total)
                halted = stop is not None and stop.wait(time.monotonic() - began)
                if halted or file != self._file_now():
                    return
            # What changed meanwhile stands behind this position, and is taken the next time.
            index.reached(upto)
            self.position = upto

    def run(self, stop: threading.Event, busy: Callable[[], bool] = lambda: False) -> None:
        """Follow until ``stop`` is set.

        Args:
            stop: Ends it.
            busy: Whether the state is far behind the journal: then it goes first for a while.
        """
        self._followed = True
        self.sweep()
        trouble = ""
        pause, waited = 0.0, 0
        while not stop.wait(pause):
            pause = _PAUSE_SECONDS
            if self._state.connections.refused:
                continue
            if waited < _PATIENCE and busy():
                waited += 1
                continue
            waited = 0
            try:
                self.follow(stop=stop)
                trouble = ""
            except TraceholdError:
                continue  # the state is being made anew
            except Exception as error:  # noqa: BLE001 - search must never end the server
                pause = _PAUSE_AFTER_FAULT_SECONDS
                text = describe(error)
                if text != trouble:
                    _log.error("the search index does not follow\n%s", text)
                trouble = text

    def sweep(self) -> None:
        """Remove the indexes of states that are no more; only for who writes the workspace."""
        with self._turn:
            self.position, keep = None, self._file_now()
            for file in self._folder.glob("search-*.db"):
                if file != keep:
                    with suppress(PermissionError):  # open for a question (Windows): the next time
                        remove(file)

    def _file_now(self) -> Path | None:
        """The index of the state that is open; None while none can be read."""
        try:
            return self.file
        except TraceholdError:
            return None

    def _things(self) -> int:
        return sum(self._state.count(label) for label in ("Dataset", "Job", "Model"))


def _cut(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))


def _not_made() -> Unavailable:
    return Unavailable(
        "the search index is being made", where="search",
        advice="try again in a while; lists and traces answer meanwhile",
    )  # fmt: skip
