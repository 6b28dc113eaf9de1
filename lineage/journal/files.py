"""The two SQLite files of a journal: how they are laid out and how they are opened.

``journal.db`` in the data folder holds facts, tree and checkpoints; ``parts.db`` in the keys folder
holds the keys of the parts and the last signed checkpoint.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from lineage.errors import Conflict, Unavailable
from lineage.journal.keys import PARTS

__all__ = [
    "JOURNAL",
    "connect_reader",
    "connect_writer",
    "counts_checkpoints",
    "lock_writer",
    "unreadable",
]

JOURNAL = "journal.db"
_LOCK = "journal.lock"

_VERSION = 1
_JOURNAL_TABLES = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE fact(
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    distilled BLOB NOT NULL,
    raw BLOB
);
CREATE TABLE request(
    key BLOB PRIMARY KEY, content BLOB, position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE member(
    stream TEXT NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;
CREATE TABLE tile(key INTEGER PRIMARY KEY, root BLOB NOT NULL, hashes BLOB NOT NULL);
CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note TEXT NOT NULL);
"""
_PARTS_TABLES = """
CREATE TABLE key(position INTEGER PRIMARY KEY, distilled BLOB NOT NULL, raw BLOB);
CREATE TABLE signed(
    one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL, checkpoints INTEGER
);
"""


DAMAGED = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises: names of its own in SQLite's messages may be no text."""


def unreadable(path: Path, error: Exception) -> Unavailable:
    """The error for a database file that SQLite cannot work with."""
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    return Unavailable(
        f"the file cannot be opened as a journal ({name})", where=str(path),
        advice="run `tracehold journal verify`; restore the last backup if it reports damage",
    )  # fmt: skip


def connect_writer(path: Path, *, parts: bool, create: bool = True) -> sqlite3.Connection:
    """Open one of the two files for writing; with ``create`` make it (0600) where it is missing.

    Raises:
        Unavailable: The file is missing or empty, is no such database, or has another format.
    """
    try:
        flags = os.O_WRONLY | os.O_CREAT if create else os.O_WRONLY
        os.close(os.open(path, flags, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(
            "the journal cannot be written", where=str(path),
            advice="check that the folder exists and belongs to you",
        ) from error  # fmt: skip
    try:
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA secure_delete = ON")
        _lay_out(connection, path, (_PARTS_TABLES if parts else _JOURNAL_TABLES) if create else "")
        if parts and not counts_checkpoints(connection, "main"):
            connection.execute("ALTER TABLE signed ADD COLUMN checkpoints INTEGER")
    except DAMAGED as error:
        connection.close()
        raise unreadable(path, error) from error
    except Unavailable:
        connection.close()
        raise
    return connection


def _lay_out(connection: sqlite3.Connection, path: Path, tables: str) -> None:
    """Make the tables of a new file; refuse one of another format."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0 and tables:
        connection.executescript(f"BEGIN; {tables} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise Unavailable(
            f"the file has the unknown format {version}", where=str(path),
            advice="restore the last backup if it was cut; else open it with the release it is of",
        )  # fmt: skip


def counts_checkpoints(connection: sqlite3.Connection, schema: str) -> bool:
    """Whether this file keeps how many checkpoints there are; it did not always."""
    columns = connection.execute(f"PRAGMA {schema}.table_info(signed)").fetchall()
    return "checkpoints" in [column[1] for column in columns]


def connect_reader(data: Path, keys: Path | None) -> sqlite3.Connection:
    """Open a journal read-only, beside a running writer or on a read-only medium.

    The part keys are attached as ``keys.key``; without a keys folder that table is empty.

    Raises:
        Unavailable: A file is missing or unreadable.
    """
    path = data / JOURNAL
    try:
        connection = sqlite3.connect(
            _uri(path), uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("SELECT 1 FROM fact LIMIT 1").fetchone()
            if keys is None:
                connection.execute("ATTACH ':memory:' AS keys")
                connection.executescript(
                    _PARTS_TABLES.replace("CREATE TABLE ", "CREATE TABLE keys.")
                )
            else:
                path = keys / PARTS
                connection.execute("ATTACH ? AS keys", (_uri(path),))
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT 1 FROM keys.key LIMIT 1").fetchone()
        except DAMAGED:
            connection.close()
            raise
    except DAMAGED as error:
        raise unreadable(path, error) from error
    return connection


def _uri(path: Path) -> str:
    """A read-only URI; immutable where nobody could be writing because nobody may."""
    uri = f"file:{quote(path.resolve().as_posix())}?mode=ro"
    wal = path.with_name(path.name + "-wal")
    if not os.access(path.parent, os.W_OK) and not (wal.exists() and wal.stat().st_size):
        uri += "&immutable=1"
    return uri


def lock_writer(data: Path) -> sqlite3.Connection:
    """Take the one writer's lock; it is held until the connection is closed or the process dies.

    SQLite's own file lock is used because it works alike on every platform.

    Raises:
        Conflict: Another process writes this journal.
    """
    path = data / _LOCK
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise Unavailable(
            "the journal cannot be locked", where=str(path),
            advice="check that the data folder belongs to you and is on a local disk",
        ) from error  # fmt: skip
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        connection.close()
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise Conflict(
                "another process writes this journal", where=str(path),
                advice="use the running server, or stop it first",
            ) from error  # fmt: skip
        raise unreadable(path, error) from error
    return connection
