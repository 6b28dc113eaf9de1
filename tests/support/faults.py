"""Faults in single system calls: which there are, and a player that meets one of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services import CHECKOUT

__all__ = ["FAULTS", "Answer", "Player", "Point", "build_shim", "player"]

_SUPPORT = Path(__file__).resolve().parent
_WRITES = frozenset({"write", "pwrite", "pwrite64"})
FAULTS = ("EIO", "ENOSPC", "SIGKILL", "short write", "torn write")


def build_shim(folder: Path) -> Path | None:
    """Compile the library that injects faults; None without a C compiler or off Linux."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or not sys.platform.startswith("linux"):
        return None
    library = folder / "fault_shim.so"
    source = _SUPPORT / "fault_shim.c"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", library, source, "-ldl"], check=True
    )
    return library


@dataclass(frozen=True)
class Point:
    """One system call of a play.

    Attributes:
        number: Its place in the order of calls, from 1.
        call: Its name.
        path: On which file, below the folder of the play.
    """

    number: int
    call: str
    path: str

    def faults(self) -> tuple[str, ...]:
        """What can go wrong in this call: only a write can be cut short, a read has no space."""
        if self.call in _WRITES:
            return FAULTS
        return ("EIO",) if self.call in ("read", "pread64") else FAULTS[:3]


@dataclass(frozen=True)
class Answer:
    """What a play said.

    Attributes:
        said: In order.
        killed: Whether it was killed.
    """

    said: Sequence[dict[str, Any]]
    killed: bool

    def all(self, name: str) -> list[Any]:
        """What it said under a name."""
        return [one[name] for one in self.said if name in one]

    def outcome(self) -> str:
        """How it ended, in a line without names or numbers of this very run."""
        if self.killed:
            return "killed"
        for name in ("fault", "error", "refused"):
            if found := self.all(name):
                return f"{name}: {found[-1]}"
        return "done"


class Player:
    """A process that plays, each time in a fork of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def play(self, play: str, folder: Path, **request: Any) -> Answer:
        """Play once.

        Args:
            play: Name of a function of ``fault_player``.
            folder: The workspace.
            request: ``fault`` and ``at``: which fault in which call; ``log``: where to list the
                calls; ``more``: arguments.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"play": play, "folder": str(folder), **request}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Answer(**json.loads(self._process.stdout.readline()))

    def points(self, play: str, folder: Path, log: Path, **request: Any) -> list[Point]:
        """Play without a fault; returns the calls that it made below the folder."""
        answer = self.play(play, folder, fault="EIO", at=0, log=str(log), **request)
        assert answer.outcome() == "done", answer
        lines = log.read_text().splitlines()
        return [Point(n, *line.split(" ", 1)) for n, line in enumerate(lines, 1)]


@contextmanager
def player(shim: Path) -> Iterator[Player]:
    """A player whose system calls the shim can reach."""
    path = os.pathsep.join((str(CHECKOUT), str(_SUPPORT), os.environ.get("PYTHONPATH", "")))
    with subprocess.Popen(
        [sys.executable, _SUPPORT / "fault_player.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": path},
    ) as process:
        yield Player(process)
        assert process.stdin is not None
        process.stdin.close()
