"""Signed notes and checkpoints as C2SP writes them.

``signed-note``: a text, a blank line, and signature lines ``— <key name> <base64(key id ‖ sig)>``
with Ed25519 (RFC 8032) over the text. ``tlog-checkpoint``: a note whose text is origin, tree size
and base64 root. Certificates and evidence manifests are signed notes too, by the same key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lineage.errors import InvalidInput, NegativeVerdict
from lineage.journal.port import Head

__all__ = [
    "BadSignature",
    "Signer",
    "Verifier",
    "checkpoint_body",
    "claimed_size",
    "parse_checkpoint",
    "sign_note",
    "valid_key_name",
    "verify_note",
]

_ED25519 = b"\x01"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE_LINES = 100


class BadSignature(NegativeVerdict):
    """A note is not signed by the key that was asked for, or was changed since."""

    code = "bad-signature"


def valid_key_name(name: str) -> bool:
    """True for a key name that signed-note allows: not empty, no Unicode space, no plus."""
    return bool(name) and "+" not in name and not re.search(r"\s", name) and name.isprintable()


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name; ``str()`` is the C2SP verifier key (vkey) that people pass on."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read ``<name>+<key id in hex>+<base64(0x01 ‖ public key)>``.

        Raises:
            InvalidInput: The text is no Ed25519 verifier key.
        """
        bad = InvalidInput(
            "this is not an Ed25519 verifier key",
            advice="pass the line that `tracehold journal checkpoint` prints: NAME+ID+KEY",
        )
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise bad from None
        if not valid_key_name(name) or len(key) != 33 or key[:1] != _ED25519:
            raise bad
        if key_id != _key_id(name, key[1:]).hex():
            raise bad
        return cls(name, key[1:])

    @property
    def key_id(self) -> bytes:
        """The four bytes that point at this key in a signature line."""
        return _key_id(self.name, self.public)

    def __str__(self) -> str:
        encoded = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


class Signer:
    """A private Ed25519 key with its name. Its ``repr`` shows the public side only."""

    def __init__(self, name: str, seed: bytes) -> None:
        """``seed`` is the 32-byte private key of RFC 8032."""
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = Verifier(name, public)

    @property
    def name(self) -> str:
        """The key name in the signature lines; the origin of the journal."""
        return self.verifier.name

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature."""
        return self._private.sign(data)

    def __repr__(self) -> str:
        return f"Signer({self.verifier})"


def sign_note(signer: Signer, body: str, *others: Signer) -> str:
    """The signed note over a text, with a signature line of each signer.

    Raises:
        ValueError: The text does not end in a newline or has other control characters.
    """
    if not body.endswith("\n") or _CONTROL.search(body):
        raise ValueError("a note ends in a newline and has no other control character")
    lines = []
    for one in (signer, *others):
        signature = one.verifier.key_id + one.sign(body.encode())
        lines.append(f"— {one.name} {base64.b64encode(signature).decode()}\n")
    return f"{body}\n{''.join(lines)}"


def verify_note(note: str, verifier: Verifier | str) -> str:
    """The text of a note, once a signature of this key was found good.

    Signatures of other keys are ignored, as signed-note demands (witnesses, key rotation).

    Raises:
        BadSignature: No good signature of this key, a bad one, or not a signed note at all.
        InvalidInput: ``verifier`` is text but no verifier key.
    """
    key = Verifier.parse(verifier) if isinstance(verifier, str) else verifier
    body, separator, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not separator or lines.pop() != "" or not lines or len(lines) > _SIGNATURE_LINES:
        raise BadSignature("this is not a signed note")
    body += "\n"
    if _CONTROL.search(note):
        raise BadSignature("the note has control characters")
    good = False
    for line in lines:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—":
            raise BadSignature("the note has a malformed signature line")
        try:
            blob = base64.b64decode(parts[2], validate=True)
        except (binascii.Error, ValueError):
            raise BadSignature("the note has a malformed signature line") from None
        if base64.b64encode(blob).decode() != parts[2]:
            raise BadSignature("the note has a malformed signature line")
        if parts[1] != key.name or blob[:4] != key.key_id:
            continue
        try:
            public = Ed25519PublicKey.from_public_bytes(key.public)
            public.verify(blob[4:], body.encode())
        except (InvalidSignature, ValueError):
            raise BadSignature(
                "the signature does not match the text",
                where=key.name,
                advice="the note was changed after signing; compare it with another copy",
            ) from None
        good = True
    if not good:
        raise BadSignature(
            "the note is not signed by this key",
            where=key.name,
            advice="check that the verifier key belongs to this workspace",
        )
    return body


def checkpoint_body(origin: str, head: Head) -> str:
    """The three lines of a checkpoint (C2SP tlog-checkpoint)."""
    return f"{origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n"


def claimed_size(note: str) -> int:
    """The size that a checkpoint claims, before anything in it is verified; 0 where it has none."""
    lines = note.split("\n", 2)
    return int(lines[1]) if len(lines) > 1 and _SIZE.fullmatch(lines[1]) else 0


def parse_checkpoint(body: str, *, origin: str | None = None) -> Head:
    """Size and root of a checkpoint's text; take the text from ``verify_note``.

    Raises:
        BadSignature: It is no checkpoint, or one of another origin.
    """
    lines = body.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise BadSignature("the note is not a checkpoint")
    if origin is not None and lines[0] != origin:
        raise BadSignature("the checkpoint is of another journal", where=lines[0])
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature("the note is not a checkpoint") from None
    if len(root) != 32 or base64.b64encode(root).decode() != lines[2]:
        raise BadSignature("the note is not a checkpoint")
    return Head(int(lines[1]), root)
