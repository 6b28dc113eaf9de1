"""Opening a journal for writing: the files must fit each other, or the start is refused.

Checked in well under a second at any size: the newest checkpoint covers exactly the facts, its root
is the root of the stored tree, and the last checkpoint kept with the keys is a prefix of it. What
lies deeper is the work of ``verify``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from lineage.errors import Conflict, Unavailable
from lineage.journal.checkpoint import BadSignature, parse_checkpoint, verify_note
from lineage.journal.files import JOURNAL, connect_writer, unreadable
from lineage.journal.keys import PARTS, WorkspaceKeys
from lineage.journal.ledger import Ledger
from lineage.journal.merkle import EMPTY_ROOT, range_root
from lineage.journal.port import Head
from lineage.journal.requests import Requests
from lineage.journal.tiles import GrowingTree, StoredTree

__all__ = ["open_ledger"]


def open_ledger(
    data: Path, keys: WorkspaceKeys, *, origin: str, entropy: Callable[[int], bytes] = os.urandom
) -> Ledger:
    """Open both files for writing and check that they belong together.

    Raises:
        Unavailable: A file is unreadable, or the journal was rolled back, forked or changed; the
            error names which.
        Conflict: The journal has another origin.
    """
    parts = connect_writer(keys.folder / PARTS, parts=True)
    try:
        # Where facts were signed, a missing or empty journal is a loss and not a beginning.
        signed = parts.execute("SELECT 1 FROM signed").fetchone() is not None
        _refuse_loss(data, signed=signed)
        journal = connect_writer(data / JOURNAL, parts=False, create=not signed)
    except sqlite3.Error as error:
        parts.close()
        raise unreadable(keys.folder / PARTS, error) from error
    except BaseException:
        parts.close()
        raise
    try:
        return _join(journal, parts, data, keys, origin=origin, entropy=entropy)
    except BaseException as error:
        journal.close()
        parts.close()
        if isinstance(error, sqlite3.Error):
            raise unreadable(data / JOURNAL, error) from error
        if isinstance(error, LookupError):
            raise _refused("its tree has a hole", data) from error
        if isinstance(error, (TypeError, ValueError)):
            raise _refused("a value in it is of the wrong type", data) from error
        raise


def _refuse_loss(data: Path, *, signed: bool) -> None:
    if signed and not (data / JOURNAL).exists():
        raise _refused("it was rolled back to nothing", data)


def _refused(cause: str, data: Path) -> Unavailable:
    return Unavailable(
        f"the journal is not opened: {cause}", where=str(data / JOURNAL),
        advice="run `tracehold journal verify`; restore data and keys folder from one backup",
    )  # fmt: skip


def _join(
    journal: sqlite3.Connection,
    parts: sqlite3.Connection,
    data: Path,
    keys: WorkspaceKeys,
    *,
    origin: str,
    entropy: Callable[[int], bytes],
) -> Ledger:
    tenant = _identify(journal, origin, entropy)
    (size,) = journal.execute("SELECT coalesce(max(position), 0) FROM fact").fetchone()
    row = journal.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    note = row[0] if row else ""
    stored = StoredTree(journal, size)
    tree = GrowingTree(stored.tails())
    try:
        head = _signed_head(note, keys, origin)
    except BadSignature as error:
        raise _refused(f"its newest checkpoint does not hold ({error.what})", data) from error
    if head != Head(tree.size, tree.root()):
        raise _refused("its facts are not those of its newest checkpoint", data)

    kept = parts.execute("SELECT note FROM signed").fetchone()
    try:
        last = _signed_head(kept[0] if kept else "", keys, origin)
    except BadSignature as error:
        raise _refused("the keys folder is of another journal", data) from error
    if last.size > head.size:
        raise _refused(f"it was rolled back from {last.size} facts to {head.size}", data)
    if last.size and range_root(0, last.size, stored.node) != last.root:
        raise _refused(f"it was forked: {last.size} facts were signed otherwise", data)
    (keyed,) = parts.execute("SELECT coalesce(max(position), 0) FROM key").fetchone()
    if keyed < size:
        raise _refused(f"the keys of its parts end at fact {keyed} of {size}", data)
    # Keys that were made durable just before a crash, for facts that never were.
    parts.execute("DELETE FROM key WHERE position > ?", (size,))
    return Ledger(
        journal,
        parts,
        tree=tree,
        note=note,
        origin=origin,
        tenant=tenant,
        signer=keys.signer,
        requests=Requests(keys.secret),
        entropy=entropy,
    )


def _identify(journal: sqlite3.Connection, origin: str, entropy: Callable[[int], bytes]) -> str:
    """The journal's own opaque id; a new journal gets one, and its origin for good."""
    meta = dict(journal.execute("SELECT name, value FROM meta").fetchall())
    if not meta:
        meta = {"origin": origin, "tenant": entropy(8).hex()}
        journal.execute("BEGIN IMMEDIATE")
        journal.executemany("INSERT INTO meta VALUES (?, ?)", list(meta.items()))
        journal.execute("COMMIT")
    if meta.get("origin") != origin:
        raise Conflict(
            "the journal has another origin", where=str(meta.get("origin")),
            advice=f"open it under that origin, not as {origin}",
        )  # fmt: skip
    return str(meta["tenant"])


def _signed_head(note: str, keys: WorkspaceKeys, origin: str) -> Head:
    if not note:
        return Head(0, EMPTY_ROOT)
    return parse_checkpoint(verify_note(note, keys.signer.verifier), origin=origin)
