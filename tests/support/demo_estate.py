"""The real demo, run once for all tests of one session, whichever worker asks first."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

__all__ = ["copy_of", "demo", "demo_workspace", "figures", "told"]

_SECONDS = 300.0


def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that ``tracehold demo --no-serve --json`` left behind, with the embedded graph.

    It is shared: ask it, but never change it. What writes takes a copy.

    Raises:
        RuntimeError: The demo failed; carries what it said.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each worker has a folder of its own inside the session's.
        root = root.parent
    root = root / "demo-estate"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = root / "code"
        if not ended.exists():
            ended.write_text(str(_run(root)))
    if ended.read_text() != "0":
        raise RuntimeError(
            f"the demo ended with {ended.read_text()}: {told(root / 'demo')[-4000:]}"
        )
    return root / "demo"


def _run(root: Path) -> int:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TRACEHOLD_")
    }
    words = ("demo", str(root / "demo"), "--no-serve", "--json")
    with (root / "figures").open("w") as said, (root / "story").open("w") as story:
        done = subprocess.run(
            [sys.executable, "-m", "tracehold", *words],
            stdout=said,
            stderr=story,
            check=False,
            timeout=_SECONDS,
            env=environment,
        )
    return done.returncode


def figures(workspace: Path) -> dict[str, Any]:
    """What the demo answered: chapters with their seconds, ``case``, ``certificate``, ..."""
    answered: dict[str, Any] = json.loads((workspace.parent / "figures").read_text())
    return answered


def told(workspace: Path) -> str:
    """Everything that the demo wrote on the screen."""
    return "".join((workspace.parent / name).read_text() for name in ("story", "figures"))


def copy_of(workspace: Path, target: Path) -> Path:
    """A copy of the workspace, with its keys, for a test that writes.

    Its governed files are its own; source files go by their absolute names, and so name the
    files of the original.
    """
    return Path(shutil.copytree(workspace, target, symlinks=True))


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one demo workspace; import it into the module of the tests that take it."""
    return demo(tmp_path_factory)
