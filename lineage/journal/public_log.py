"""What anybody may see of a journal: envelopes, tree, checkpoints and verifier keys.

No key is needed to read it and no name is in it. Proofs for auditors are made from here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lineage.errors import NegativeVerdict, NotFound
from lineage.journal.checkpoint import (
    Signer,
    checkpoint_body,
    claimed_size,
    parse_checkpoint,
    sign_note,
    verify_note,
)
from lineage.journal.files import connect_reader
from lineage.journal.keychain import META, STREAM, KeyChain, stored_chain
from lineage.journal.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    range_root,
)
from lineage.journal.port import Head
from lineage.journal.streams import Member, StreamProof, head_body
from lineage.journal.tiles import HEIGHT, WIDTH, StoredTree

__all__ = ["Extension", "PublicLog", "open_public_log"]

_PAGE: Final = 1000
_MEMBERS: Final = """
SELECT m.position, f.envelope FROM main.member m JOIN main.fact f USING (position)
WHERE m.stream = ? AND m.position <= ? ORDER BY m.sequence
"""


@dataclass(frozen=True, slots=True)
class Extension:
    """Proof that the journal only grew since a checkpoint (RFC 9162 §2.1.4).

    Attributes:
        size: Facts under the older checkpoint.
        hashes: The consistency proof.
        checkpoint: The newest signed note.
    """

    size: int
    hashes: tuple[bytes, ...]
    checkpoint: str


class PublicLog:
    """The public side of one open journal."""

    def __init__(self, connection: sqlite3.Connection, signer: Signer | None = None) -> None:
        """``signer`` signs what is not stored: heads of streams, the checkpoint of an empty log."""
        self._connection = connection
        self._signer = signer

    def checkpoint(self) -> str:
        """The newest signed checkpoint.

        Raises:
            NotFound: Nothing is recorded yet and nobody can sign for that.
        """
        row = self._connection.execute(
            "SELECT note FROM main.checkpoint ORDER BY size DESC LIMIT 1"
        ).fetchone()
        if row is not None:
            return str(row[0])
        if self._signer is None:
            raise NotFound("nothing is recorded yet", where="journal.db")
        return sign_note(self._signer, checkpoint_body(self._signer.name, Head(0, EMPTY_ROOT)))

    def chain(self) -> KeyChain:
        """Every signing key there was.

        Raises:
            BrokenChain: What is stored of it was changed.
            Unavailable: The journal was made before it kept its key, and there is no signer.
        """
        known = self._connection.execute("SELECT 1 FROM main.meta WHERE name = 'key/0'").fetchone()
        fallback = None if known or self._signer is None else self._signer.verifier
        return stored_chain(self._connection, fallback)

    def head_of(self, checkpoint: str) -> Head:
        """Size and root of a checkpoint that a key of this journal signed.

        Raises:
            BadSignature: None did, or it is no checkpoint.
        """
        key = self.chain().at(claimed_size(checkpoint))
        return parse_checkpoint(verify_note(checkpoint, key), origin=key.name)

    def envelopes(self, size: int) -> Iterator[bytes]:
        """The first so many envelopes, in order."""
        after = 0
        while after < size:
            rows = self._connection.execute(
                "SELECT position, envelope FROM main.fact WHERE position > ? AND position <= ?"
                " ORDER BY position LIMIT ?",
                (after, size, _PAGE),
            ).fetchall()
            if not rows:
                return
            for position, envelope in rows:
                after = position
                yield envelope

    def hashes(self, size: int, level: int, index: int) -> list[bytes]:
        """The hashes of a tile in the tree of so many leaves; the rightmost may be partial."""
        width = min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH)
        return StoredTree(self._connection, size).tile(level, index)[: max(width, 0)]

    def extension(self, kept: str) -> Extension:
        """Proof that the journal extends a checkpoint that somebody kept.

        Raises:
            BadSignature: No key of this journal signed it.
            NegativeVerdict: It signed facts that are not those of this journal: it was rolled back
                or forked.
        """
        old, note = self.head_of(kept), self.checkpoint()
        size = self.head_of(note).size
        tree = StoredTree(self._connection, size)
        if old.size > size or range_root(0, old.size, tree.node) != old.root:
            raise NegativeVerdict(
                "the journal does not extend that checkpoint: it was rolled back or forked",
                where=f"{old.size} facts", advice="keep both: together they are the evidence",
            )  # fmt: skip
        return Extension(old.size, consistency_proof(old.size, size, tree.node), note)

    def stream(self, name: str) -> StreamProof:
        """Every fact of a stream with its proofs, and a signed statement that these are all.

        Raises:
            NotFound: The log is read without its signing key.
        """
        if self._signer is None:
            raise NotFound("the head of a stream needs the signing key", where=name)
        note = self.checkpoint()
        tree = self.head_of(note)
        stored = StoredTree(self._connection, tree.size)
        rows = self._connection.execute(_MEMBERS, (name, tree.size)).fetchall()
        members = tuple(
            Member(
                position,
                envelope,
                inclusion_proof(position - 1, tree.size, stored.node),
                self._content(position) if name == STREAM else None,
            )
            for position, envelope in rows
        )
        leaves = [leaf_hash(member.envelope) for member in members]
        head = head_body(self._signer.name, name, leaves, tree)
        return StreamProof(name, members, sign_note(self._signer, head), note)

    def streams(self) -> dict[str, int]:
        """The streams there are, and how many facts each has."""
        return dict(
            self._connection.execute(
                "SELECT stream, count(*) FROM main.member GROUP BY stream ORDER BY stream"
            ).fetchall()
        )

    def _content(self, position: int) -> tuple[bytes, bytes]:
        (row,) = self._connection.execute(
            "SELECT value FROM main.meta WHERE name = ?", (f"{META}{position}",)
        ).fetchone()
        salt, _, body = str(row).partition(" ")
        return body.encode(), bytes.fromhex(salt)


@contextmanager
def open_public_log(data: Path, signer: Signer | None = None) -> Iterator[PublicLog]:
    """The public side of a journal, from the data folder alone.

    Raises:
        Unavailable: There is no journal, or it is unreadable.
    """
    with closing(connect_reader(data, None)) as connection:
        yield PublicLog(connection, signer)
