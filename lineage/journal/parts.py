"""Parts: distilled and raw bytes of a fact, each sealed under a key of its own.

The salt of the digest in the envelope travels inside the ciphertext, so that destroying the key
destroys the salt too: what stays in the envelope is then an HMAC under a 256-bit key that nobody
has, and cannot be guessed from a guessed text.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lineage.errors import Fault

__all__ = ["DESTROYED", "KEY_BYTES", "SALT_BYTES", "PartName", "digest", "open_part", "seal_part"]

PartName = Literal["distilled", "raw"]

KEY_BYTES = 32
SALT_BYTES = 32

DESTROYED = bytes(KEY_BYTES)
"""What stands in the place of a destroyed key."""

# Every key seals exactly one message, so that a constant nonce is never repeated under a key.
_NONCE = bytes(12)
_STORED, _DEFLATED = b"\x00", b"\x01"
_WORTH_DEFLATING = 512
_LARGEST = 1 << 30


def digest(salt: bytes, data: bytes) -> str:
    """The salted digest that the envelope carries: HMAC-SHA-256 in hex."""
    return hmac.digest(salt, data, hashlib.sha256).hex()


def seal_part(key: bytes, salt: bytes, data: bytes, *, fact_id: str, part: PartName) -> bytes:
    """Encrypt a part (AES-256-GCM) and bind it to its fact and place."""
    payload = _STORED + salt + data
    if len(data) >= _WORTH_DEFLATING:
        deflated = zlib.compress(data, 1)
        if len(deflated) < len(data) - len(data) // 8:
            payload = _DEFLATED + salt + deflated
    return AESGCM(key).encrypt(_NONCE, payload, f"{fact_id}/{part}".encode())


def open_part(key: bytes, sealed: bytes, *, fact_id: str, part: PartName) -> tuple[bytes, bytes]:
    """Salt and data of a part.

    Raises:
        Fault: The ciphertext was changed, or the key is of another part.
    """
    try:
        payload = AESGCM(key).decrypt(_NONCE, sealed, f"{fact_id}/{part}".encode())
        salt, data = payload[1 : 1 + SALT_BYTES], payload[1 + SALT_BYTES :]
        if payload[:1] == _DEFLATED:
            data = zlib.decompressobj().decompress(data, _LARGEST)
    except (InvalidTag, TypeError, ValueError, zlib.error):
        raise Fault(
            f"the {part} part of a fact does not open with its key", where=fact_id,
            advice="run `tracehold journal verify`",
        ) from None  # fmt: skip
    return salt, data
