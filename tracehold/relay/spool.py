"""Events that wait to be forwarded, durable and in order, in one SQLite file of bounded size.

What the far server refuses for good is set aside in the same file, never dropped: it counts against
the bound until it is sent again or removed.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from lineage.errors import NotFound, Unavailable

__all__ = ["FILE", "Arrival", "Figures", "Refused", "Spool", "Waiting", "pack"]

FILE: Final = "relay.db"

_LAYOUT: Final = """
create table if not exists sender (id integer primary key, token text not null unique);
create table if not exists event (
  id integer primary key autoincrement,
  sender integer not null references sender (id),
  packed blob not null,
  received integer not null,
  refused integer not null default 0,
  cause text not null default ''
);
create index if not exists waiting on event (id) where refused = 0;
create index if not exists aside on event (id) where refused <> 0;
"""
_CAUSE: Final = "alter table event add column cause text not null default ''"
"""For a spool that was made when only the status was kept."""
_PAGE_ROWS: Final = 256
_PAGE_BYTES: Final = 8 * 1024 * 1024
_BUSY_SECONDS: Final = 10.0


class Arrival(NamedTuple):
    """An event as it came in.

    Attributes:
        packed: Its bytes, as ``pack`` makes them.
        token: The sender's bearer token; empty where the relay has one of its own.
        received: Epoch milliseconds.
    """

    packed: bytes
    token: str
    received: int


class Waiting(NamedTuple):
    """An event to forward; ``id`` rises in the order of arrival."""

    id: int
    packed: bytes
    token: str


class Refused(NamedTuple):
    """Why events were set aside: the far server's status and words, and how many."""

    status: int
    cause: str
    events: int


class Figures(NamedTuple):
    """What a spool holds.

    Attributes:
        waiting: Events not yet forwarded.
        refused: Events set aside.
        bytes: Of both, packed.
        oldest: When the oldest that waits came in, epoch milliseconds; None where none waits.
        causes: How many were set aside, and why.
    """

    waiting: int
    refused: int
    bytes: int
    oldest: int | None
    causes: list[Refused]


def pack(event: bytes) -> bytes:
    """An event as the spool keeps it and the far server gets it: gzip (RFC 1952)."""
    return gzip.compress(event, compresslevel=1, mtime=0)


class Spool:
    """The spool in a folder; safe to share between threads."""

    def __init__(self, folder: Path, *, limit: int, fresh: bool = True) -> None:
        """Open it.

        Args:
            folder: Where ``relay.db`` lies; others on this machine must not read it.
            limit: Most bytes of events, packed.
            fresh: Make it where there is none.

        Raises:
            NotFound: There is none, and none shall be made.
            Unavailable: It cannot be written, or is damaged.
        """
        self._path = folder / FILE
        self._limit = limit
        self._lock = threading.Lock()
        self._broken = False
        if not fresh and not self._path.exists():
            raise NotFound("there is no spool here", where=str(folder), advice="name it: --spool")
        with self._failing():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # What was forwarded holds values of data: its pages are overwritten and given back.
            for pragma in (
                "auto_vacuum = incremental", "journal_mode = wal", "synchronous = full",
                "secure_delete = on", "foreign_keys = on",
            ):  # fmt: skip
                self._database.execute(f"pragma {pragma}")
            self._database.executescript(_LAYOUT)
            columns = {row[1] for row in self._database.execute("pragma table_info(event)")}
            if "cause" not in columns:
                self._database.execute(_CAUSE)
            self._held = self._sum()

    @property
    def broken(self) -> bool:
        """Whether a write failed; nothing is taken any more until the next start."""
        return self._broken

    def put(self, arrivals: Sequence[Arrival]) -> None:
        """Keep events; they are on the disk when this returns, all of them or none.

        Raises:
            Unavailable: The bound is met, or the disk does not take them.
        """
        size = sum(len(one.packed) for one in arrivals)
        with self._lock, self._failing():
            if self._broken:
                raise _lost(self._path, "a write failed before")
            if self._held + size > self._limit:
                # What was forwarded is counted off only here, and when nothing is left.
                self._held = self._sum()
            if self._held + size > self._limit:
                raise Unavailable(
                    f"the relay holds its {self._limit} bytes",
                    where=str(self._path),
                    advice="it drains once the far server answers; see `tracehold relay --status`",
                )
            with self._transaction():
                for one in arrivals:
                    self._database.execute(
                        "insert into sender (token) values (?) on conflict do nothing", (one.token,)
                    )
                    self._database.execute(
                        "insert into event (sender, packed, received)"
                        " select id, ?, ? from sender where token = ?",
                        (one.packed, one.received, one.token),
                    )
            self._held += size

    def page(self) -> list[Waiting]:
        """The oldest events that wait, at least one if any does.

        Raises:
            Unavailable: The spool cannot be read.
        """
        found: list[Waiting] = []
        size = 0
        with self._lock, self._failing():
            for row in self._database.execute(
                "select e.id, e.packed, s.token from event e join sender s on s.id = e.sender"
                " where e.refused = 0 order by e.id limit ?",
                (_PAGE_ROWS,),
            ):
                found.append(Waiting(*row))
                size += len(found[-1].packed)
                if size > _PAGE_BYTES:
                    break
        return found

    def settle(self, taken: Iterable[int], refused: Iterable[tuple[int, int, str]] = ()) -> None:
        """Forget what was taken, and set aside what was refused: (id, status, cause).

        Raises:
            Unavailable: The disk does not take it; the events are sent once more.
        """
        with self._lock, self._failing():
            with self._transaction():
                self._database.executemany("delete from event where id = ?", [(i,) for i in taken])
                self._database.executemany(
                    "update event set refused = ?, cause = ? where id = ?",
                    [(status, cause, i) for i, status, cause in refused],
                )
            self._tidy()

    def again(self) -> int:
        """Let what was set aside wait once more, in its old place; returns how many events."""
        with self._lock, self._failing():
            return self._database.execute(
                "update event set refused = 0, cause = '' where refused <> 0"
            ).rowcount

    def figures(self) -> Figures:
        """What it holds now.

        Raises:
            Unavailable: It cannot be read.
        """
        with self._lock, self._failing():
            waiting, oldest = self._database.execute(
                "select count(*), min(received) from event where refused = 0"
            ).fetchone()
            causes = [
                Refused(*row)
                for row in self._database.execute(
                    "select refused, cause, count(*) from event where refused <> 0"
                    " group by refused, cause order by refused, cause"
                )
            ]
            refused = sum(one.events for one in causes)
            return Figures(waiting, refused, self._sum(), oldest, causes)

    def close(self) -> None:
        """Close the file. What waits stays."""
        with self._lock:
            self._database.close()

    def _sum(self) -> int:
        (held,) = self._database.execute(
            "select coalesce(sum(length(packed)), 0) from event"
        ).fetchone()
        return int(held)

    def _tidy(self) -> None:
        """Once nothing is left: no token stays, and the disk gets its room back."""
        if self._database.execute("select 1 from event limit 1").fetchone():
            return
        self._database.execute("delete from sender")
        self._held = 0
        # As a script: Python ends a statement without columns after its first page.
        self._database.executescript("pragma incremental_vacuum")
        self._database.execute("pragma wal_checkpoint(truncate)").fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("begin immediate")
        try:
            yield
            self._database.execute("commit")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("rollback")
            raise

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # After a failed sync a second try could find pages marked clean that never arrived.
            self._broken = self._broken or error.sqlite_errorname.startswith("SQLITE_IOERR")
            raise _lost(self._path, error.sqlite_errorname) from None
        except OSError as error:
            raise _lost(self._path, os.strerror(error.errno or 0)) from None


def _lost(path: Path, why: str) -> Unavailable:
    return Unavailable(
        f"the spool cannot be used ({why})",
        where=str(path),
        advice="check the permissions of its folder and the space that is left, then start again",
    )
