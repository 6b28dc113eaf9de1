"""Keys of entities: HMAC of the workspace secret and the identity.

A name can be personal data (``/home/jane.doe/export.csv``), so a name is an erasable attribute and
never a key. A plain hash of a guessable name could be reversed by guessing; an HMAC cannot, once
the workspace secret is gone.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal, get_args

__all__ = ["LABELS", "Identity", "Label"]

Label = Literal[
    "Dataset", "Column", "Job", "Run", "Version", "Model",
    "License", "Purpose", "Agent", "Storage", "Finding", "Hold", "Case",
    "Certificate", "Decision", "Incident", "Tombstone",
]  # fmt: skip
"""The closed vocabulary of node labels. ``Model`` is one version of a model."""

LABELS: tuple[Label, ...] = get_args(Label)


class Identity:
    """Derives the key of every entity of one workspace."""

    def __init__(self, secret: bytes) -> None:
        """``secret`` is the workspace secret, at least 32 bytes."""
        if len(secret) < 32:
            raise ValueError("the workspace secret needs at least 32 bytes")
        self._mac = hmac.new(secret, b"tracehold/identity/1\0", hashlib.sha256)

    def key(self, label: Label, *parts: str) -> str:
        """The key of an entity, 32 hexadecimal digits.

        Parts are length-prefixed, so that ``("a", "bc")`` and ``("ab", "c")`` differ.
        """
        mac = self._mac.copy()
        for part in (label, *parts):
            raw = part.encode("utf-8", "surrogatepass")
            mac.update(len(raw).to_bytes(4, "big"))
            mac.update(raw)
        return mac.hexdigest()[:32]

    def token(self, purpose: str, data: bytes) -> str:
        """A keyed digest of bytes for another purpose (idempotency, tombstones), 64 digits."""
        mac = self._mac.copy()
        mac.update(b"\xff" + purpose.encode() + b"\0")
        mac.update(data)
        return mac.hexdigest()
