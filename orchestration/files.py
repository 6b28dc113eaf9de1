"""Files of a workspace: read only inside the roots, and never seen half written."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lineage.durable import sync
from lineage.errors import InvalidInput, NotFound, Unavailable

__all__ = ["Received", "intact", "is_local", "receive", "sha256_of", "store", "within"]

_CHUNK = 1 << 20
_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SAFE_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")


@dataclass(frozen=True, slots=True)
class Received:
    """The bytes of a source, copied out of anybody's reach while they were hashed.

    Attributes:
        file: An unnamed temporary file at position 0; gone when it is closed.
        sha256: Of the bytes, hexadecimal.
        size: In bytes.
    """

    file: IO[bytes]
    sha256: str
    size: int


def is_local(location: str) -> bool:
    """Whether a source's location is a path of this machine (also as ``file://``)."""
    return not _REMOTE.match(location) or location.lower().startswith("file://")


def within(path: Path, *roots: Path) -> Path:
    """The path itself, once it is certain that it stays inside one of the roots.

    No component below the root may be a symbolic link, since a link can be turned elsewhere
    between the check and the use.

    Args:
        path: An absolute path, or one relative to the parent of the first root.
        roots: Existing folders.

    Raises:
        InvalidInput: It leaves the roots, or passes through a symbolic link.
    """
    absolute = Path(os.path.normpath(roots[0].parent / path))
    for root in roots:
        if not absolute.is_relative_to(root) or absolute == root:
            continue
        step = root
        for part in absolute.relative_to(root).parts:
            step = step / part
            if step.is_symlink():
                raise InvalidInput(
                    "a path passes through a symbolic link",
                    where=str(step),
                    advice="put the file itself there; links are not followed",
                )
        return absolute
    raise InvalidInput(
        "a path leaves the folders of the workspace",
        where=str(path),
        advice="use a path below " + " or ".join(str(root) for root in roots),
    )


def intact(path: Path, root: Path, *, dataset: str, sha256: str) -> Path:
    """A governed copy, once it is certain that it is there and what was recorded.

    Args:
        path: Relative to the root.
        root: The data root.
        dataset: Name of the dataset, for the error.
        sha256: What was recorded, hexadecimal.

    Raises:
        NotFound: It is gone.
        InvalidInput: It holds something else, or the path leaves the root.
    """
    found, shown = within(root / path, root), f"{dataset}@{sha256[:12]}"
    if not found.exists():
        raise NotFound(
            "the governed copy is gone",
            where=shown,
            advice="it was deleted or moved; materialize the dataset again if it may come back",
        )
    if sha256_of(found) != sha256:
        raise InvalidInput(
            "the governed copy is not what was recorded",
            where=shown,
            advice="it was changed outside Tracehold; materialize the dataset again",
        )
    return found


@contextmanager
def receive(location: str, *roots: Path, scratch: Path) -> Iterator[Received]:
    """Copy a source into an unnamed file while hashing it, so that hash and content agree.

    Args:
        location: A path below the roots, or an address that fsspec knows (``s3://…``).
        roots: Where local sources may lie.
        scratch: Folder on whose disk the unnamed copy lives.

    Raises:
        InvalidInput: The path leaves the roots, is a link, or is no regular file.
        NotFound: There is no such file.
        Unavailable: It cannot be read, or the disk is full.
    """
    # Resolved before the copy so that a wrong path costs nothing.
    with _opened(location, roots) as source, tempfile.TemporaryFile(dir=scratch) as copy:
        digest, size = hashlib.sha256(), 0
        try:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
            copy.seek(0)
        except OSError as error:
            raise _unreadable(location, error) from None
        yield Received(copy, digest.hexdigest(), size)


def _opened(location: str, roots: tuple[Path, ...]) -> IO[bytes]:
    if not is_local(location):
        return _opened_remote(location)
    path = within(Path(re.sub(r"^file://", "", location, flags=re.IGNORECASE)), *roots)
    # O_NONBLOCK: opening a named pipe must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        raise NotFound(
            "the file of a source is missing",
            where=str(path),
            advice="put the file there, or correct source.path in the dataset's manifest",
        ) from None
    except OSError as error:
        raise _unreadable(str(path), error) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidInput("a source is not a regular file", where=str(path))
    return os.fdopen(handle, "rb")


def _opened_remote(location: str) -> IO[bytes]:
    import fsspec

    try:
        opened: IO[bytes] = fsspec.open(location, "rb").open()
    except FileNotFoundError:
        raise NotFound("the file of a source is missing", where=location) from None
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            "there is no reader for this kind of address",
            where=location,
            advice=f"install the fsspec driver for it ({type(error).__name__})",
        ) from None
    except OSError as error:
        raise _unreadable(location, error) from None
    return opened


def _unreadable(location: str, error: OSError) -> Unavailable:
    return Unavailable(
        f"a source cannot be read ({error.strerror or type(error).__name__})",
        where=location,
        advice="check permissions, the connection and the free space, then run again",
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def store(content: bytes | memoryview, root: Path, name: str, suffix: str) -> tuple[Path, str]:
    """Write content under its own hash: ``root/name/<first 12 of sha256><suffix>``.

    The file appears complete or not at all (temporary file, fsync, rename, fsync of the folder).

    Returns:
        The path and the whole SHA-256.

    Raises:
        InvalidInput: The name cannot be a folder, or the folder is a symbolic link.
        Unavailable: It cannot be written, for example because the disk is full.
    """
    if not _SAFE_NAME.match(name):
        raise InvalidInput(
            "a name cannot be used for a folder",
            where=name,
            advice="use letters, digits, dot, dash and underscore",
        )
    folder = within(root / name, root)
    sha256 = hashlib.sha256(content).hexdigest()
    target = within(folder / f"{sha256[:12]}{suffix}", root)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in folder.glob(".part-*"):
            leftover.unlink(missing_ok=True)
        if not (target.exists() and sha256_of(target) == sha256):
            _write_then_rename(content, folder, target)
    except OSError as error:
        raise Unavailable(
            f"a governed copy cannot be written ({error.strerror or type(error).__name__})",
            where=str(target),
            advice="check permissions and the free space, then run again",
        ) from None
    return target, sha256


def _write_then_rename(content: bytes | memoryview, folder: Path, target: Path) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".part-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105 - replace is atomic, rename is not on Windows
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync(folder)
