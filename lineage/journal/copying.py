"""Copying a journal while it is written: both files as they were at one moment.

Keys become durable before the facts that they open, and an erasure before the key that it destroys.
So the snapshot of the keys is taken after that of the facts, and counts only if no erasure came in
between: then every fact of the copy has its key, and every key that is gone has its erasure.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lineage.errors import Unavailable
from lineage.journal.erasure import STREAM
from lineage.journal.files import JOURNAL, unreadable
from lineage.journal.keys import PARTS

__all__ = ["Copied", "copy_journal", "copy_parts"]

_TRIES = 50
_PAGES = 2_000


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds.

    Attributes:
        facts: How many.
        checkpoint: The signed note over exactly these; empty where there are none.
        erasures: How many facts say that a part is erased.
    """

    facts: int
    checkpoint: str
    erasures: int


def copy_journal(
    data: Path,
    keys: Path,
    into: Path,
    keys_into: Path | None,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Copied:
    """Copy a journal, and the keys of its parts, beside a running writer.

    Args:
        data: The data folder.
        keys: The keys folder.
        into: The folder for ``journal.db``.
        keys_into: The folder for ``parts.db``; None copies no keys.
        progress: Told the pages of the journal that are copied.

    Raises:
        Unavailable: A file cannot be read or written, or erasures come faster than the keys can
            be copied.
    """
    path = data / JOURNAL
    try:
        with closing(_reader(path)) as journal:
            for _ in range(_TRIES):
                journal.execute("BEGIN")
                copied = _seen(journal)
                path = keys / PARTS
                if keys_into is None or _keys_at(path, keys_into / PARTS, data, copied):
                    path = into / JOURNAL
                    _copy(journal, path, progress)
                    return copied
                journal.execute("ROLLBACK")
                path = data / JOURNAL
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    except OSError as error:
        raise Unavailable(
            f"the copy cannot be written ({os.strerror(error.errno or 0)})", where=str(path),
            advice="check the space that is left where the copy goes",
        ) from error  # fmt: skip
    raise Unavailable(
        "parts are being erased; the keys cannot be copied meanwhile", where=str(keys / PARTS),
        advice="try again when the erasure is done",
    )  # fmt: skip


def copy_parts(source: Path, target: Path) -> None:
    """Copy the keys of the parts as they are now, all of them.

    Raises:
        Unavailable: They cannot be read or written.
    """
    try:
        with closing(_reader(source)) as parts:
            _copy(parts, target)
    except sqlite3.Error as error:
        raise unreadable(source, error) from error


def _keys_at(source: Path, target: Path, data: Path, copied: Copied) -> bool:
    """Copy the keys of the facts seen; False where a part was erased since."""
    with closing(_reader(source)) as parts:
        parts.execute("BEGIN")
        parts.execute("SELECT 1 FROM signed").fetchone()
        with closing(_reader(data / JOURNAL)) as now:
            if _erasures(now) != copied.erasures:
                return False
        target.unlink(missing_ok=True)
        _copy(parts, target)
    # What the keys folder knows of later facts would make the copy look rolled back.
    with closing(sqlite3.connect(target, isolation_level=None)) as made:
        made.execute("PRAGMA secure_delete = ON")
        made.execute("BEGIN IMMEDIATE")
        made.execute("DELETE FROM key WHERE position > ?", (copied.facts,))
        made.execute("DELETE FROM signed")
        if copied.checkpoint:
            made.execute("INSERT INTO signed(one, note) VALUES (1, ?)", (copied.checkpoint,))
        made.execute("COMMIT")
    return True


def _seen(journal: sqlite3.Connection) -> Copied:
    """What this transaction sees; its first statement takes the snapshot."""
    row = journal.execute("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    size, note = row or (0, "")
    return Copied(size, note, _erasures(journal))


def _erasures(journal: sqlite3.Connection) -> int:
    count: int = journal.execute(
        "SELECT count(*) FROM member WHERE stream = ?", (STREAM,)
    ).fetchone()[0]
    return count


def _reader(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(path.resolve().as_posix())}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def _copy(
    source: sqlite3.Connection, target: Path, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Copy what the source's transaction sees into one file that needs no other beside it."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(target, isolation_level=None)) as made:
        made.execute("PRAGMA fullfsync = ON")
        source.backup(
            made, pages=_PAGES, progress=lambda _, left, total: progress(total - left), sleep=0
        )
        made.execute("PRAGMA journal_mode = DELETE")
