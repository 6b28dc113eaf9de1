"""Whether the file that a source names may be read: inside the workspace, no link, there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = ["path_fault", "uri_fault"]

_REMOTE: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+/.+|[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)


def path_fault(path: str, root: Path, folders: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a path, and the fix; None where it may be read.

    Args:
        path: As the manifest writes it.
        root: The workspace.
        folders: Names of the folders below the workspace in which sources may lie.
    """
    inside = f"put the file below {' or '.join(folders)}"
    if "\0" in path:
        return "the path holds a null character", "correct the path"
    absolute = Path(os.path.normpath(root / path))
    roots = [root / folder for folder in folders]
    base = next((one for one in roots if absolute.is_relative_to(one) and absolute != one), None)
    if base is None:
        return "the path leaves the folders of the workspace", inside
    step = base
    for part in ("", *absolute.relative_to(base).parts):
        step = step / part
        if step.is_symlink():
            return "the path passes through a symbolic link", "put the file itself there"
    try:
        mode = absolute.stat().st_mode
    except FileNotFoundError:
        return f"there is no file {path}", "put the file there, or correct source.path"
    except OSError as error:
        return f"the file cannot be looked at ({error.strerror})", "correct the path"
    if not stat.S_ISREG(mode):
        return f"{path} is not a file", "name a file; a folder is not a source"
    return None


def uri_fault(uri: str, root: Path, folders: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with an address, and the fix; None where it may be tried.

    A ``file:`` address is held to what paths are held to. An address with a password is refused:
    a manifest is shown to everybody.
    """
    if not _REMOTE.fullmatch(uri):
        return f"{uri!r} is not an address", "write source.path for a file of this workspace"
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "the address is malformed", "write it as SCHEME://HOST/PATH"
    if parts.scheme.lower() == "file":
        return path_fault(unquote(parts.path), root, folders)
    if parts.password is not None:
        return "the address holds a password", "take it from the environment or the cloud profile"
    return None
