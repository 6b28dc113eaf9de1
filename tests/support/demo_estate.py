"""The real demo, run once for all tests of one session, whichever worker asks first."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["complained", "copy_of", "demo", "demo_workspace", "said"]

_SECONDS = 300.0


def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that ``tracehold demo --no-serve`` left behind, with the embedded graph.

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
        said = (root / "said").read_text() + (root / "complained").read_text()
        raise RuntimeError(f"the demo ended with {ended.read_text()}: {said[-4000:]}")
    return root / "demo"


def _run(root: Path) -> int:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TRACEHOLD_")
    }
    with (root / "said").open("w") as said, (root / "complained").open("w") as complained:
        done = subprocess.run(
            [sys.executable, "-m", "tracehold", "demo", str(root / "demo"), "--no-serve"],
            stdout=said,
            stderr=complained,
            check=False,
            timeout=_SECONDS,
            env=environment,
        )
    return done.returncode


def said(workspace: Path) -> Path:
    """The file with what the demo wrote to standard output."""
    return workspace.parent / "said"


def complained(workspace: Path) -> Path:
    """The file with what the demo wrote to standard error."""
    return workspace.parent / "complained"


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
