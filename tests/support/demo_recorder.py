"""A server that keeps what steps send and answers their gates as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ALLOWED = {"verdict": "allowed", "allowed": True}


class Recorder:
    """What came in, and how to answer.

    Attributes:
        events: Every event once, in order of arrival; the same bytes again are no event.
        asked: Path and body of every gate.
        refuse: Gate to verdict, where it is not ``allowed``.
        broken: How many of the next requests with events to answer with 503.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refuse: dict[str, dict[str, Any]] = {}
        self.broken = 0
        self.url = ""

    def of(self, job: str, state: str = "COMPLETE") -> list[dict[str, Any]]:
        """The events of one job in one state."""
        return [
            one for one in self.events if one["job"]["name"] == job and one["eventType"] == state
        ]


@contextmanager
def recording() -> Iterator[Recorder]:
    """A recorder on a free port of the loopback."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers.get("Authorization") != "Bearer secret":
                return self._answer(401, {"what": "the token is not known"})
            if self.path.startswith("/api/v1/lineage"):
                if recorder.broken:
                    recorder.broken -= 1
                    return self._answer(503, {})
                events = body if self.path.endswith("/batch") else [body]
                recorder.events += [one for one in events if one not in recorder.events]
                return self._answer(201, {})
            gate = self.path.removeprefix("/api/v1/")
            recorder.asked.append((gate, body))
            return self._answer(200, recorder.refuse.get(gate, _ALLOWED))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
