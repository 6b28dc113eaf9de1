"""The rolling digest of the state: a sum, so that order does not matter."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from lineage.facts import Json

__all__ = ["RollingDigest"]

_MODULUS: Final = 1 << 256
_encode = msgspec.json.Encoder(order="deterministic").encode


def _hash(row: tuple[Json, ...]) -> int:
    return int.from_bytes(hashlib.sha256(_encode(row)).digest(), "big")


class RollingDigest:
    """Sum of the SHA-256 of rows, modulo 2**256."""

    def __init__(self, total: int = 0) -> None:
        self.total = total

    def add(self, *row: Json) -> None:
        """Take a row in; its first member names the table."""
        self.total = (self.total + _hash(row)) % _MODULUS

    def remove(self, *row: Json) -> None:
        """Take a row out again."""
        self.total = (self.total - _hash(row)) % _MODULUS
