"""Which file is the state: the named one, or a later generation of it.

A state that is folded anew is written into a file of its own beside the old one, ``state.db.2``,
and becomes the state when ``state.db.current`` names it, in one rename. SQLite finds a log by the
name of its database, so a file that took the name of another could meet that one's log; a name of
its own makes every moment either the old state or the new one. Whoever writes the workspace removes
what is not current.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from lineage.durable import sync
from lineage.errors import Conflict

__all__ = ["aside", "current", "following", "make_current", "remove", "sweep"]

_POINTER: Final = ".current"
_ASIDE: Final = ".compared-by-"
_LOGS: Final = ("-wal", "-shm", "-journal")


def current(path: Path) -> Path:
    """The file that is the state now, whether or not it is there.

    Args:
        path: The state as it is named in settings: ``state.db``.
    """
    try:
        name = path.with_name(path.name + _POINTER).read_text("utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return path
    return path if _number(path, name) == 0 else path.with_name(name)


def following(path: Path) -> Path:
    """The name for the next generation; what a crash left under it is removed."""
    number = max(_number(path, current(path).name), 1) + 1
    file = path.with_name(f"{path.name}.{number}")
    remove(file)
    return file


def aside(path: Path) -> Path:
    """A name for a file of this process that is never to become the state."""
    file = path.with_name(f"{path.name}{_ASIDE}{os.getpid()}")
    remove(file)
    return file


def make_current(path: Path, file: Path, *, instead_of: Path) -> None:
    """Make a closed, complete file the state, durably and at once.

    Args:
        path: The state as it is named.
        file: The new generation, from ``following``.
        instead_of: What must be current.

    Raises:
        Conflict: Something else is current by now.
    """
    if current(path) != instead_of:
        raise Conflict(
            "the state was replaced meanwhile", where=current(path).name,
            advice="fold it anew once more: tracehold journal rebuild",
        )  # fmt: skip
    sync(file)
    pointer = path.with_name(path.name + _POINTER)
    new = pointer.with_name(pointer.name + ".new")
    new.write_text(file.name + "\n", "utf-8")
    sync(new)
    new.replace(pointer)
    sync(path.parent)


def sweep(path: Path) -> list[str]:
    """Remove every generation that is not current, logs too; only for who writes the workspace.

    Returns:
        Names of what is left because a reader holds it (Windows).
    """
    keep = current(path)
    left = []
    found = {path, *path.parent.glob(f"{path.name}.*")}
    for file in sorted({_database(file) for file in found}):
        aside = file.name.startswith(path.name + _ASIDE)
        if file != keep and (file == path or aside or _number(path, file.name)):
            try:
                remove(file)
            except PermissionError:
                left.append(file.name)
    path.with_name(path.name + _POINTER + ".new").unlink(missing_ok=True)
    return left


def remove(file: Path) -> None:
    """Remove a database with its logs; what is open goes on for who has it open (POSIX)."""
    for suffix in ("", *_LOGS):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _database(file: Path) -> Path:
    for log in _LOGS:
        if file.name.endswith(log):
            return file.with_name(file.name.removesuffix(log))
    return file


def _number(path: Path, name: str) -> int:
    """The generation that a name stands for; 0 where it is no name of a later one."""
    number = name.removeprefix(path.name + ".")
    return int(number) if number != name and number.isascii() and number.isdigit() else 0
