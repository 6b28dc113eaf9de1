"""Proof that these are *all* facts of a governance stream.

Every fact of a stream carries its number and the leaf hash of the one before, so that none can be
left out, swapped or renumbered between two others. The *last* one could be left out; therefore the
journal signs how many there are. Who signed a count that is too small contradicts his own tree:
the envelopes hold no names, so an auditor may take all of them and count.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from lineage.journal.envelope import Envelope, decode
from lineage.journal.merkle import EMPTY_ROOT, leaf_hash
from lineage.journal.port import Head

__all__ = ["FORMAT", "HEAD_TITLE", "Member", "StreamProof", "head_body"]

FORMAT: Final = "tracehold.stream/1"
HEAD_TITLE: Final = "tracehold.dev/stream-head@v1"


@dataclass(frozen=True, slots=True)
class Member:
    """One fact of a stream.

    Attributes:
        position: In the journal.
        envelope: The very bytes of its leaf.
        hashes: Its inclusion proof in the checkpoint of the whole (RFC 9162 §2.1.3).
        content: Distilled part and salt, only where they are public: in the stream of the keys.
    """

    position: int
    envelope: bytes
    hashes: tuple[bytes, ...]
    content: tuple[bytes, bytes] | None = None

    def read(self) -> Envelope:
        """What the envelope says."""
        return decode(self.envelope)


@dataclass(frozen=True, slots=True)
class StreamProof:
    """A whole stream with its proofs.

    Attributes:
        stream: Its name.
        members: Every fact of it that the checkpoint covers, in order.
        head: Signed note: how many there are, and the leaf hash of the last.
        checkpoint: Signed note: size and root of the tree that they are in.
    """

    stream: str
    members: tuple[Member, ...]
    head: str
    checkpoint: str

    def as_json(self) -> bytes:
        """The file that ``verify_log.py`` reads."""
        value = {
            "format": FORMAT,
            "stream": self.stream,
            "checkpoint": self.checkpoint,
            "head": self.head,
            "members": [_plain(member) for member in self.members],
        }
        return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def head_body(origin: str, stream: str, leaves: Sequence[bytes], tree: Head) -> str:
    """The text of a stream's head: which stream, how many, the last leaf hash, and of which tree.

    The leaf hash of an empty stream is the root of the empty tree.
    """
    last = leaves[-1] if leaves else EMPTY_ROOT
    lines = [HEAD_TITLE, origin, stream, str(len(leaves)), _text(last), str(tree.size)]
    return "\n".join([*lines, _text(tree.root), ""])


def _plain(member: Member) -> dict[str, object]:
    plain: dict[str, object] = {
        "position": member.position,
        "envelope": member.envelope.decode(),
        "leaf": _text(leaf_hash(member.envelope)),
        "proof": [_text(hash_) for hash_ in member.hashes],
    }
    if member.content is not None:
        plain["distilled"], plain["distilled_salt"] = map(_text, member.content)
    return plain


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
