"""Opening below a root without ever leaving it.

Every component is opened relative to the one before with ``O_NOFOLLOW``, so that no link, no ``..``
and no swap between check and use can lead out; another device ends the walk.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lineage.errors import InvalidInput, Unavailable

__all__ = ["FOLDER_FLAGS", "open_parent", "open_root", "open_step", "parts_of", "refuse_unsafe"]

# Absent on Windows, where importing must work and erasing says what it needs.
_FLAGS = ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
FOLDER_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in _FLAGS)


def refuse_unsafe(root: Path) -> Path:
    """The resolved root, once it is certain that it may be one.

    Raises:
        InvalidInput: ``/``, a home directory, a mount point, a folder that holds a home, or no
            folder.
        Unavailable: This system has no operations relative to an open folder.
    """
    if os.open not in os.supports_dir_fd or os.unlink not in os.supports_dir_fd:
        raise Unavailable(
            "this system cannot erase safely below a root",
            where=str(root),
            advice="run the server on Linux or macOS, or in WSL",
        )
    try:
        resolved = root.resolve(strict=True)
    except OSError:
        raise InvalidInput(
            "the data root does not exist", where=str(root), advice="make the folder first"
        ) from None
    home = Path.home().resolve()
    unsafe = resolved == Path(resolved.anchor) or home.is_relative_to(resolved)
    if unsafe or os.path.ismount(resolved) or not resolved.is_dir():
        raise InvalidInput(
            "this folder cannot be a data root",
            where=str(root),
            advice="use a folder of its own, not /, a home directory or a mount point",
        )
    return resolved


def parts_of(path: str) -> tuple[str, ...]:
    """The components of a relative path.

    Raises:
        InvalidInput: Absolute, empty, or with ``.``, ``..``, an empty component or NUL.
    """
    parts = tuple(path.split("/"))
    if not path or "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise InvalidInput(
            "the path leaves the data root or is not in its plain form",
            where=repr(path)[:200],
            advice="use a path below the data root without . or ..",
        )
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidInput("a file name is not UTF-8", where=repr(path)[:200]) from None
    return parts


@contextmanager
def open_root(root: Path) -> Iterator[tuple[int, int]]:
    """The root's descriptor and device."""
    try:
        handle = os.open(root, FOLDER_FLAGS)
    except OSError as error:
        raise Unavailable(
            f"the data root cannot be opened ({error.strerror})", where=str(root)
        ) from None
    try:
        yield handle, os.fstat(handle).st_dev
    finally:
        os.close(handle)


def open_step(folder: int, name: str, device: int) -> int | None:
    """The descriptor of a folder inside a folder; None where there is none.

    Raises:
        InvalidInput: It is a link, no folder, or on another device.
    """
    try:
        handle = os.open(name, FOLDER_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG}:
            raise InvalidInput(
                "the path passes through something that is not a folder",
                where=repr(name)[:200],
                advice="links are not followed; name the file itself",
            ) from None
        raise Unavailable(
            f"a folder cannot be opened ({error.strerror})", where=repr(name)[:200]
        ) from None
    if os.fstat(handle).st_dev != device:
        os.close(handle)
        raise InvalidInput("the path leaves the file system of the data root", where=repr(name))
    return handle


@contextmanager
def open_parent(root: int, device: int, path: str) -> Iterator[tuple[int | None, str]]:
    """The descriptor of the folder that holds ``path`` (None where it is missing) and the name."""
    *folders, name = parts_of(path)
    handle: int | None = os.dup(root)
    try:
        for folder in folders:
            assert handle is not None  # noqa: S101 - the loop ends where it is None
            inner = open_step(handle, folder, device)
            os.close(handle)
            handle = inner
            if handle is None:
                break
        yield handle, name
    finally:
        if handle is not None:
            os.close(handle)


def is_regular(status: os.stat_result) -> bool:
    """A plain file: no folder, link, pipe, socket or device."""
    return stat.S_ISREG(status.st_mode)
