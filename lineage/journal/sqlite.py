"""The journal on SQLite: one sequencer writes, any number of threads and processes read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Literal

from lineage.clock import Clock
from lineage.errors import Fault, NotFound, Unavailable
from lineage.facts import Draft, Fact, Receipt
from lineage.journal.checkpoint import Signer, parse_checkpoint
from lineage.journal.envelope import decode
from lineage.journal.files import JOURNAL, connect_reader, lock_writer
from lineage.journal.keychain import KeyChain, stored_chain
from lineage.journal.keys import PARTS, ensure_keys, load_keys, load_signer
from lineage.journal.merkle import consistency_proof, inclusion_proof
from lineage.journal.opening import open_ledger
from lineage.journal.parts import DESTROYED, PartName, open_part
from lineage.journal.port import Head, Proof, StoredFact
from lineage.journal.public_log import PublicLog
from lineage.journal.rotation import finish_key_change
from lineage.journal.sequencer import Sequencer
from lineage.journal.tiles import StoredTree

__all__ = ["SqliteJournal", "open_journal"]

_PAGE = 500
_FACT = """
SELECT f.position, f.envelope, f.distilled, f.raw, k.distilled, k.raw
FROM main.fact f LEFT JOIN keys.key k USING (position)
"""
_READ = """
SELECT f.position, f.envelope, f.distilled, k.distilled
FROM main.fact f LEFT JOIN keys.key k USING (position)
WHERE f.position > ? ORDER BY f.position LIMIT ?
"""


def open_journal(
    data: Path,
    keys: Path,
    *,
    origin: str,
    clock: Clock,
    read_only: bool = False,
    entropy: Callable[[int], bytes] = os.urandom,
) -> SqliteJournal:
    """Open the journal of a workspace; make it where there is none, unless ``read_only``.

    Args:
        data: The data folder; ``journal.db`` lies in it.
        keys: The keys folder, outside the data folder.
        origin: The journal's C2SP origin and key name, a schema-less URL without spaces.
        clock: Gives the received times.
        read_only: Read beside a running writer; takes no lock and writes nothing.
        entropy: Source of random bytes for ids, keys and salts.

    Raises:
        Conflict: Another process writes this journal, or it has another origin.
        Unavailable: Keys or files are missing, loose or unreadable, or the journal was rolled
            back, forked or changed; the error names which.
        InvalidInput: The keys folder lies inside the data folder.
    """
    if read_only:
        if not (data / JOURNAL).exists():
            raise Unavailable(
                "there is no journal here", where=str(data), advice="run `tracehold init` first"
            )
        journal = SqliteJournal(data, keys, None, None, ())
        journal.head()
        return journal
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = lock_writer(data)
    try:
        finish_key_change(data, keys)
        _refuse_lost_keys(data, keys)
        workspace = ensure_keys(keys, origin=origin, data=data)
        ledger = open_ledger(data, workspace, origin=origin, entropy=entropy)
        sequencer = Sequencer(ledger, clock)
    except BaseException:
        lock.close()
        raise
    return SqliteJournal(data, keys, workspace.signer, sequencer, (lock,))


def _refuse_lost_keys(data: Path, keys: Path) -> None:
    """New keys must never be made for a journal that stands."""
    if not (data / JOURNAL).exists():
        return
    load_keys(keys)
    if not (keys / PARTS).exists():
        raise Unavailable(
            "the journal is not opened: the keys of its parts are missing",
            where=str(keys / PARTS), advice="restore the keys folder from its backup",
        )  # fmt: skip


class SqliteJournal:
    """Implements ``lineage.journal.port.Journal``; get one from ``open_journal``."""

    def __init__(
        self,
        data: Path,
        keys: Path,
        signer: Signer | None,
        sequencer: Sequencer | None,
        held: Sequence[sqlite3.Connection],
    ) -> None:
        """``held`` are connections that must stay open as long as the journal (its lock).

        Without a ``signer`` the signing key is read when something is to be signed.
        """
        self._data = data
        self._keys = keys
        self._sequencer = sequencer
        self._held = held
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._closed = False
        self._signer = signer

    @property
    def signer(self) -> Signer:
        """Signs checkpoints; also certificates and evidence of this workspace.

        Raises:
            Unavailable: The signing key is lost.
        """
        return self._signer or load_signer(self._keys)

    @property
    def verifier_key(self) -> str:
        """The C2SP verifier key that auditors keep."""
        return str(self.key_chain().current)

    def key_chain(self) -> KeyChain:
        """Every signing key there was, each verified to follow from the one before.

        Raises:
            BrokenChain: What is stored of the chain was changed.
        """
        with self._reader() as reader:
            known = reader.execute("SELECT 1 FROM meta WHERE name = 'key/0'").fetchone()
            return stored_chain(reader, None if known else self.signer.verifier)

    @contextmanager
    def public(self) -> Iterator[PublicLog]:
        """What auditors may see: the public side, with the signing key to sign heads of streams."""
        with self._reader() as reader:
            yield PublicLog(reader, self.signer)

    def rotate_key(self, *, actor: str) -> Receipt:
        """Sign with a new key from here on; the former one signs for it and is destroyed.

        Args:
            actor: Opaque id of who does it.

        Raises:
            Unavailable: The journal cannot be written, or is opened read-only.
        """
        receipt, self._signer = self._writer().rotate(self._keys, actor=actor).result()
        return receipt

    @property
    def failure(self) -> Exception | None:
        """Why the journal no longer takes facts after a failed write; None while it does."""
        return None if self._sequencer is None else self._sequencer.failure

    def _writer(self) -> Sequencer:
        if self._sequencer is None:
            raise Unavailable(
                "the journal is opened read-only", advice="send the act to the running server"
            )
        return self._sequencer

    def submit(self, draft: Draft) -> Future[Receipt]:
        """Queue one fact; the future resolves once the fact is durable.

        Raises:
            InvalidInput: Kind, actor or stream is not of the form that an envelope takes.
            Unavailable: The journal is opened read-only.
        """
        return self._writer().submit(draft)

    def append(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Append several facts as one transaction, in this order, and wait.

        Raises:
            Conflict: An explicit key was used with other content; then none is appended.
            Unavailable: The journal cannot be written.
        """
        return self._writer().append(drafts).result() if drafts else []

    def sequenced(self, fact_id: str, timeout: float = 30.0) -> int:  # noqa: ARG002 - of the port
        """The position of an acknowledged fact. Here a fact has it as soon as it is durable.

        Raises:
            NotFound: Nobody acknowledged such a fact.
        """
        with self._reader() as reader:
            row = reader.execute(
                "SELECT position FROM fact WHERE id = ?", (_raw_id(fact_id),)
            ).fetchone()
        if row is None:
            raise NotFound("there is no such fact", where=fact_id)
        position: int = row[0]
        return position

    def erase(self, fact_id: str, part: Literal["distilled", "raw"]) -> None:
        """Destroy the key of a part, for good and synced. The caller appends the fact saying so.

        Raises:
            NotFound: There is no such fact, or it never had this part.
            Unavailable: The journal cannot be written, or a reader keeps old pages alive.
        """
        self.erase_all([(fact_id, part)])

    def erase_all(self, parts: Sequence[tuple[str, PartName]]) -> int:
        """Destroy the keys of parts like ``erase``, in one transaction.

        Returns:
            How many keys there still were.
        """
        return self._writer().erase(parts).result() if parts else 0

    def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
        """Facts behind a position, in order."""
        with self._reader() as reader:
            rows = reader.execute(_READ, (after, limit)).fetchall()
        facts = []
        for position, stored, sealed, key in rows:
            envelope = decode(stored)
            body = None
            if key is not None and key != DESTROYED:
                body = open_part(key, sealed, fact_id=envelope.id, part="distilled")[1]
            facts.append(
                Fact(
                    position=position,
                    fact_id=envelope.id,
                    kind=envelope.kind,
                    actor=envelope.actor,
                    stream=envelope.stream,
                    valid_time=envelope.valid,
                    recorded_time=envelope.received,
                    body=body,
                )
            )
        return facts

    def get(self, fact_id: str) -> StoredFact:
        """One fact with all its parts. Raises ``NotFound``."""
        with self._reader() as reader:
            row = reader.execute(_FACT + "WHERE f.id = ?", (_raw_id(fact_id),)).fetchone()
        if row is None:
            raise NotFound("there is no such fact", where=fact_id)
        if decode(row[1]).id != fact_id.lower():
            raise Fault("the index of facts is damaged", advice="run `tracehold journal verify`")
        return _stored(row)

    def at(self, position: int) -> StoredFact:
        """The fact at a position with all its parts. Raises ``NotFound``."""
        with self._reader() as reader:
            row = reader.execute(_FACT + "WHERE f.position = ?", (position,)).fetchone()
        if row is None:
            raise NotFound("there is no such position", where=str(position))
        return _stored(row)

    def stored(self, after: int = 0) -> Iterator[StoredFact]:
        """All facts with their parts, in order; no lock is held between the pages."""
        while True:
            with self._reader() as reader:
                rows = reader.execute(
                    _FACT + "WHERE f.position > ? ORDER BY f.position LIMIT ?", (after, _PAGE)
                ).fetchall()
            if not rows:
                return
            yield from map(_stored, rows)
            after = rows[-1][0]

    def members(self, stream: str) -> list[int]:
        """Positions of a governance stream in its order; dense, so these are all there are."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT position FROM member WHERE stream = ? ORDER BY sequence", (stream,)
            )
            return [position for (position,) in rows]

    def head(self) -> Head:
        """Size and root now."""
        return _head_of(self._newest())

    def checkpoint(self) -> str:
        """The newest signed note; every commit signs one, so it covers the head."""
        return self._newest()

    def prove(self, position: int, checkpoint: str | None = None) -> Proof:
        """Inclusion proof of a position in the newest checkpoint, or in an older one given.

        Raises:
            NotFound: There is no such position.
        """
        note = self._newest() if checkpoint is None else checkpoint
        size = _head_of(note).size
        if size > self.head().size:
            raise NotFound("the checkpoint is not of this journal", where=str(size))
        if not 1 <= position <= size:
            raise NotFound("there is no such position", where=str(position))
        with self._reader() as reader:
            hashes = inclusion_proof(position - 1, size, StoredTree(reader, size).node)
        return Proof(position - 1, size, hashes, note)

    def prove_consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Proof that the tree of ``second`` facts extends that of ``first`` (RFC 9162 §2.1.4).

        Raises:
            NotFound: The sizes are not those of two trees of this journal, the smaller one first.
        """
        if not 0 <= first <= second <= self.head().size:
            raise NotFound("there are no such two trees", where=f"{first}, {second}")
        with self._reader() as reader:
            return consistency_proof(first, second, StoredTree(reader, second).node)

    def close(self) -> None:
        """Commit what is queued, sync, and let go of the files."""
        self._closed = True
        if self._sequencer is not None:
            self._sequencer.close()
        self._let_go_if_closed()
        for connection in self._held:
            connection.close()

    def _newest(self) -> str:
        with self._reader() as reader:
            row = reader.execute(
                "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1"
            ).fetchone()
            return str(row[0]) if row else PublicLog(reader, self.signer).checkpoint()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A connection of this call's own, kept for the next call; as many as ever ran at once."""
        if self._closed:
            raise Unavailable("the journal is closed")
        try:
            reader = self._readers.get_nowait()
        except Empty:
            reader = connect_reader(self._data, self._keys)
        try:
            yield reader
        finally:
            self._readers.put(reader)
            self._let_go_if_closed()

    def _let_go_if_closed(self) -> None:
        """Close the idle connections of a closed journal, whoever comes last."""
        while self._closed:
            try:
                self._readers.get_nowait().close()
            except Empty:
                return


def _raw_id(fact_id: str) -> bytes:
    """The id as stored; what is no id gives one that no fact has."""
    try:
        return bytes.fromhex(fact_id)
    except ValueError:
        return b""


def _head_of(note: str) -> Head:
    return parse_checkpoint(note.rpartition("\n\n")[0] + "\n")


def _stored(
    row: tuple[int, bytes, bytes, bytes | None, bytes | None, bytes | None],
) -> StoredFact:
    position, stored, distilled, raw, distilled_key, raw_key = row
    fact_id = decode(stored).id
    body = body_salt = raw_data = raw_salt = None
    if distilled_key is not None and distilled_key != DESTROYED:
        body_salt, body = open_part(distilled_key, distilled, fact_id=fact_id, part="distilled")
    if raw is not None and raw_key is not None and raw_key != DESTROYED:
        raw_salt, raw_data = open_part(raw_key, raw, fact_id=fact_id, part="raw")
    return StoredFact(position, stored, body, body_salt, raw_data, raw_salt)
