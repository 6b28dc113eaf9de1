"""Changes of the signing key on disk, so ordered that a crash at any point leaves one usable key.

The next key is made durable in a file of its own, then the journal names it in a fact, then it
takes the place of the former one. Whoever opens the journal for writing finishes what a crash cut
off: a next key that the journal names takes its place, one that it does not name is discarded.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from lineage.clock import Clock
from lineage.errors import Conflict, TraceholdError, Unavailable
from lineage.facts import Receipt
from lineage.journal.checkpoint import Verifier
from lineage.journal.files import JOURNAL, connect_reader, lock_writer
from lineage.journal.keychain import KeyChain, lost_draft, stored_chain
from lineage.journal.keys import (
    NEXT_KEY,
    PARTS,
    SIGNING_KEY,
    WorkspaceKeys,
    load_secret,
    load_signer,
    make_next_key,
    take_next_key,
)
from lineage.journal.ledger import Batch
from lineage.journal.opening import open_ledger

__all__ = ["finish_key_change", "replace_lost_key"]


def finish_key_change(data: Path, keys: Path) -> None:
    """Finish a change of keys that a crash cut off. The caller holds the writer's lock."""
    if not (keys / NEXT_KEY).exists() or not (data / JOURNAL).exists():
        return
    try:
        present: Verifier | None = load_signer(keys).verifier
    except Unavailable:
        present = None
    with closing(connect_reader(data, None)) as connection:
        current = stored_chain(connection, present).current
    try:
        following = load_signer(keys, NEXT_KEY).verifier
    except Unavailable:
        following = None  # cut off while it was written, so nothing can name it
    if current == following:
        take_next_key(keys)
    elif current == present:
        (keys / NEXT_KEY).unlink()


def replace_lost_key(
    data: Path,
    keys: Path,
    *,
    origin: str,
    clock: Clock,
    actor: str,
    dry_run: bool = False,
    entropy: Callable[[int], bytes] = os.urandom,
) -> tuple[KeyChain, Receipt | None]:
    """Go on with a new signing key where the former one is lost.

    Nobody signs for the new key: the journal says so in a fact, and whoever trusts the former key
    finds a break there. A file that stands in the place of the lost key is moved aside.

    Args:
        data: The data folder.
        keys: The keys folder; secret and keys of the parts must be there.
        origin: The journal's origin.
        clock: Gives the received time.
        actor: Opaque id of who does it.
        dry_run: Only say whether it can be done.
        entropy: Source of random bytes.

    Returns:
        The chain of keys, and the receipt of the fact; None with ``dry_run``.

    Raises:
        Conflict: The signing key is there, or another process writes this journal.
        Unavailable: What else is needed is missing too, or the journal does not hold.
    """
    with closing(lock_writer(data)):
        finish_key_change(data, keys)
        secret = load_secret(keys)
        if not (keys / PARTS).exists():
            raise Unavailable(
                "the keys of the parts are lost too", where=str(keys / PARTS),
                advice="restore the keys folder from its backup",
            )  # fmt: skip
        with closing(connect_reader(data, None)) as connection:
            chain = stored_chain(connection)
        if _holds(keys, chain.current):
            raise Conflict(
                "the signing key is not lost", where=str(keys / SIGNING_KEY),
                advice="replace it with `tracehold journal rotate-key`, which keeps the chain",
            )  # fmt: skip
        if dry_run:
            return chain, None
        return _replace(
            data, WorkspaceKeys(keys, secret, make_next_key(keys, chain.first.name)), chain.current,
            origin=origin, received=clock(), actor=actor, entropy=entropy,
        )  # fmt: skip


def _replace(
    data: Path,
    following: WorkspaceKeys,
    former: Verifier,
    *,
    origin: str,
    received: int,
    actor: str,
    entropy: Callable[[int], bytes],
) -> tuple[KeyChain, Receipt]:
    """Say in the journal that the former key is lost, under the key that follows."""
    keys = following.folder
    ledger = open_ledger(data, following, origin=origin, entropy=entropy, lost=True)
    try:
        draft = lost_draft(former, following.signer, actor=actor)
        outcome = ledger.commit([Batch([draft], received)])[0]
        assert isinstance(outcome, list)  # noqa: S101 - a draft without a key meets no conflict
    except BaseException:
        ledger.abandon()
        raise
    if (keys / SIGNING_KEY).exists():
        (keys / SIGNING_KEY).replace(keys / f"{SIGNING_KEY}.{secrets.token_hex(4)}.unused")
    take_next_key(keys)
    ledger.close()
    with closing(connect_reader(data, None)) as connection:
        return stored_chain(connection), outcome[0]


def _holds(keys: Path, current: Verifier) -> bool:
    try:
        return load_signer(keys).verifier == current
    except TraceholdError:
        return False
