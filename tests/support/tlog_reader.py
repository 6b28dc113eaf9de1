"""A reader of static logs that knows c2sp.org/tlog-tiles and RFC 6962, and none of our code."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from rfc6962 import Oracle

__all__ = ["StaticLog", "read_log"]

_TILE = re.compile(r"tile/(entries|\d+)/((?:x\d{3}/)*\d{3})(?:\.p/(\d+))?")


@dataclass(frozen=True)
class StaticLog:
    """What the files say."""

    size: int
    root: bytes
    entries: list[bytes]
    tiles: dict[int, list[bytes]]
    names: dict[tuple[str, int], int]

    def root_of_entries(self) -> bytes:
        """The root over the entries, by the RFC."""
        return Oracle(self.entries).root(self.size)

    def root_of_tiles(self) -> bytes:
        """The root over the leaf hashes of level 0; every tile above must agree with it."""
        row = self.tiles[0]
        for level in range(1, max(self.tiles) + 1):
            row = [_perfect(row[i : i + 256]) for i in range(0, len(row) - 255, 256)]
            assert row == self.tiles[level], level
        peaks, start = [], 0
        hashes = self.tiles[0]
        while start < len(hashes):
            width = 1 << ((len(hashes) - start).bit_length() - 1)
            peaks.append(_perfect(hashes[start : start + width]))
            start += width
        root = peaks.pop()
        while peaks:
            root = _node(peaks.pop(), root)
        return root

    def stray(self) -> list[tuple[str, int]]:
        """Tiles that a log of this size does not have."""
        wrong = []
        for (level, index), width in self.names.items():
            count = self.size >> (0 if level == "entries" else 8 * int(level))
            if width != min(256, count - 256 * index):
                wrong.append((level, index))
        return wrong


def read_log(folder: Path) -> StaticLog:
    """Read every file of a log."""
    _, size, root, *_ = (folder / "checkpoint").read_text("utf-8").split("\n")
    found: dict[str, dict[int, bytes]] = {}
    names = {}
    for path in (path for path in (folder / "tile").rglob("*") if path.is_file()):
        match = _TILE.fullmatch(path.relative_to(folder).as_posix())
        assert match, path
        index = int(match[2].replace("x", "").replace("/", ""))
        found.setdefault(match[1], {})[index] = path.read_bytes()
        names[match[1], index] = int(match[3] or 256)
    entries: list[bytes] = []
    for _, data in sorted(found.pop("entries").items()):
        rest = data
        while rest:
            length = int.from_bytes(rest[:2], "big")
            entries.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
    tiles = {}
    for level, rows in found.items():
        whole = b"".join(data for _, data in sorted(rows.items()))
        tiles[int(level)] = [whole[i : i + 32] for i in range(0, len(whole), 32)]
    return StaticLog(int(size), base64.b64decode(root), entries, tiles, names)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _perfect(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [_node(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]
