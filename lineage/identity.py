"""Keys of entities: HMAC of the workspace secret and the identity.

A name can be personal data (``/home/jane.doe/export.csv``), so a name is an erasable attribute and
never a key. A plain hash of a guessable name could be reversed by guessing; an HMAC cannot, once
the workspace secret is gone.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, get_args

__all__ = ["LABELS", "Identity", "Label"]

Label = Literal[
    "Dataset", "Column", "Job", "Run", "Version", "Model",
    "License", "Purpose", "Agent", "Storage", "Finding", "Hold", "Case",
    "Certificate", "Decision", "Incident", "Tombstone",
]  # fmt: skip
"""The closed vocabulary of node labels. ``Model`` is one version of a model."""

LABELS: tuple[Label, ...] = get_args(Label)

_HALF: Final = 16
_KNOWN: Final = 1 << 15
"""Datasets and columns whose key is remembered: a fold needs the same ones again and again."""


class Identity:
    """Derives the key of every entity of one workspace."""

    def __init__(self, secret: bytes) -> None:
        """``secret`` is the workspace secret, at least 32 bytes."""
        if len(secret) < 32:
            raise ValueError("the workspace secret needs at least 32 bytes")
        # HMAC (RFC 2104) by hand: a fold derives a hundred keys per event, and `hmac` takes three
        # times as long for each.
        padded = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self._inner.update(b"tracehold/identity/1\0")
        self._known: dict[tuple[str, ...], str] = {}

    def key(self, label: Label, *parts: str) -> str:
        """The key of an entity, 32 hexadecimal digits.

        Parts are length-prefixed, so that ``("a", "bc")`` and ``("ab", "c")`` differ. The key of a
        column begins with the first half of its dataset's: columns are written and read together,
        and so they lie together in every index.
        """
        if label not in ("Column", "Dataset"):
            return self._derive((label, *parts))
        key = self._known.get(parts)
        if key is None:
            if label == "Dataset":
                key = self._derive((label, *parts))
            else:
                dataset = self.key("Dataset", *parts[:2])
                key = dataset[:_HALF] + self._derive((label, dataset, *parts[2:]))[:_HALF]
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[parts] = key
        return key

    def _derive(self, parts: tuple[str, ...]) -> str:
        data = b""
        for part in parts:
            raw = part.encode("utf-8", "surrogatepass")
            data += len(raw).to_bytes(4, "big") + raw
        return self._digest(data)[:32]

    def token(self, purpose: str, data: bytes) -> str:
        """A keyed digest of bytes for another purpose (idempotency, tombstones), 64 digits."""
        return self._digest(b"\xff" + purpose.encode() + b"\0" + data)

    def _digest(self, data: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.hexdigest()
