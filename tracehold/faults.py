"""A fault of ours, described without any value that it met.

The text of an exception can quote a row of data or a secret, so faults are logged as the classes
of the exceptions and the places in the code, and shown as one line.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

__all__ = ["OF_THE_DISK", "describe", "summary"]

OF_THE_DISK: Final = (
    "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_NOTADB",
)  # fmt: skip
"""How SQLite's names begin of what the disk brings about; a read that fails can look like damage.
"""


def summary(error: BaseException) -> str:
    """The class of an error and the line of code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ""
    if frames:
        last = frames[-1]
        place = f" at {Path(last.filename).name}:{last.lineno} in {last.name}"
    return f"{type(error).__name__}{place}"


def describe(error: BaseException) -> str:
    """The chain of errors with their stacks, without their messages and without source lines."""
    lines: list[str] = []
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if lines:
            lines.append("caused by")
        lines.append(f"{type(current).__module__}.{type(current).__qualname__}")
        lines += [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return "\n".join(lines)
