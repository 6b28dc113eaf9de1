"""The chain of signing keys: which key signs which checkpoint, and how one led to the next.

A key is *rotated* by a fact that holds a note, signed by the former key, which names the next one.
The checkpoint that covers this fact is signed by both keys, every later one by the next key alone.
A key that was *lost* can sign nothing; then the next one is only declared, and whoever trusted the
former key learns of the break instead of a chain.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from lineage.errors import Fault, InvalidInput, Unavailable
from lineage.facts import Draft
from lineage.journal.checkpoint import BadSignature, Signer, Verifier, sign_note, verify_note
from lineage.journal.envelope import decode
from lineage.journal.parts import digest

__all__ = [
    "KEY_KINDS",
    "LOST",
    "META",
    "ROTATED",
    "STREAM",
    "BrokenChain",
    "KeyChain",
    "KeyLost",
    "KeyRotated",
    "Link",
    "link_entry",
    "lost_draft",
    "read_chain",
    "rotation_draft",
    "stored_chain",
]

ROTATED: Final = "key.rotated/1"
LOST: Final = "key.lost/1"
KEY_KINDS: Final = frozenset({ROTATED, LOST})
"""Written by the journal alone; nobody else may append them."""

STREAM: Final = "keys"
META: Final = "key/"
"""Rows of ``meta`` that begin so hold the chain in the clear: it is public, and verifiers need it
where the parts are closed to them. ``key/0`` is the first key, ``key/N`` the link at position N."""

_TITLE: Final = "tracehold.dev/key-rotation@v1"


class KeyRotated(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=ROTATED):
    """The signing key was replaced by its holder.

    Attributes:
        former: Verifier key (C2SP vkey) until here.
        next: Verifier key from here on.
        endorsement: Signed note by the former key that names both.
    """

    former: str
    next: str
    endorsement: str


class KeyLost(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=LOST):
    """The signing key was lost and another one put in its place, signed for by nobody.

    Attributes:
        former: Verifier key (C2SP vkey) of the lost key.
        next: Verifier key from here on.
    """

    former: str
    next: str


class BrokenChain(Fault):
    """What is stored of the chain contradicts itself, its facts or its signatures."""

    code = "broken-chain"


@dataclass(frozen=True, slots=True)
class Link:
    """One change of the signing key.

    Attributes:
        position: Of the fact that says so.
        how: ``rotated`` where the former key signed for the next one, ``lost`` where nobody did.
        former: Until then.
        next: Since then.
    """

    position: int
    how: Literal["rotated", "lost"]
    former: Verifier
    next: Verifier


@dataclass(frozen=True, slots=True)
class KeyChain:
    """All keys of a journal, in order: the first one, and a link per change."""

    first: Verifier
    links: tuple[Link, ...] = ()

    @property
    def current(self) -> Verifier:
        """The key that signs today."""
        return self.links[-1].next if self.links else self.first

    @property
    def keys(self) -> tuple[Verifier, ...]:
        """Every key, the first one first."""
        return (self.first, *(link.next for link in self.links))

    def at(self, size: int) -> Verifier:
        """The key whose signature the checkpoint over ``size`` facts must bear."""
        key = self.first
        for link in self.links:
            if size > link.position or (size == link.position and link.how == "lost"):
                key = link.next
        return key

    def signers(self, size: int) -> tuple[Verifier, ...]:
        """All keys that sign the checkpoint over ``size`` facts: two where the key was rotated."""
        both = (link.next for link in self.links if link.position == size and link.how == "rotated")
        return (self.at(size), *both)

    def breaks_after(self, key: Verifier) -> tuple[Link, ...]:
        """The losses that stand between a key that somebody trusts and the current one.

        Raises:
            InvalidInput: The key is not of this chain.
        """
        if key not in self.keys:
            raise InvalidInput(
                "the verifier key is not chained to the key of this journal", where=str(key),
                advice="check that both belong to one workspace; if so, its chain was replaced",
            )  # fmt: skip
        return tuple(
            link for link in self.links[self.keys.index(key) :] if link.how == "lost"
        )  # links[i] leads from keys[i] to keys[i + 1]


def endorsed(former: Verifier, next_: Verifier) -> str:
    """The text that a former key signs to name the next one."""
    return f"{_TITLE}\n{former.name}\n{former}\n{next_}\n"


def rotation_draft(signer: Signer, next_: Signer, *, actor: str) -> Draft:
    """The fact that puts ``next_`` in the place of ``signer``."""
    note = sign_note(signer, endorsed(signer.verifier, next_.verifier))
    body = KeyRotated(former=str(signer.verifier), next=str(next_.verifier), endorsement=note)
    return Draft(ROTATED, actor, _encode(body), stream=STREAM)


def lost_draft(former: Verifier, next_: Signer, *, actor: str) -> Draft:
    """The fact that declares ``next_`` after ``former`` was lost."""
    body = KeyLost(former=str(former), next=str(next_.verifier))
    return Draft(LOST, actor, _encode(body), stream=STREAM)


def link_entry(position: int, salt: bytes, body: bytes) -> tuple[str, str]:
    """The row of ``meta`` for a link: the content of its fact, with the salt of its digest."""
    return f"{META}{position}", f"{salt.hex()} {body.decode()}"


def stored_chain(connection: sqlite3.Connection, fallback: Verifier | None = None) -> KeyChain:
    """The chain of keys of an open journal.

    Raises:
        BrokenChain: It does not hold.
        Unavailable: The journal was made before it kept its key, and there is no ``fallback``.
    """
    meta = dict(connection.execute("SELECT name, value FROM main.meta").fetchall())
    envelopes = {}
    for position in _positions(meta):
        row = connection.execute(
            "SELECT envelope FROM main.fact WHERE position = ?", (position,)
        ).fetchone()
        if row is not None:
            envelopes[position] = row[0]
    if fallback is None and "key/0" not in meta:
        raise Unavailable(
            "the journal does not know its own verifier key", where="meta",
            advice="restore the signing key from a backup of the keys folder",
        )  # fmt: skip
    chain = read_chain(meta, envelopes, fallback=fallback or Verifier.parse(meta["key/0"]))
    (changes,) = connection.execute(
        "SELECT count(*) FROM main.member WHERE stream = ?", (STREAM,)
    ).fetchone()
    if changes != len(chain.links):
        raise BrokenChain("a change of key is missing or does not belong here", where="meta")
    return chain


def read_chain(
    meta: Mapping[str, str], envelopes: Mapping[int, bytes], *, fallback: Verifier
) -> KeyChain:
    """The chain as stored, with every endorsement and digest verified.

    Args:
        meta: The rows of ``meta``.
        envelopes: The envelopes at the positions that the rows name.
        fallback: The first key where the journal was made before it kept a chain.

    Raises:
        BrokenChain: A link does not follow, is not endorsed, or is not what its fact recorded.
    """
    rows = {name.removeprefix(META): value for name, value in meta.items() if name.startswith(META)}
    first = rows.pop("0", None)
    key = fallback
    try:
        if first is not None:
            key = fallback = Verifier.parse(first)
        at = sorted(map(int, rows))
        links = [_link(position, rows[str(position)], envelopes[position]) for position in at]
    except BrokenChain:
        raise
    except (ValueError, LookupError, InvalidInput, Fault, msgspec.MsgspecError) as error:
        raise BrokenChain(
            "the chain of keys cannot be read", where="meta", advice="restore the last backup"
        ) from error
    for link in links:
        if link.former != key:
            raise BrokenChain("a change of key does not follow", where=f"fact {link.position}")
        key = link.next
    return KeyChain(fallback, tuple(links))


def _link(position: int, row: str, stored: bytes) -> Link:
    where = f"fact {position}"
    salt, _, body = row.partition(" ")
    envelope = decode(stored)
    if not hmac.compare_digest(digest(bytes.fromhex(salt), body.encode()), envelope.distilled):
        raise BrokenChain("a change of key is not the one that was recorded", where=where)
    said = msgspec.json.decode(body, type=KeyRotated | KeyLost)
    former, next_ = Verifier.parse(said.former), Verifier.parse(said.next)
    if envelope.kind != said.__struct_config__.tag or former.name != next_.name:
        raise BrokenChain("a change of key is of another journal", where=where)
    if isinstance(said, KeyLost):
        return Link(position, "lost", former, next_)
    try:
        same = verify_note(said.endorsement, former) == endorsed(former, next_)
    except BadSignature:
        same = False
    if not same:
        raise BrokenChain("the former key did not sign for the next one", where=where)
    return Link(position, "rotated", former, next_)


def _positions(meta: Mapping[str, str]) -> Sequence[int]:
    """Where the links of a chain stand."""
    names = (name.removeprefix(META) for name in meta if name.startswith(META))
    return sorted(int(name) for name in names if name.isdecimal() and name != "0")


def _encode(body: msgspec.Struct) -> bytes:
    return msgspec.json.encode(body, order="deterministic")
