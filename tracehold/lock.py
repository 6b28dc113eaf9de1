"""One server or writer per workspace.

The lock is the operating system's lock on ``<data>/lock``: it ends with the process that holds it,
however that ended, so a crash leaves nothing to clean up. Beside it ``server.json`` (mode 0600)
tells the command line where the server answers; it counts only while the lock is held.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lineage.clock import Clock
from lineage.errors import Conflict, Unavailable

__all__ = ["Holder", "WorkspaceLock", "find_server", "write_private"]

_LOCK: Final = "lock"
_HOLDER: Final = "holder.json"
_SERVER: Final = "server.json"
_PATIENCE_SECONDS: Final = 0.5


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock.

    Attributes:
        pid: Process id.
        started: Epoch milliseconds.
        url: Where a server answers; empty for a command that writes for a moment.
    """

    pid: int
    started: int
    url: str = ""


@dataclass(slots=True)
class WorkspaceLock:
    """The lock of a workspace, held until ``release`` or the end of the process."""

    data: Path
    _handle: int
    _started: int

    @classmethod
    def acquire(cls, data: Path, clock: Clock) -> WorkspaceLock:
        """Take the lock.

        Args:
            data: The data folder of the workspace.
            clock: Gives the time the lease began.

        Raises:
            Conflict: Another process has it; the error names its process id and address.
            Unavailable: The data folder cannot be written.
        """
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(data / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(
                f"the data folder cannot be written ({os.strerror(error.errno or 0)})",
                where=str(data),
                advice="check its permissions and the space that is left",
            ) from None
        # Who looks whether a server runs holds the lock for an instant; hence the patience.
        until = time.monotonic() + _PATIENCE_SECONDS
        while not _try_lock(handle):
            if time.monotonic() > until:
                os.close(handle)
                raise _taken(data)
            time.sleep(0.02)
        lock = cls(data, handle, clock())
        try:
            _forget(data / _SERVER)
            write_private(data / _HOLDER, msgspec.json.encode(Holder(os.getpid(), lock._started)))
        except BaseException:
            lock.release()
            raise
        return lock

    @property
    def handle(self) -> int:
        """The descriptor: a process that holds it open holds the lock."""
        return self._handle

    def announce(self, url: str) -> None:
        """Say in ``server.json`` that a server answers at ``url``."""
        record = Holder(os.getpid(), self._started, url)
        write_private(self.data / _SERVER, msgspec.json.encode(record))

    def release(self) -> None:
        """Let go. Harmless when done twice."""
        if self._handle < 0:
            return
        handle, self._handle = self._handle, -1
        for name in (_SERVER, _HOLDER):
            _forget(self.data / name)
        with suppress(OSError):
            os.close(handle)


def _forget(path: Path) -> None:
    """Take a record away. One that stays does no harm: it counts only while the lock is held."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def find_server(data: Path) -> Holder | None:
    """The server that runs in this workspace now; None where there is none.

    A record left behind by a crash does not count: its lock is free.
    """
    record = _read(data / _SERVER)
    return record if record is not None and record.url and _is_held(data) else None


def _is_held(data: Path) -> bool:
    try:
        handle = os.open(data / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(handle)
    finally:
        os.close(handle)


def _taken(data: Path) -> Conflict:
    holder = _read(data / _SERVER) or _read(data / _HOLDER)
    if holder is None:
        return Conflict(
            "another process uses this workspace", where=str(data), advice="try again in a moment"
        )
    if holder.url:
        return Conflict(
            f"a server already runs in this workspace (process {holder.pid})",
            where=holder.url,
            advice="use that one, or stop it first",
        )
    return Conflict(
        f"process {holder.pid} is writing to this workspace",
        where=str(data),
        advice="wait until it is done",
    )


def _read(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read (0600), whole or not at all.

    Raises:
        Unavailable: It cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise Unavailable(
            f"a file cannot be written ({os.strerror(error.errno or 0)})",
            where=str(path),
            advice="check the permissions of its folder and the space that is left",
        ) from None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
