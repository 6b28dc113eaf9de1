"""A second implementation of the tree, written from RFC 6962 §2.1 word for word: the oracle.

Ranges of leaves are remembered, so that all proofs of a thousand trees take seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["Oracle"]


class Oracle:
    """MTH, PATH and PROOF of the RFC over a list of leaves ``D[n]``."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = list(leaves)
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, size: int) -> bytes:
        """MTH(D[0:size])."""
        return self._mth(0, size)

    def path(self, m: int, size: int) -> list[bytes]:
        """PATH(m, D[0:size]), §2.1.1."""
        return self._path(m, 0, size)

    def proof(self, m: int, size: int) -> list[bytes]:
        """PROOF(m, D[0:size]), §2.1.2."""
        return self._subproof(m, 0, size, whole=True)

    def _mth(self, start: int, end: int) -> bytes:
        if (start, end) not in self._known:
            self._known[start, end] = self._hash(start, end)
        return self._known[start, end]

    def _hash(self, start: int, end: int) -> bytes:
        n = end - start
        if n == 0:
            return hashlib.sha256().digest()
        if n == 1:
            return hashlib.sha256(b"\x00" + self.leaves[start]).digest()
        k = _largest_power_below(n)
        left, right = self._mth(start, start + k), self._mth(start + k, end)
        return hashlib.sha256(b"\x01" + left + right).digest()

    def _path(self, m: int, start: int, end: int) -> list[bytes]:
        n = end - start
        if n == 1:
            return []
        k = _largest_power_below(n)
        if m < k:
            return [*self._path(m, start, start + k), self._mth(start + k, end)]
        return [*self._path(m - k, start + k, end), self._mth(start, start + k)]

    def _subproof(self, m: int, start: int, end: int, *, whole: bool) -> list[bytes]:
        n = end - start
        if m == n:
            return [] if whole else [self._mth(start, end)]
        k = _largest_power_below(n)
        if m <= k:
            return [*self._subproof(m, start, start + k, whole=whole), self._mth(start + k, end)]
        return [
            *self._subproof(m - k, start + k, end, whole=False),
            self._mth(start, start + k),
        ]


def _largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k
