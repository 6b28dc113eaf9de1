"""A relay as a process of its own, and a far server that answers as told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from running_server import Client

__all__ = ["FarServer", "RunningRelay", "far_server", "relaying"]

_SECONDS = 60.0


@dataclass
class RunningRelay:
    """A relay that takes events.

    Attributes:
        url: Its address.
        process: Its process.
    """

    url: str
    process: subprocess.Popen[str]

    def client(self, token: str) -> Client:
        """A connection of its own for the calling thread."""
        return Client(self.url, token)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def relaying(to: str, spool: Path, *words: str | Path, port: int = 0) -> Iterator[RunningRelay]:
    """A relay for a far server, stopped at the end.

    Raises:
        RuntimeError: It did not become ready; carries what it said.
    """
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tracehold", "relay", "--json", "--port", str(port)),
            *("--to", to, "--spool", str(spool), *map(str, words)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    hearing = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    hearing.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait(_SECONDS)
            hearing.join()
            raise RuntimeError(f"relay ended with {process.returncode}: {''.join(said)}")
        yield RunningRelay(json.loads(line)["url"], process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        hearing.join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


Reply = Callable[["FarServer", bytes], tuple[int, dict[str, str]]]


class FarServer:
    """What it heard: (token, packed body), in order; and how it answers."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.heard: list[tuple[str, bytes]] = []
        self.news = threading.Condition()
        self.url = ""

    def await_heard(self, count: int) -> None:
        """Return once it heard so many."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.heard) >= count, timeout=_SECONDS)


@contextmanager
def far_server(reply: Reply = lambda _, __: (201, {})) -> Iterator[FarServer]:
    """An HTTP server that notes what comes and answers as ``reply`` says."""
    far = FarServer(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with far.news:
                status, headers = far.reply(far, body)
                far.heard.append((self.headers["Authorization"], body))
                far.news.notify_all()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        far.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield far
        finally:
            server.shutdown()
            thread.join()
