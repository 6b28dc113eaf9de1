"""What must be on the disk before work goes on."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync"]


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, through to the disk.

    Windows opens no folder and syncs no file that is open for reading; there a folder is left to
    the file system's own journal.

    Raises:
        OSError: It cannot be opened or written.
    """
    windows = os.name == "nt"
    if windows and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
