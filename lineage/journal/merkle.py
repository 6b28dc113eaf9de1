"""The Merkle tree of RFC 6962 §2.1 and RFC 9162 §2.1: hashes, proofs and their verification.

Pure functions. A tree is seen through ``node(level, index)``: the hash of the complete subtree of
``2 ** level`` leaves that begins at leaf ``index * 2 ** level``. Whoever stores the tree answers
that one question; proofs of any size are put together here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

__all__ = [
    "EMPTY_ROOT",
    "Node",
    "consistency_proof",
    "fold_peaks",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "perfect_root",
    "range_root",
    "verify_consistency",
    "verify_inclusion",
]

Node = Callable[[int, int], bytes]
"""The hash of a complete subtree: ``(level, index)``."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves (RFC 6962 §2.1)."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256 over a zero byte and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 over a one byte and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Root over a power of two of sibling hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """Root over complete subtrees of falling size, left to right."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def range_root(start: int, end: int, node: Node) -> bytes:
    """Root over the leaves ``start`` to ``end`` (exclusive).

    ``start`` must be a multiple of the smallest power of two that is not below ``end - start``,
    which holds for every range that RFC 6962 splits off.
    """
    peaks = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append(node(level, start >> level))
        start += 1 << level
    return fold_peaks(peaks)


def _split(width: int) -> int:
    """The largest power of two smaller than ``width``."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Audit path of leaf ``index`` (from 0) in the tree of ``size`` leaves (RFC 9162 §2.1.3.1).

    Raises:
        ValueError: The tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    start, end = 0, size
    path = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(start, middle, node))
            start = middle
    return tuple(reversed(path))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """True where ``leaf`` (a leaf hash) is leaf ``index`` under ``root`` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last = index, size - 1
    result = leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and result == root


def consistency_proof(first: int, second: int, node: Node) -> tuple[bytes, ...]:
    """Proof that the tree of ``second`` leaves extends that of ``first`` (RFC 9162 §2.1.4.1).

    Raises:
        ValueError: ``first`` is greater than ``second`` or negative.
    """
    if not 0 <= first <= second:
        raise ValueError("a tree is only consistent with a smaller one")
    if first in (0, second):
        return ()
    start, end = 0, second
    whole = True
    path = []
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(start, middle, node))
            start = middle
            whole = False
    if not whole:
        path.append(range_root(start, end, node))
    return tuple(reversed(path))


def verify_consistency(  # noqa: C901 - the steps of the RFC, kept together
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """True where the second tree extends the first (RFC 9162 §2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and old == first_root and new == second_root
