"""Erasing local files below one root, and nothing else.

A file is first renamed into a quarantine of the same file system, then unlinked. Each effect can be
repeated: a step that finds its work done says so, whether or not the fact was recorded before the
process died. Media-level erasure is out of scope, and every certificate says so.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lineage.errors import Conflict, InvalidInput, Unavailable
from privacy.deletion.opening import (
    is_regular,
    open_parent,
    open_root,
    open_step,
    parts_of,
    refuse_unsafe,
)
from privacy.deletion.plan import Item
from privacy.errors import StalePlan

__all__ = ["QUARANTINE", "FileEraser", "FileState", "check_case"]

QUARANTINE = ".quarantine"
"""Folder below the root, mode 0700, where files wait for their purge; one folder per case."""

_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_READ = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC")
)
_STALE = "make a new plan; the files are not as they were when it was approved"


@dataclass(frozen=True, slots=True)
class FileState:
    """A regular file as it is now."""

    sha256: str
    bytes: int
    device: int
    inode: int
    modified: int


class FileEraser:
    """The eraser of one data root.

    Every path is relative to the root. Links, folders, pipes, devices, files with a second hard
    link and files on another device are refused, never followed.
    """

    def __init__(self, root: Path) -> None:
        """``root`` is the registered data root.

        Raises:
            InvalidInput: It may not be one (``/``, a home directory, a mount point, no folder).
        """
        self.given = root.absolute()
        self.root = refuse_unsafe(root)

    def relative(self, path: str) -> str | None:
        """A location relative to the root, or None where it lies outside.

        Lexical: nothing is resolved, so a location with ``..`` lies outside.
        """
        for root in (self.root, self.given):
            head = f"{root}/"
            if path.startswith(head):
                rest = path[len(head) :].rstrip("/")
                try:
                    parts = parts_of(rest)
                except InvalidInput:
                    return None
                return None if parts[0] == QUARANTINE else rest
        return None

    def inspect(self, path: str) -> FileState | None:
        """Read and hash a file; None where there is none.

        Raises:
            InvalidInput: Anything but a regular file with one link on the root's device.
        """
        with open_root(self.root) as (root, device), open_parent(root, device, path) as at:
            folder, name = at
            if folder is None:
                return None
            return _inspect(folder, name, device)

    def quarantine(self, case: str, number: int, item: Item) -> bool:
        """Move a file into the quarantine of its case.

        Returns:
            False where it was there already.

        Raises:
            StalePlan: The file is gone or not as planned.
            InvalidInput: See ``inspect``.
        """
        with open_root(self.root) as (root, device), self._folder(root, device, case) as waiting:
            if self._lies(waiting, number, item, device):
                return False
            with open_parent(root, device, item.path) as (folder, name):
                before = None if folder is None else _inspect(folder, name, device)
                if before is None or folder is None:
                    raise StalePlan("a file is gone", where=item.path, advice=_STALE)
                _same(before, item)
                _move(folder, name, waiting, str(number))
                after = os.stat(str(number), dir_fd=waiting, follow_symlinks=False)
                same = (after.st_ino, after.st_mtime_ns) == (before.inode, before.modified)
                if not same or after.st_nlink != 1:
                    _put_back(waiting, str(number), folder, name)
                    raise StalePlan(
                        "a file was swapped or written in the last moment",
                        where=item.path,
                        advice=_STALE,
                    )
                os.fsync(waiting)
                os.fsync(folder)
        return True

    def purge(self, case: str, number: int, item: Item) -> bool:
        """Unlink a quarantined file and sync its folder.

        Returns:
            False where it was gone already.

        Raises:
            Conflict: What lies in quarantine is not the file that was planned.
        """
        with open_root(self.root) as (root, device), self._folder(root, device, case) as waiting:
            if not self._lies(waiting, number, item, device):
                return False
            os.unlink(str(number), dir_fd=waiting)
            os.fsync(waiting)
        return True

    def restore(self, case: str, number: int, item: Item) -> bool:
        """Put a quarantined file back where it was, never over another one.

        Returns:
            False where it is back already.

        Raises:
            Conflict: Something else stands in its place, or its folder is gone.
        """
        with open_root(self.root) as (root, device), self._folder(root, device, case) as waiting:
            if not self._lies(waiting, number, item, device):
                return False
            with open_parent(root, device, item.path) as (folder, name):
                if folder is None or not _put_back(waiting, str(number), folder, name):
                    raise Conflict(
                        "the place of a quarantined file is taken or gone",
                        where=item.path,
                        advice="make room at this path, then cancel again",
                    )
                os.fsync(folder)
                os.fsync(waiting)
        return True

    def is_quarantined(self, case: str, number: int, item: Item) -> bool:
        """Whether the item lies in the quarantine of its case.

        Raises:
            Conflict: Something else lies in its place.
        """
        with open_root(self.root) as (root, device), self._folder(root, device, case) as waiting:
            return self._lies(waiting, number, item, device)

    def close_case(self, case: str) -> None:
        """Remove the empty quarantine folder of a case; leave it where something lies in it."""
        with open_root(self.root) as (root, device):
            outer = open_step(root, QUARANTINE, device)
            if outer is None:
                return
            try:
                with suppress(OSError):
                    os.rmdir(check_case(case), dir_fd=outer)
                os.fsync(outer)
            finally:
                os.close(outer)

    @contextmanager
    def _folder(self, root: int, device: int, case: str) -> Iterator[int]:
        opened: list[int] = []
        try:
            at = root
            for name in (QUARANTINE, check_case(case)):
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=at)
                    os.fsync(at)
                inner = open_step(at, name, device)
                if inner is None:
                    raise Conflict("the quarantine folder vanished", where=QUARANTINE)
                opened.append(inner)
                at = inner
            yield at
        except PermissionError as error:
            raise Unavailable(
                "the file system refuses the step",
                where=error.filename or str(self.root),
                advice="give the server write access to the data root",
            ) from None
        finally:
            for handle in opened:
                os.close(handle)

    def _lies(self, waiting: int, number: int, item: Item, device: int) -> bool:
        """Whether this item lies in quarantine; anything else there stops the step."""
        found = _inspect(waiting, str(number), device)
        if found is None:
            return False
        _same(found, item)
        return True


def check_case(case: str) -> str:
    """The id itself, once it is certain that it can name a folder.

    Raises:
        InvalidInput: It cannot.
    """
    if not _CASE.fullmatch(case):
        raise InvalidInput("a case id has letters, digits, - and _ only", where=repr(case)[:80])
    return case


def _inspect(folder: int, name: str, device: int) -> FileState | None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not is_regular(status):
            raise InvalidInput(
                "not a regular file",
                where=repr(name)[:200],
                advice="links, folders, pipes and devices are never erased; name the file itself",
            )
        handle = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}:
            raise InvalidInput("not a regular file", where=repr(name)[:200]) from None
        raise Unavailable(
            f"a file cannot be read ({error.strerror})", where=repr(name)[:200]
        ) from None
    with os.fdopen(handle, "rb", buffering=0) as file:
        status = os.fstat(handle)
        if not is_regular(status) or status.st_dev != device:
            raise InvalidInput("not a regular file of the data root", where=repr(name)[:200])
        if status.st_nlink != 1:
            raise InvalidInput(
                "the file has another hard link: its content would stay under another name",
                where=repr(name)[:200],
                advice="remove the other links first (find -samefile)",
            )
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(handle)
    if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
        raise StalePlan("the file is being written", where=repr(name)[:200], advice=_STALE)
    return FileState(digest, status.st_size, status.st_dev, status.st_ino, status.st_mtime_ns)


def _same(found: FileState, item: Item) -> None:
    # The device number may change when the machine starts again, so it is not compared with the
    # plan; that the file is on the root's device is checked where it is opened.
    if (found.inode, found.bytes, found.sha256) != (item.inode, item.bytes, item.sha256):
        raise StalePlan("a file was changed", where=item.path, advice=_STALE)


def _move(folder: int, name: str, waiting: int, target: str) -> None:
    try:
        os.rename(name, target, src_dir_fd=folder, dst_dir_fd=waiting)
    except FileNotFoundError:
        raise StalePlan("a file is gone", where=repr(name), advice=_STALE) from None


def _put_back(waiting: int, name: str, folder: int, target: str) -> bool:
    """Link, then unlink: unlike a rename this never replaces what stands there now."""
    try:
        os.link(name, target, src_dir_fd=waiting, dst_dir_fd=folder, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        return False
    except OSError:  # a folder was swapped in, or the file system has no hard links
        with suppress(FileNotFoundError):
            os.stat(target, dir_fd=folder, follow_symlinks=False)
            return False
        os.rename(name, target, src_dir_fd=waiting, dst_dir_fd=folder)
        return True
    os.unlink(name, dir_fd=waiting)
    return True
