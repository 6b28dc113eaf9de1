"""The journal port: append facts durably, read them back in order, prove that they are there.

What an adapter promises is in ``tests/contracts/test_journal.py``, which runs on each of them. What
it does *not* promise, so that several writers and a sequencing leader fit too: a receipt may come
before its position, and a fact is read only once it is sequenced. Order between facts is promised
where one was acknowledged before the other was sent, and within one ``append``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from lineage.facts import Draft, Fact, Receipt

__all__ = ["Head", "Journal", "Proof", "StoredFact"]


@dataclass(frozen=True, slots=True)
class Head:
    """Size and RFC 6962 root of the journal's tree. Position ``n`` is leaf ``n - 1``."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class StoredFact:
    """One fact with the very bytes that are hashed and the parts that still exist.

    ``distilled`` and ``raw`` are decrypted; None where there is none or its key was destroyed. The
    salts let anyone check a part against the digest in the envelope.
    """

    position: int
    envelope: bytes
    distilled: bytes | None
    distilled_salt: bytes | None
    raw: bytes | None
    raw_salt: bytes | None


@dataclass(frozen=True, slots=True)
class Proof:
    """Inclusion of one leaf in a checkpoint (RFC 9162 §2.1.3)."""

    index: int
    size: int
    hashes: tuple[bytes, ...]
    checkpoint: str


class Journal(Protocol):
    """Append-only. Positions count from 1 without a gap; position n means n facts stand."""

    @property
    def failure(self) -> Exception | None:
        """Why nothing is written any more since a write failed; None while it is."""
        ...

    @property
    def verifier_key(self) -> str:
        """The C2SP verifier key of the checkpoints."""
        ...

    def submit(self, draft: Draft) -> Future[Receipt]:
        """Queue one fact; the future resolves once the fact is durable (group commit).

        The future fails with ``Conflict`` where an explicit key was used with other content, and
        with ``Unavailable`` where the journal cannot be written; after a failed write or fsync the
        journal is read-only until it is opened again.
        """
        ...

    def append(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Append several facts as one transaction, in this order, and wait."""
        ...

    def sequenced(self, fact_id: str, timeout: float = 30.0) -> int:
        """Wait until an acknowledged fact has its position, at most so many seconds; give it.

        Raises ``NotFound`` for a fact that nobody acknowledged, ``Unavailable`` where it took too
        long.
        """
        ...

    def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
        """Facts behind a position, in order."""
        ...

    def get(self, fact_id: str) -> StoredFact:
        """One fact with all its parts. Raises ``NotFound``."""
        ...

    def at(self, position: int) -> StoredFact:
        """The fact at a position with all its parts. Raises ``NotFound``."""
        ...

    def stored(self, after: int = 0) -> Iterator[StoredFact]:
        """All facts with their parts, in order, for verification and export."""
        ...

    def members(self, stream: str) -> list[int]:
        """Positions of a governance stream in its order; dense, so these are all there are."""
        ...

    def head(self) -> Head:
        """Size and root now."""
        ...

    def checkpoint(self) -> str:
        """The newest signed note (C2SP signed-note, checkpoint body) that covers the head."""
        ...

    def prove(self, position: int) -> Proof:
        """Inclusion proof of a position in the newest checkpoint."""
        ...

    def prove_consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Proof that the tree of ``second`` facts extends that of ``first`` (RFC 9162 §2.1.4)."""
        ...

    def erase(self, fact_id: str, part: Literal["distilled", "raw"]) -> None:
        """Destroy the key of a part. The caller appends the fact that says so."""
        ...

    def close(self) -> None:
        """Drain, sync, and let go of the files."""
        ...
