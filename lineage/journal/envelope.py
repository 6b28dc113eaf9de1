"""The envelope: the part of a fact that is kept for ever, and exactly the bytes of its Merkle leaf.

It holds no names: ids, kinds, numbers and salted digests. The encoding is deterministic JSON with
sorted keys, so that a reader can tell stored bytes from re-encoded ones.
"""

from __future__ import annotations

import re

import msgspec

from lineage.errors import Fault, InvalidInput
from lineage.facts import Draft

__all__ = ["FORMAT", "LARGEST_PART", "Envelope", "check_draft", "decode", "encode"]

FORMAT = 1
"""Version of the envelope's own form."""

_KIND = re.compile(r"[a-z][a-z0-9_.-]*/[1-9][0-9]{0,3}")
# Neither @ nor a space: an e-mail address or a full name must not become an actor by mistake.
_OPAQUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_MILLIS = 1 << 53

LARGEST_PART = 256 << 20
"""No part may be larger, in bytes; what is larger belongs in a file that the fact points at."""


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is hashed. Fields stand in alphabetical order, which is the order they are stored in.

    Attributes:
        actor: Opaque id of who says so.
        distilled: HMAC-SHA-256 of the distilled part under its salt, hex.
        format: Version of this form.
        id: 128-bit fact id, hex; begins with the received time.
        kind: Kind and version.
        previous: Leaf hash of the fact before this one in its stream, hex; None for the first.
        raw: HMAC-SHA-256 of the raw part under its salt, hex; None where there is no raw part.
        received: When the journal took it, epoch milliseconds.
        sequence: Number within its stream from 1; None outside a stream.
        stream: Governance stream, or None.
        tenant: Opaque id of the journal.
        valid: When it holds in the world, epoch milliseconds; None when unknown.
    """

    actor: str
    distilled: str
    format: int
    id: str
    kind: str
    previous: str | None
    raw: str | None
    received: int
    sequence: int | None
    stream: str | None
    tenant: str
    valid: int | None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """The bytes that are stored and hashed."""
    return _encoder.encode(envelope)


def decode(data: bytes) -> Envelope:
    """Read stored bytes.

    Raises:
        Fault: They are no envelope of a known format.
    """
    try:
        envelope = _decoder.decode(data)
    except (msgspec.DecodeError, TypeError) as error:
        raise Fault(
            "a stored envelope cannot be read", advice="run `tracehold journal verify`"
        ) from error
    if envelope.format != FORMAT:
        raise Fault(
            f"a stored envelope has the unknown format {envelope.format}",
            advice="open the journal with the release that wrote it, or a newer one",
        )  # fmt: skip
    return envelope


def check_draft(draft: Draft) -> None:
    """Refuse a draft that has no place in an envelope.

    Raises:
        InvalidInput: Kind, actor, stream or time is not of the form that the envelope takes.
    """
    if not _KIND.fullmatch(draft.kind):
        raise InvalidInput("the kind of the fact is not NAME/VERSION", where="kind")
    if not _OPAQUE.fullmatch(draft.actor):
        raise InvalidInput("the actor is not an opaque id", where="actor")
    if draft.stream is not None and not _OPAQUE.fullmatch(draft.stream):
        raise InvalidInput("the stream is not an opaque id", where="stream")
    if draft.valid_time is not None and not -_MILLIS < draft.valid_time < _MILLIS:
        raise InvalidInput("the valid time is out of range", where="valid_time")
    for name, part in (
        ("body", draft.body),
        ("raw", draft.raw),
        ("idempotency", draft.idempotency),
    ):
        if part is not None and len(part) > LARGEST_PART:
            raise InvalidInput(
                f"a part of the fact is larger than {LARGEST_PART} bytes", where=name,
                advice="store the content as a file and record its digest",
            )  # fmt: skip
