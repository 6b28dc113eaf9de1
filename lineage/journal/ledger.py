"""The ledger: the one place that writes a journal, one group of drafts per transaction.

Order of a commit: the keys of the new parts first, durably, then facts, tree and checkpoint in one
transaction. A crash between the two leaves keys without facts, which the next start removes; the
other order could leave an acknowledged fact that nobody can read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lineage.errors import Conflict, NotFound, Unavailable
from lineage.facts import Draft, Receipt
from lineage.journal.checkpoint import Signer, checkpoint_body, sign_note
from lineage.journal.envelope import FORMAT, Envelope, encode
from lineage.journal.keychain import KEY_KINDS, link_entry, rotation_draft
from lineage.journal.keychain import STREAM as KEYS
from lineage.journal.merkle import leaf_hash
from lineage.journal.parts import DESTROYED, KEY_BYTES, SALT_BYTES, PartName, digest, seal_part
from lineage.journal.port import Head
from lineage.journal.requests import Request, Requests
from lineage.journal.tiles import GrowingTree, Tile, tile_key

__all__ = ["Batch", "Ledger"]

_Known = tuple[bytes | None, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Drafts that stand or fall together, and when they were received (epoch milliseconds)."""

    drafts: Sequence[Draft]
    received: int


@dataclass(frozen=True, slots=True)
class _New:
    draft: Draft
    received: int
    position: int
    fact_id: bytes


class _Group:
    """What one transaction is about to write."""

    def __init__(self) -> None:
        self.facts: list[_New] = []
        self.cosigners: tuple[Signer, ...] = ()
        self.requests: dict[bytes, _Known] = {}
        self.outcomes: list[list[Receipt] | Conflict] = []


class Ledger:
    """Writes one journal. Not thread-safe: the sequencer is its only caller.

    After any exception but ``Conflict`` and ``NotFound`` the ledger must not be used again: what is
    in memory may be ahead of what is on disk.
    """

    def __init__(
        self,
        journal: sqlite3.Connection,
        parts: sqlite3.Connection,
        *,
        tree: GrowingTree,
        note: str,
        checkpoints: int,
        origin: str,
        tenant: str,
        signer: Signer,
        requests: Requests,
        entropy: Callable[[int], bytes],
    ) -> None:
        """``note`` is the newest of the ``checkpoints``, "" for an empty journal."""
        self._journal = journal
        self._parts = parts
        self._tree = tree
        self._note = note
        self._checkpoints = checkpoints
        self._origin = origin
        self._tenant = tenant
        self._signer = signer
        self._requests = requests
        self._entropy = entropy
        self._streams: dict[str, tuple[int, str | None]] = {}

    def commit(self, batches: Sequence[Batch]) -> list[list[Receipt] | Conflict]:
        """Write a group; gives per batch its receipts, or the conflict that refused all of it.

        Raises:
            sqlite3.Error: The disk refused; nothing of the group is acknowledged.
        """
        group = _Group()
        for batch in batches:
            self._admit(batch, group)
        if group.facts:
            self._write_facts(group)
        elif group.requests:
            self._journal.execute("BEGIN IMMEDIATE")
            self._write_requests(group)
            self._journal.execute("COMMIT")
        return group.outcomes

    def rotate(self, following: Signer, *, actor: str, received: int) -> Receipt:
        """Record that another key signs from here on, under a checkpoint that both sign.

        Raises:
            sqlite3.Error: The disk refused; which key is in force, the next opening finds out.
        """
        group = _Group()
        draft = rotation_draft(self._signer, following, actor=actor)
        self._admit(Batch([draft], received), group)
        group.cosigners = (following,)
        self._write_facts(group)
        self._signer = following
        new = group.facts[0]
        return Receipt(new.fact_id.hex(), new.position)

    def _admit(self, batch: Batch, group: _Group) -> None:
        """Tell new drafts from repeated ones; a conflict leaves the group as it was."""
        staged: dict[bytes, _Known] = {}
        new: list[_New] = []
        receipts: list[Receipt] = []
        for draft in batch.drafts:
            requests = self._requests.of(draft)
            try:
                first = self._first(requests, staged, group.requests)
            except Conflict as conflict:
                group.outcomes.append(conflict)
                return
            position = first or self._tree.size + len(group.facts) + len(new) + 1
            if first is None:
                fact_id = (batch.received & 0xFFFFFFFFFFFF).to_bytes(6, "big") + self._entropy(10)
                new.append(_New(draft, batch.received, position, fact_id))
            else:
                fact_id = self._fact_id(position, [*group.facts, *new])
            for request in requests:
                staged.setdefault(request.key, (request.content, position))
            receipts.append(Receipt(fact_id.hex(), position, duplicate=first is not None))
        group.facts.extend(new)
        for key, known in staged.items():
            group.requests.setdefault(key, known)
        group.outcomes.append(receipts)

    def _first(self, requests: Sequence[Request], *pending: dict[bytes, _Known]) -> int | None:
        """Position of the fact that a request already made, or None."""
        first: int | None = None
        for request in requests:
            known = next((seen[request.key] for seen in pending if request.key in seen), None)
            if known is None:
                known = self._journal.execute(
                    "SELECT content, position FROM request WHERE key = ?", (request.key,)
                ).fetchone()
            if known is None:
                continue
            content, position = known
            if request.content is not None and content != request.content:
                raise Conflict(
                    "this idempotency key was used before with other content",
                    where=f"position {position}",
                    advice="send the first content again, or a new key for a new event",
                )
            if first is None:
                first = position
        return first

    def _fact_id(self, position: int, pending: Sequence[_New]) -> bytes:
        if position > self._tree.size:
            return next(new.fact_id for new in pending if new.position == position)
        row = self._journal.execute("SELECT id FROM fact WHERE position = ?", (position,))
        fact_id: bytes = row.fetchone()[0]
        return fact_id

    def _write_facts(self, group: _Group) -> None:
        facts: list[tuple[int, bytes, bytes, bytes, bytes | None]] = []
        keys: list[tuple[int, bytes, bytes | None]] = []
        members: list[tuple[str, int, int]] = []
        links: list[tuple[str, str]] = []
        tiles: list[Tile] = []
        for new in group.facts:
            draft, name = new.draft, new.fact_id.hex()
            fresh = self._entropy(2 * (KEY_BYTES + SALT_BYTES))
            key, salt = fresh[:KEY_BYTES], fresh[KEY_BYTES : KEY_BYTES + SALT_BYTES]
            distilled = seal_part(key, salt, draft.body, fact_id=name, part="distilled")
            raw_key, raw_salt = fresh[64 : 64 + KEY_BYTES], fresh[64 + KEY_BYTES :]
            raw = None
            if draft.raw is not None:
                raw = seal_part(raw_key, raw_salt, draft.raw, fact_id=name, part="raw")
            sequence, previous = self._next_in(draft.stream)
            envelope = encode(
                Envelope(
                    actor=draft.actor,
                    distilled=digest(salt, draft.body),
                    format=FORMAT,
                    id=name,
                    kind=draft.kind,
                    previous=previous,
                    raw=None if draft.raw is None else digest(raw_salt, draft.raw),
                    received=new.received,
                    sequence=sequence,
                    stream=draft.stream,
                    tenant=self._tenant,
                    valid=draft.valid_time,
                )
            )
            leaf = leaf_hash(envelope)
            tiles.extend(self._tree.append(leaf))
            if draft.stream is not None and sequence is not None:
                self._streams[draft.stream] = (sequence, leaf.hex())
                members.append((draft.stream, sequence, new.position))
            if draft.kind in KEY_KINDS:
                links.append(link_entry(new.position, salt, draft.body))
            facts.append((new.position, new.fact_id, envelope, distilled, raw))
            keys.append((new.position, key, None if raw is None else raw_key))
        head = Head(self._tree.size, self._tree.root())
        body = checkpoint_body(self._origin, head)
        note = sign_note(self._signer, body, *group.cosigners)

        self._parts.execute("BEGIN IMMEDIATE")
        self._parts.executemany("INSERT INTO key VALUES (?, ?, ?)", keys)
        self._remember_signed()
        self._parts.execute("COMMIT")

        self._journal.execute("BEGIN IMMEDIATE")
        self._journal.executemany("INSERT INTO fact VALUES (?, ?, ?, ?, ?)", facts)
        self._write_requests(group)
        self._journal.executemany("INSERT INTO member VALUES (?, ?, ?)", members)
        self._journal.executemany("INSERT INTO meta VALUES (?, ?)", links)
        self._journal.executemany(
            "INSERT INTO tile VALUES (?, ?, ?)",
            [(tile_key(tile.level, tile.index), tile.root, tile.hashes) for tile in tiles],
        )
        self._journal.execute("INSERT INTO checkpoint VALUES (?, ?)", (head.size, note))
        self._journal.execute("COMMIT")
        self._note = note
        self._checkpoints += 1

    def _write_requests(self, group: _Group) -> None:
        self._journal.executemany(
            "INSERT OR IGNORE INTO request VALUES (?, ?, ?)",
            [(key, content, position) for key, (content, position) in group.requests.items()],
        )

    def _remember_signed(self) -> None:
        """Keep the newest *durable* checkpoint with the keys, within an open transaction.

        It trails the journal by one group: were it ahead, a crash would look like a rollback.
        """
        if self._note:
            self._parts.execute(
                "INSERT OR REPLACE INTO signed(one, note, checkpoints) VALUES (1, ?, ?)",
                (self._note, self._checkpoints),
            )

    def _next_in(self, stream: str | None) -> tuple[int | None, str | None]:
        """Sequence number and previous leaf hash for the next fact of a stream."""
        if stream is None:
            return None, None
        if stream not in self._streams:
            row = self._journal.execute(
                "SELECT m.sequence, f.envelope FROM member m JOIN fact f USING (position)"
                " WHERE m.stream = ? ORDER BY m.sequence DESC LIMIT 1",
                (stream,),
            ).fetchone()
            self._streams[stream] = (row[0], leaf_hash(row[1]).hex()) if row else (0, None)
        sequence, previous = self._streams[stream]
        return sequence + 1, previous

    def erase(self, parts: Sequence[tuple[str, PartName]]) -> int:
        """Destroy the keys of parts: overwritten in place, synced, and gone from the WAL too.

        Returns:
            How many keys there still were.

        Raises:
            NotFound: There is no such fact, or it never had this part; then no key is destroyed.
            Conflict: It is a change of the signing key, which verifiers need; likewise.
            Unavailable: A reader keeps old pages alive; the keys are destroyed, the WAL not yet
                cut.
        """
        rows = [(self._position_of(fact_id, part), part) for fact_id, part in parts]
        destroyed = 0
        self._parts.execute("BEGIN IMMEDIATE")
        for position, part in rows:
            # The same length, so that SQLite overwrites the cell and leaves no copy in the page.
            done = self._parts.execute(
                f"UPDATE key SET {part} = ?1 WHERE position = ?2 AND {part} != ?1",  # noqa: S608
                (DESTROYED, position),
            )
            destroyed += done.rowcount
        self._parts.execute("COMMIT")
        (busy, _, _) = self._parts.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Unavailable(
                "the keys are destroyed, but a reader keeps an old page in parts.db-wal",
                where=parts[0][0] if parts else "",
                advice="end long-running readers and erase the part again",
            )
        return destroyed

    def _position_of(self, fact_id: str, part: PartName) -> int:
        if part not in ("distilled", "raw"):
            raise NotFound("a fact has no such part", where=str(part))
        row = self._journal.execute(
            f"SELECT position, {part} IS NULL FROM fact WHERE id = ?",  # noqa: S608 - a literal
            (_raw_id(fact_id),),
        ).fetchone()
        if row is None or row[1]:
            raise NotFound(f"there is no {part} part to erase", where=fact_id)
        position: int = row[0]
        key = self._journal.execute(
            "SELECT 1 FROM member WHERE position = ? AND stream = ?", (position, KEYS)
        ).fetchone()
        if key is not None:
            raise Conflict("a change of the signing key is never erased", where=fact_id)
        return position

    def close(self) -> None:
        """Keep the last checkpoint with the keys and let go of both files."""
        if not self._journal.in_transaction and not self._parts.in_transaction:
            self._parts.execute("BEGIN IMMEDIATE")
            self._remember_signed()
            self._parts.execute("COMMIT")
        self.abandon()

    def abandon(self) -> None:
        """Let go of both files; what is not committed is rolled back."""
        self._journal.close()
        self._parts.close()


def _raw_id(fact_id: str) -> bytes:
    try:
        return bytes.fromhex(fact_id)
    except ValueError:
        raise NotFound("there is no such fact", where=fact_id) from None
