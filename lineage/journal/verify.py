"""Offline verification of a journal: everything that can be recomputed is recomputed.

Reads only, beside a running server too. What it cannot see without a witness: whoever has the data,
the keys folder and the signing key can write another history and sign it. An auditor who kept an
older checkpoint passes it as ``witness``, and then even that is found.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lineage.errors import Fault, InvalidInput, TraceholdError
from lineage.journal.checkpoint import (
    BadSignature,
    Verifier,
    claimed_size,
    parse_checkpoint,
    verify_note,
)
from lineage.journal.envelope import Envelope, decode, encode
from lineage.journal.files import connect_reader
from lineage.journal.keychain import KEY_KINDS, BrokenChain, KeyChain, stored_chain
from lineage.journal.keys import load_keys, secret_tag
from lineage.journal.merkle import leaf_hash
from lineage.journal.parts import DESTROYED, PartName, digest, open_part
from lineage.journal.port import Head
from lineage.journal.tiles import HEIGHT, GrowingTree, Tile, tile_key

__all__ = ["Problem", "VerifyReport", "verify_journal"]

_PAGE = 500
_MOST_PROBLEMS = 100
_FACTS = """
SELECT f.position, f.id, f.envelope, f.distilled, f.raw, k.distilled, k.raw
FROM main.fact f LEFT JOIN keys.key k USING (position)
WHERE f.position > ? AND f.position <= ? ORDER BY f.position LIMIT ?
"""
_COUNTS = """
SELECT (SELECT coalesce(max(position), 0) FROM fact),
       (SELECT count(*) FROM fact),
       (SELECT coalesce(max(size), 0) FROM checkpoint),
       (SELECT count(*) FROM checkpoint),
       (SELECT count(*) FROM tile),
       (SELECT count(*) FROM member),
       (SELECT coalesce(max(position), 0) FROM request)
"""
_Row = tuple[int, bytes, bytes, bytes, bytes | None, bytes | None, bytes | None]


class _Counts(NamedTuple):
    """The answer of ``_COUNTS``."""

    size: int
    facts: int
    newest: int
    checkpoints: int
    tiles: int
    members: int
    requested: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold: where it stands and what is wrong with it."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome.

    Attributes:
        ok: True where nothing was found.
        size: Facts in the journal.
        root: The recomputed root, base64 as in the checkpoint.
        problems: What was found; at most 100, the first ones.
        checkpoints: Signed checkpoints that were checked.
        opened: Parts that were opened and compared with their digests.
        erased: Parts whose key was destroyed, as ``<fact id>/<part>``.
        sealed: Parts that could not be opened because the keys folder was not given.
        breaks: Where the signing key was lost and nobody signed for the next one. The facts before
            such a break are covered by the new key's word alone: not a change, but something that
            an auditor must hear of, and accept by taking the new verifier key.
        verifier_key: The key that signs today.
    """

    ok: bool
    size: int
    root: str
    problems: tuple[Problem, ...]
    checkpoints: int = 0
    opened: int = 0
    erased: tuple[str, ...] = ()
    sealed: int = 0
    breaks: tuple[Problem, ...] = ()
    verifier_key: str = ""


def verify_journal(
    data: Path, keys: Path | str, *, witness: str | None = None, vkey: str = ""
) -> VerifyReport:
    """Verify a journal offline.

    Args:
        data: The data folder.
        keys: The keys folder; or the verifier key (vkey) as text, and then the parts stay closed.
        witness: A checkpoint that the auditor kept; the journal must extend it.
        vkey: A verifier key to trust instead of that in the keys folder. It may be a former one:
            the journal must prove that it led to the present one.

    Raises:
        Unavailable: The keys folder cannot be read.
        InvalidInput: ``vkey``, or ``keys`` as text, is no verifier key.
    """
    folder = keys if isinstance(keys, Path) else None
    vkey = vkey or ("" if folder else str(keys))
    check = _Check(opens=folder is not None, pinned=bool(vkey))
    if vkey:
        check.verifier = Verifier.parse(vkey)
    elif folder is not None:
        own = load_keys(folder)
        check.verifier, check.secret = own.signer.verifier, secret_tag(own.secret)
    try:
        connection = connect_reader(data, folder)
    except TraceholdError as error:
        check.found(error.where, error.what)
        return check.report()
    try:
        check.run(connection, witness)
    except sqlite3.Error as error:
        check.problems.append(Problem("journal.db", f"SQLite cannot read on ({error})"))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        # A changed byte can turn a stored value into one of another type.
        check.problems.append(Problem("journal.db", f"a value is of the wrong type ({error})"))
    except _EnoughError:
        pass
    finally:
        connection.close()
    return check.report()


class _EnoughError(Exception):
    """So much is wrong that listing more helps nobody."""


@dataclass(slots=True)
class _Check:
    """What was seen so far."""

    opens: bool
    pinned: bool
    verifier: Verifier = field(init=False)
    chain: KeyChain = field(init=False)
    secret: str = ""
    changes: set[int] = field(default_factory=set)
    breaks: list[Problem] = field(default_factory=list)
    tree: GrowingTree = field(default_factory=GrowingTree)
    problems: list[Problem] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    streams: dict[str, tuple[int, str]] = field(default_factory=dict)
    witnesses: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)
    tenant: str = ""
    checkpoints: int = 0
    opened: int = 0
    sealed: int = 0
    members: int = 0

    def found(self, where: str, what: str) -> None:
        self.problems.append(Problem(where, what))
        if len(self.problems) >= _MOST_PROBLEMS:
            raise _EnoughError

    def report(self) -> VerifyReport:
        root = base64.b64encode(self.tree.root()).decode()
        return VerifyReport(
            not self.problems, self.tree.size, root, tuple(self.problems), self.checkpoints,
            self.opened, tuple(self.erased), self.sealed, tuple(self.breaks),
            str(self.chain.current if hasattr(self, "chain") else self.verifier),
        )  # fmt: skip

    def run(self, connection: sqlite3.Connection, witness: str | None) -> None:
        for (line,) in connection.execute("PRAGMA main.integrity_check(20)"):
            if line != "ok":
                self.found("journal.db", line)
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        self.tenant = meta.get("tenant", "")
        if meta.get("origin") != self.verifier.name:
            self.found("meta", "the journal's origin is not the name of the key")
        if self.secret and meta.get("secret", self.secret) != self.secret:
            self.found("meta", "the workspace secret is not the one that the journal was made with")
        self._keys(connection)
        # One statement is one snapshot; all that follows looks at no more than these facts, so that
        # a server may go on writing.
        counts = _Counts(*connection.execute(_COUNTS).fetchone())
        self._expect("the keys folder", self._kept(connection))
        self._expect("the witness", witness)
        for row in self._facts(connection, counts.size):
            self._fact(connection, row)
        self._count(counts)
        for size, expected in self.witnesses.items():
            for name, _ in expected:
                self.found(name, f"it signed {size} facts; the journal has {self.tree.size}")

    def _keys(self, connection: sqlite3.Connection) -> None:
        """The chain of signing keys; the key that is trusted must lead to the present one."""
        try:
            self.chain = stored_chain(connection, self.verifier)
            breaks = self.chain.breaks_after(self.verifier)
        except (BrokenChain, InvalidInput) as error:
            self.found("the chain of keys", f"{error.what} ({error.where})")
            self.chain = KeyChain(self.verifier)
            return
        self.changes = {link.position for link in self.chain.links}
        for link in self.chain.links:
            if link.how == "lost":
                what = "the signing key was lost, and nobody signed for the next one"
                self.breaks.append(Problem(f"fact {link.position}", what))
        if self.pinned and breaks:
            self.found(
                f"fact {breaks[0].position}",
                "the verifier key that you trust does not lead beyond here: the key was lost",
            )

    def _count(self, there: _Counts) -> None:
        """No row more or fewer than the facts call for."""
        if there.facts != there.size:
            self.found("fact", f"there are {there.facts} facts up to position {there.size}")
        if there.newest != there.size:
            self.found("checkpoint", f"the newest covers {there.newest} facts of {there.size}")
        if there.requested > there.size:
            self.found("request", "a request points behind the last fact")
        tiles = sum(there.size >> (HEIGHT * level) for level in range(1, 8))
        for name, found, due in (
            ("checkpoint", there.checkpoints, self.checkpoints),
            ("tile", there.tiles, tiles),
            ("member", there.members, self.members),
        ):
            if found != due:
                self.found(name, f"there are {found} rows where {due} belong")

    def _kept(self, connection: sqlite3.Connection) -> str | None:
        row = connection.execute("SELECT * FROM keys.signed").fetchone()
        if row is None:
            return None
        if len(row) > 2 and row[2] is not None:
            (found,) = connection.execute(
                "SELECT count(*) FROM checkpoint WHERE size <= ?", (claimed_size(str(row[1])),)
            ).fetchone()
            if found != row[2]:
                self.found("checkpoint", f"there are {found} where the keys folder has {row[2]}")
        return str(row[1])

    def _expect(self, name: str, note: str | None) -> None:
        """Remember a checkpoint from elsewhere until the tree has its size."""
        if note is None:
            return
        try:
            head = self._signed(note, ours=False)
        except BadSignature as error:
            self.found(name, error.what)
            return
        if head.size:
            self.witnesses.setdefault(head.size, []).append((name, head.root))

    def _signed(self, note: str, *, ours: bool = True) -> Head:
        """The head of a checkpoint; one of ours has no signature but those that are due."""
        keys = self.chain.signers(claimed_size(note))
        bodies = [verify_note(note, key) for key in keys]
        if ours and note.count("\n") != bodies[0].count("\n") + 1 + len(keys):
            raise BadSignature("the note has a signature that does not belong there")
        return parse_checkpoint(bodies[0], origin=keys[0].name)

    def _facts(self, connection: sqlite3.Connection, size: int) -> Iterator[_Row]:
        after = 0
        while rows := connection.execute(_FACTS, (after, size, _PAGE)).fetchall():
            notes = dict(
                connection.execute(
                    "SELECT size, note FROM checkpoint WHERE size > ? AND size <= ?",
                    (after, rows[-1][0]),
                )
            )
            for row in rows:
                yield row
                if row[0] in notes:
                    self._checkpoint(row[0], notes[row[0]])
                for name, root in self.witnesses.pop(self.tree.size, ()):
                    if root != self.tree.root():
                        self.found(name, f"it signed another root over {self.tree.size} facts")
            after = rows[-1][0]

    def _checkpoint(self, size: int, note: str) -> None:
        self.checkpoints += 1
        try:
            head = self._signed(note)
        except BadSignature as error:
            self.found(f"checkpoint {size}", error.what)
            return
        if head != Head(size, self.tree.root()):
            self.found(f"checkpoint {size}", "the facts up to it are not those that it signed")

    def _fact(self, connection: sqlite3.Connection, row: _Row) -> None:
        position, fact_id, stored, distilled, raw, distilled_key, raw_key = row
        where = f"fact {position}"
        if position != self.tree.size + 1:
            self.found(where, f"it follows position {self.tree.size}")
        leaf = leaf_hash(stored)
        for tile in self.tree.append(leaf):
            self._tile(connection, tile)
        try:
            envelope = decode(stored)
        except Fault as error:
            self.found(where, error.what)
            return
        if encode(envelope) != stored:
            self.found(where, "the envelope is not in its one form")
        if envelope.id != fact_id.hex() or envelope.tenant != self.tenant:
            self.found(where, "the envelope is of another fact or journal")
        if (envelope.kind in KEY_KINDS) != (position in self.changes):
            self.found(where, "the chain of keys and the facts about it do not agree")
        self._stream(connection, position, envelope, leaf)
        self._part(where, envelope.id, "distilled", envelope.distilled, distilled, distilled_key)
        if (raw is None) != (envelope.raw is None):
            self.found(where, "the raw part is missing or does not belong here")
        elif raw is not None and envelope.raw is not None:
            self._part(where, envelope.id, "raw", envelope.raw, raw, raw_key)

    def _tile(self, connection: sqlite3.Connection, tile: Tile) -> None:
        row = connection.execute(
            "SELECT root, hashes FROM tile WHERE key = ?", (tile_key(tile.level, tile.index),)
        ).fetchone()
        if row != (tile.root, tile.hashes):
            self.found(f"tile {tile.level}/{tile.index}", "its hashes are not those of the facts")

    def _stream(
        self, connection: sqlite3.Connection, position: int, envelope: Envelope, leaf: bytes
    ) -> None:
        where = f"fact {position}"
        if envelope.stream is None:
            if envelope.sequence is not None or envelope.previous is not None:
                self.found(where, "it has a sequence number outside a stream")
            return
        self.members += 1
        last, previous = self.streams.get(envelope.stream, (0, ""))
        if envelope.sequence != last + 1 or (envelope.previous or "") != previous:
            self.found(where, f"it does not follow number {last} of its stream")
        self.streams[envelope.stream] = (last + 1, leaf.hex())
        row = connection.execute(
            "SELECT position FROM member WHERE stream = ? AND sequence = ?",
            (envelope.stream, envelope.sequence),
        ).fetchone()
        if row != (position,):
            self.found(where, "the index of its stream does not lead to it")

    def _part(  # noqa: PLR0917 - one row's columns
        self,
        where: str,
        fact_id: str,
        part: PartName,
        expected: str,
        sealed: bytes,
        key: bytes | None,
    ) -> None:
        if not self.opens:
            self.sealed += 1
        elif key is None:
            self.found(where, f"the key of its {part} part is lost, not erased")
        elif key == DESTROYED:
            self.erased.append(f"{fact_id}/{part}")
        else:
            try:
                salt, data = open_part(key, sealed, fact_id=fact_id, part=part)
            except Fault:
                self.found(where, f"its {part} part does not open with its key")
                return
            self.opened += 1
            if digest(salt, data) != expected:
                self.found(where, f"its {part} part is not the one in the envelope")
