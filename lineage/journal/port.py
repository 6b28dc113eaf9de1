"""The journal port: append facts durably, read them back in order, prove that they are there."""

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
    """Append-only, one writer. Positions count from 1; position n means n facts stand."""

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

    def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
        """Facts behind a position, in order."""
        ...

    def get(self, fact_id: str) -> StoredFact:
        """One fact with all its parts. Raises ``NotFound``."""
        ...

    def stored(self, after: int = 0) -> Iterator[StoredFact]:
        """All facts with their parts, in order, for verification and export."""
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

    def erase(self, fact_id: str, part: Literal["distilled", "raw"]) -> None:
        """Destroy the key of a part. The caller appends the fact that says so."""
        ...

    def close(self) -> None:
        """Drain, sync, and let go of the files."""
        ...
