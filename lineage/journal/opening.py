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
from lineage.journal.checkpoint import (
    BadSignature,
    claimed_size,
    parse_checkpoint,
    verify_note,
)
from lineage.journal.files import JOURNAL, connect_writer, unreadable
from lineage.journal.keychain import BrokenChain, KeyChain, stored_chain
from lineage.journal.keys import PARTS, SECRET, SIGNING_KEY, WorkspaceKeys, secret_tag
from lineage.journal.ledger import Ledger
from lineage.journal.merkle import EMPTY_ROOT, range_root
from lineage.journal.port import Head
from lineage.journal.requests import Requests
from lineage.journal.tiles import GrowingTree, StoredTree

__all__ = ["open_ledger"]


def open_ledger(
    data: Path,
    keys: WorkspaceKeys,
    *,
    origin: str,
    entropy: Callable[[int], bytes] = os.urandom,
    lost: bool = False,
) -> Ledger:
    """Open both files for writing and check that they belong together.

    With ``lost`` the signer of ``keys`` is one that the journal has not named yet.

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
        return _join(journal, parts, data, keys, origin=origin, entropy=entropy, lost=lost)
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
    lost: bool,
) -> Ledger:
    tenant = _identify(journal, origin, entropy, keys)
    chain = _chain(journal, keys, data, lost=lost)
    # A crash may have come between the destruction of keys and the cut of the log that had them.
    parts.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = journal.execute("SELECT coalesce(max(position), 0) FROM fact").fetchone()
    row = journal.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    note = row[0] if row else ""
    stored = StoredTree(journal, size)
    tree = GrowingTree(stored.tails())
    try:
        head = _signed_head(note, chain, origin)
    except BadSignature as error:
        raise _refused(f"its newest checkpoint does not hold ({error.what})", data) from error
    if head != Head(tree.size, tree.root()):
        raise _refused("its facts are not those of its newest checkpoint", data)

    kept = parts.execute("SELECT note, checkpoints FROM signed").fetchone()
    try:
        last = _signed_head(kept[0] if kept else "", chain, origin)
    except BadSignature as error:
        raise _refused("the keys folder is of another journal", data) from error
    if last.size > head.size:
        raise _refused(f"it was rolled back from {last.size} facts to {head.size}", data)
    if last.size and range_root(0, last.size, stored.node) != last.root:
        raise _refused(f"it was forked: {last.size} facts were signed otherwise", data)
    (checkpoints,) = journal.execute("SELECT count(*) FROM checkpoint").fetchone()
    if kept and kept[1] is not None and kept[1] != _up_to(journal, last.size):
        raise _refused("a checkpoint is missing or does not belong here", data)
    (keyed,) = parts.execute("SELECT coalesce(max(position), 0) FROM key").fetchone()
    if keyed < size:
        raise _refused(f"the keys of its parts end at fact {keyed} of {size}", data)
    # Keys that were made durable just before a crash, for facts that never were.
    parts.execute("DELETE FROM key WHERE position > ?", (size,))
    if not chain.links:
        # Checked above: this very key signed the newest checkpoint, or there is none yet.
        journal.execute("INSERT OR IGNORE INTO meta VALUES ('key/0', ?)", (str(chain.first),))
    return Ledger(
        journal,
        parts,
        tree=tree,
        note=note,
        checkpoints=checkpoints,
        origin=origin,
        tenant=tenant,
        signer=keys.signer,
        requests=Requests(keys.secret),
        entropy=entropy,
    )


def _up_to(journal: sqlite3.Connection, size: int) -> int:
    count: int = journal.execute(
        "SELECT count(*) FROM checkpoint WHERE size <= ?", (size,)
    ).fetchone()[0]
    return count


def _identify(
    journal: sqlite3.Connection,
    origin: str,
    entropy: Callable[[int], bytes],
    keys: WorkspaceKeys,
) -> str:
    """The journal's own opaque id; a new journal gets one, its origin and its keys for good."""
    meta = dict(journal.execute("SELECT name, value FROM meta").fetchall())
    if meta.get("origin", origin) != origin:
        raise Conflict(
            "the journal has another origin", where=str(meta.get("origin")),
            advice=f"open it under that origin, not as {origin}",
        )  # fmt: skip
    due = {"secret": secret_tag(keys.secret)}
    if not meta and journal.execute("SELECT 1 FROM fact LIMIT 1").fetchone() is None:
        due |= {"origin": origin, "tenant": entropy(8).hex()}
    missing = {name: value for name, value in due.items() if name not in meta}
    if missing:
        journal.execute("BEGIN IMMEDIATE")
        journal.executemany("INSERT INTO meta VALUES (?, ?)", list(missing.items()))
        journal.execute("COMMIT")
    meta |= missing
    if meta["secret"] != due["secret"]:
        raise Unavailable(
            "the journal is not opened: the workspace secret is not the one it was made with",
            where=str(keys.folder / SECRET), advice="restore the keys folder from its backup",
        )  # fmt: skip
    if "tenant" not in meta:
        raise Unavailable(
            "the journal is not opened: it does not say which journal it is", where="meta",
            advice="restore data and keys folder from one backup",
        )  # fmt: skip
    return str(meta["tenant"])


def _chain(journal: sqlite3.Connection, keys: WorkspaceKeys, data: Path, *, lost: bool) -> KeyChain:
    """The journal's keys; the present one must be the last of them."""
    own = keys.signer.verifier
    try:
        chain = stored_chain(journal, None if lost else own)
    except BrokenChain as error:
        raise _refused(f"{error.what} ({error.where})", data) from error
    if lost or own == chain.current:
        return chain
    which = "a former one" if own in chain.keys else "not of this journal"
    raise Unavailable(
        f"the journal is not opened: the signing key is {which}",
        where=str(keys.folder / SIGNING_KEY),
        advice="restore the newest backup of the keys folder",
    )


def _signed_head(note: str, chain: KeyChain, origin: str) -> Head:
    if not note:
        return Head(0, EMPTY_ROOT)
    return parse_checkpoint(verify_note(note, chain.at(claimed_size(note))), origin=origin)
