"""A Neo4j that a test has for itself: to be killed, started again, and set back to what it was."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from running_server import lasting_port

from lineage.errors import Conflict
from tracehold.neo4j import LocalNeo4j, start, status, stop

__all__ = ["Neo4jHome"]


class Neo4jHome:
    """One folder with a Neo4j, always on the same port; gone at the end of a ``with`` block.

    A start takes 5 to 10 seconds, a kill none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder.with_name(folder.name + "-kept")
        self._port = lasting_port()
        self.server: LocalNeo4j | None = None

    def start(self) -> LocalNeo4j:
        """Start it, as it was left; returns once it answers."""
        until = time.monotonic() + 30
        while True:
            try:
                self.server = start(self._folder, port=self._port)
            except Conflict:
                # The threads of a killed process hold its port a moment longer.
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return self.server

    def environment(self) -> dict[str, str]:
        """Settings of a workspace that mirrors into it."""
        assert self.server is not None
        return {
            "TRACEHOLD_GRAPH_URL": self.server.url,
            "TRACEHOLD_GRAPH_USER": self.server.user,
            "TRACEHOLD_GRAPH_PASSWORD": self.server.password,
        }

    def kill(self) -> None:
        """End it without a chance to clean up; returns once it is gone."""
        assert self.server is not None
        os.kill(self.server.pid, signal.SIGKILL)
        while status(self._folder) is not None:
            try:
                os.waitpid(self.server.pid, os.WNOHANG)
            except ChildProcessError:
                # Another thread of ours has collected it, or it was never ours.
                time.sleep(0.01)

    def keep(self) -> None:
        """Stop it, and keep a copy of what it holds, as a backup would."""
        stop(self._folder)
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self._folder / "data", self._kept)

    def restore(self) -> None:
        """End it, and set it back to what was kept."""
        self.kill()
        shutil.rmtree(self._folder / "data")
        shutil.copytree(self._kept, self._folder / "data")

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stop(self._folder, deadline_seconds=0)
