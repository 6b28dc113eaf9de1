"""A relay as a process of its own, and a far server that answers as told."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
from running_server import Client

__all__ = ["FarServer", "RunningRelay", "batch_answer", "far_server", "relaying"]

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


def batch_answer(statuses: Sequence[int]) -> tuple[int, bytes]:
    """What a server says of a batch, had it answered so to each of its events alone."""
    failed = [(place, status) for place, status in enumerate(statuses) if status != 201]
    if failed and all(status >= 500 for status in statuses):
        return failed[0][1], b""
    said = {
        "summary": {"received": len(statuses), "successful": len(statuses) - len(failed)},
        "failed_events": [{"index": place, "retriable": s >= 500} for place, s in failed],
    }
    return 200, json.dumps(said).encode()


Reply = Callable[["FarServer", bytes], tuple[int, dict[str, str]]]


def _events(packed: bytes) -> list[bytes]:
    events = msgspec.json.decode(gzip.decompress(packed), type=list[msgspec.Raw])
    return [gzip.compress(bytes(event)) for event in events]


class FarServer:
    """What it heard: (token, packed event), in order, also in batches; and how it answers."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.heard: list[tuple[str, bytes]] = []
        self.news = threading.Condition()
        self.url = ""
        self.batches = 0

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
            batch = self.path.endswith("/batch")
            events = _events(body) if batch else [body]
            with far.news:
                replies = [far.reply(far, event) for event in events]
                far.batches += batch
                far.heard += [(self.headers["Authorization"], event) for event in events]
                far.news.notify_all()
            (status, headers), answer = replies[0], b""
            if batch:
                status, answer = batch_answer([one for one, _ in replies])
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

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
