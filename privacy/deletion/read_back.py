"""The second reading: by another way than the eraser's, is anything left?

The eraser works by descriptors and planned paths. This reads the whole tree by name, quarantine
included, and looks for planned names, for files that still are the planned inode, and for the
content itself under any name. It shares no code with the eraser on purpose.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from privacy.deletion.plan import Item

__all__ = ["METHOD", "Reading", "read_back"]

METHOD = (
    "whole data root and quarantine re-read: names, inodes, SHA-256 of every file of equal size"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the second reading saw.

    Attributes:
        leftovers: Path relative to the root and what was found there; empty is the proof.
        files_read: Files looked at.
        bytes_read: Bytes hashed.
    """

    leftovers: tuple[tuple[str, str], ...]
    files_read: int
    bytes_read: int


def read_back(root: Path, items: Sequence[Item]) -> Reading:
    """Look for anything left of ``items`` below ``root``.

    A folder that cannot be read counts as a leftover: what was not seen is not proven gone.
    """
    planned = {item.path for item in items}
    inodes = {(item.inode, item.bytes) for item in items}
    contents = {(item.bytes, item.sha256) for item in items}
    sizes = {item.bytes for item in items}
    left: list[tuple[str, str]] = []
    files = read = 0

    def unreadable(error: OSError) -> None:
        left.append((os.path.relpath(error.filename or root, root), "cannot be read"))

    for folder, _, names in os.walk(root, onerror=unreadable, followlinks=False):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - bytes-safe and apart from the eraser
            shown = os.path.relpath(path, root)
            try:
                status = os.lstat(path)
                files += 1
                if shown in planned:
                    left.append((shown, "the planned name is there"))
                if status.st_size not in sizes or not stat.S_ISREG(status.st_mode):
                    continue
                with open(path, "rb") as file:  # noqa: PTH123
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                read += status.st_size
            except FileNotFoundError:
                continue
            except OSError:
                left.append((shown, "cannot be read"))
                continue
            if (status.st_size, digest) in contents:
                same = (status.st_ino, status.st_size) in inodes
                left.append((shown, "the planned file" if same else "the same content"))
    return Reading(tuple(sorted(set(left))), files, read)
