"""Golden files: what was read and found right once."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["golden"]


def golden(path: Path, rendered: str) -> str:
    """The text of a golden file; with ``UPDATE_GOLDEN=1`` it is first written, to be read again."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered, encoding="utf-8")
    return path.read_text(encoding="utf-8")
