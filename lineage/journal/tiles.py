"""The tree as stored: tiles of 256 hashes, eight levels high, as in C2SP tlog-tiles.

Only complete tiles are stored. The tail of the lowest level is the last facts themselves, and the
tail of a higher level is the roots of the complete tiles beneath it; so an append writes a tile
once, and a proof over a million leaves reads a handful of rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from lineage.journal.merkle import fold_peaks, leaf_hash, node_hash, perfect_root

__all__ = ["HEIGHT", "WIDTH", "GrowingTree", "StoredTree", "Tile", "tile_key"]

HEIGHT = 8
"""Levels of the tree in one tile."""

WIDTH = 1 << HEIGHT
"""Hashes in one complete tile."""

_DIGEST = 32


def tile_key(level: int, index: int) -> int:
    """The row id of a tile: its level above its index."""
    return (level << 48) | index


@dataclass(frozen=True, slots=True)
class Tile:
    """One complete tile: where it stands, the root over it, and its 256 hashes end to end."""

    level: int
    index: int
    root: bytes
    hashes: bytes


class GrowingTree:
    """The right edge of the tree in memory: append leaves, know the root, emit complete tiles.

    Attributes:
        size: Number of leaves.
    """

    def __init__(self, tails: Sequence[Sequence[bytes]] = ()) -> None:
        """``tails`` are the hashes of the incomplete tile of each level, the leaves first."""
        self._tails = [list(tail) for tail in tails] or [[]]
        self.size = sum(len(tail) << (HEIGHT * level) for level, tail in enumerate(self._tails))
        self._peaks: list[bytes] = []
        for tail in reversed(self._tails):
            start = 0
            while start < len(tail):
                width = 1 << ((len(tail) - start).bit_length() - 1)
                self._peaks.append(perfect_root(tail[start : start + width]))
                start += width

    def append(self, leaf: bytes) -> list[Tile]:
        """Add a leaf hash; gives the tiles that it completes."""
        tiles: list[Tile] = []
        self._tails[0].append(leaf)
        hash_, level, carry = leaf, 0, self.size
        self.size += 1
        while carry & 1:
            hash_ = node_hash(self._peaks.pop(), hash_)
            carry >>= 1
            level += 1
            if level % HEIGHT == 0:
                tiles.append(self._complete(level // HEIGHT - 1, hash_))
        self._peaks.append(hash_)
        return tiles

    def _complete(self, level: int, root: bytes) -> Tile:
        index = (self.size >> (HEIGHT * (level + 1))) - 1
        tile = Tile(level, index, root, b"".join(self._tails[level]))
        self._tails[level].clear()
        if level + 1 == len(self._tails):
            self._tails.append([])
        self._tails[level + 1].append(root)
        return tile

    def root(self) -> bytes:
        """The root now."""
        return fold_peaks(self._peaks)


class StoredTree:
    """Answers ``node(level, index)`` from the tiles and the tail of one journal.

    Holds the tiles it read; make a new one per question or per group of questions.
    """

    def __init__(self, connection: sqlite3.Connection, size: int) -> None:
        """``size`` is the number of leaves that may be looked at."""
        self._connection = connection
        self._size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def node(self, level: int, index: int) -> bytes:
        """Hash of the complete subtree of ``2 ** level`` leaves at ``index``."""
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        offset = first % WIDTH
        hashes = self._hashes(tile_level, first // WIDTH)
        part = hashes[offset : offset + (1 << height)]
        if len(part) != 1 << height:
            raise LookupError(f"tree node {level}/{index} is missing")
        return perfect_root(part)

    def tile(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile as far as they are stored; more, where the tree grew since."""
        return self._hashes(level, index)

    def tails(self) -> list[list[bytes]]:
        """The incomplete tile of every level, for ``GrowingTree``."""
        tails = []
        level, count = 0, self._size
        while True:
            tile, remainder = divmod(count, WIDTH)
            tails.append(self._hashes(level, tile)[:remainder] if remainder else [])
            if len(tails[-1]) != remainder:
                raise LookupError(f"the tree has a hole at level {level * HEIGHT}")
            if not tile:
                return tails
            level, count = level + 1, tile

    def _hashes(self, level: int, index: int) -> list[bytes]:
        known = self._tiles.get((level, index))
        if known is None:
            known = self._tiles[level, index] = self._load(level, index)
        return known

    def _load(self, level: int, index: int) -> list[bytes]:
        row = self._connection.execute(
            "SELECT hashes FROM tile WHERE key = ?", (tile_key(level, index),)
        ).fetchone()
        if row is not None:
            blob: bytes = row[0]
            return [blob[i : i + _DIGEST] for i in range(0, len(blob), _DIGEST)]
        first = index * WIDTH
        if level == 0:
            rows = self._connection.execute(
                "SELECT envelope FROM fact WHERE position > ? AND position <= ? ORDER BY position",
                (first, min(first + WIDTH, self._size)),
            )
            return [leaf_hash(envelope) for (envelope,) in rows]
        rows = self._connection.execute(
            "SELECT root FROM tile WHERE key >= ? AND key < ? ORDER BY key",
            (tile_key(level - 1, first), tile_key(level - 1, first + WIDTH)),
        )
        return [root for (root,) in rows]
