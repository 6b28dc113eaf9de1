"""A real server for tests and measurements: its own workspace, its own process, loopback only."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

__all__ = [
    "Client", "RunningServer", "children_of", "kill_in_start", "lasting_port", "make_workspace",
    "serving",
]  # fmt: skip

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_IDLE_SECONDS = 20.0
"""A server closes a connection that is not used for half a minute."""


def run(*words: str | Path, workspace: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own and keep what it says."""
    command = [sys.executable, "-m", "tracehold", *map(str, words)]
    if workspace is not None:
        command += ["--workspace", str(workspace)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_workspace(folder: Path) -> Path:
    """A fresh workspace with its samples, as ``tracehold init`` makes one."""
    from tracehold.workspace import init

    return init(folder).folder


class Client:
    """One connection to a server, opened again where it lay idle; for one thread."""

    def __init__(self, url: str, token: str, *, seconds: float = 60.0) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "127.0.0.1", address.port, timeout=seconds
        )
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._used = time.monotonic()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send bytes; returns status and answer."""
        return self._ask("POST", path, body)

    def get(self, path: str, **query: str | int) -> tuple[int, bytes]:
        """Ask; returns status and answer."""
        asked = f"{path}?{urlencode(query)}" if query else path
        return self._ask("GET", asked)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self._connection.close()
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        told = answer.status, answer.read()
        self._used = time.monotonic()
        return told

    def json(self, path: str, **query: str | int) -> Any:
        """Ask for an object.

        Raises:
            RuntimeError: The server did not answer 200.
        """
        status, body = self.get(path, **query)
        if status != http.client.OK:
            raise RuntimeError(f"GET {path}: {status} {body[:500]!r}")
        return json.loads(body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that are still there (Linux)."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


def _cpu_seconds(pid: int) -> float:
    text = Path(f"/proc/{pid}/stat").read_text()
    # After the name, which stands in brackets and may hold anything.
    numbers = text.rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@dataclass
class RunningServer:
    """A server that answers.

    Attributes:
        url: Its address on loopback.
        token: A token that may send events and ask.
        graph: What answers questions, as the server says it.
        process: Its process.
        workspace: The folder it serves.
        said: What it printed to standard error so far.
    """

    url: str
    token: str
    graph: Any
    process: subprocess.Popen[str]
    workspace: Path
    said: list[str] = field(default_factory=list)

    def client(self) -> Client:
        """A connection of its own for the calling thread."""
        return Client(self.url, self.token)

    def cpu_seconds(self) -> float:
        """CPU time that the server has used, with the process that folds, in seconds (Linux)."""
        return sum(map(_cpu_seconds, self.processes()))

    def resident_bytes(self) -> int:
        """Memory of the server that is in use now, with the process that folds (Linux)."""
        return sum(map(_resident_bytes, self.processes()))

    def peak_bytes(self) -> int:
        """At most the memory that the server ever had: the sum of its processes' peaks (Linux)."""
        return sum(map(_peak_bytes, self.processes()))

    def processes(self) -> list[int]:
        """The server's process and those that it started (Linux)."""
        return [self.process.pid, *children_of(self.process.pid)]

    def kill(self) -> None:
        """End it without a chance to clean up, as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=_STOP_SECONDS)


def kill_in_start(workspace: Path, seconds: float) -> None:
    """Start a server and kill it so many seconds later, whether it answers by then or not."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tracehold", "up", "--json", "--port", "0"),
            *("--workspace", str(workspace)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def serving(
    workspace: Path,
    *,
    environment: Mapping[str, str] | None = None,
    port: int = 0,
    command: Sequence[str | Path] = ("-m", "tracehold", "up"),
) -> Iterator[RunningServer]:
    """A server for a workspace, stopped at the end.

    Args:
        workspace: A folder that ``tracehold init`` made.
        environment: Settings beside those of the calling process.
        port: Where it listens; 0 for any free port.
        command: What Python runs, if not ``tracehold up``; it takes the same options.

    Raises:
        RuntimeError: It did not become ready; carries what it said.
    """
    process = subprocess.Popen(
        [
            *(sys.executable, *map(str, command), "--json", "--port", str(port)),
            *("--workspace", str(workspace)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    said: list[str] = []
    hearing = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    hearing.start()
    impatient = threading.Timer(_START_SECONDS, process.kill)
    impatient.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        impatient.cancel()
        if not line:
            process.wait()
            hearing.join()
            raise RuntimeError(f"up ended with {process.returncode}: {''.join(said)}")
        told = json.loads(line)
        yield RunningServer(told["url"], told["token"], told.get("graph"), process, workspace, said)
    finally:
        impatient.cancel()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        hearing.join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def lasting_port() -> int:
    """A free port that no outgoing connection takes while nobody listens there."""
    for port in random.sample(range(20_000, 32_000), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port below the ephemeral ones")
