"""Sending events to a server as fast as it answers, or at a set rate.

The senders share the machine with the server, so they cost as little as Python lets them: sockets
that stay open, requests made before the clock runs, and of an answer only its first and last bytes.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rig import quantile
from running_server import Client, RunningServer

__all__ = ["Sent", "positions", "send", "timed", "wait_for", "wait_for_search"]

_DEADLINE_SECONDS = 900.0
_PAUSE_SECONDS = 0.02
_ANSWER_BYTES = 65_536


@dataclass(frozen=True)
class Sent:
    """How a load went.

    Attributes:
        events: How many were answered 201.
        seconds: From the first request to the last answer.
        cpu: CPU seconds of the server's process meanwhile, all threads.
        waits: Seconds per event from when it was due to its answer.
    """

    events: int
    seconds: float
    cpu: float
    waits: Sequence[float]

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per event."""
        return self.cpu / self.events * 1e3

    def wait_ms(self, share: float) -> float:
        """Milliseconds that a share of the events did not wait longer than."""
        return quantile(self.waits, share) * 1e3


def send(
    server: RunningServer, bodies: Sequence[bytes], *, senders: int, rate: float | None = None
) -> Sent:
    """Send every event and wait for its answer.

    Args:
        server: Where to.
        bodies: The events; each sender takes every n-th one, so that their order almost holds.
        senders: Connections.
        rate: Events per second all together; None for as fast as they are answered. An event that
            its sender could not send in time counts as waiting from when it was due.

    Raises:
        SystemExit: An event was not answered 201.
    """
    address = urlsplit(server.url)
    assert address.hostname
    assert address.port
    where = (address.hostname, address.port)
    requests = [_request(address.netloc, server.token, body) for body in bodies]
    waits: list[float] = []
    refused: list[bytes] = []
    gate = threading.Barrier(senders + 1)
    began = 0.0

    def run(first: int) -> None:
        mine: list[float] = []
        with socket.create_connection(where, timeout=_DEADLINE_SECONDS) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gate.wait()
            for number in range(first, len(requests), senders):
                due = time.perf_counter()
                if rate is not None:
                    due = began + number / rate
                    time.sleep(max(0.0, due - time.perf_counter()))
                connection.sendall(requests[number])
                answer = _answer(connection)
                mine.append(time.perf_counter() - due)
                if not answer.startswith(b"HTTP/1.1 201"):
                    refused.append(answer)
                    break
        waits.extend(mine)

    threads = [threading.Thread(target=run, args=(first,)) for first in range(senders)]
    for thread in threads:
        thread.start()
    cpu = server.cpu_seconds()
    began = time.perf_counter()
    gate.wait()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if refused:
        raise SystemExit(f"the server refused an event: {refused[0][:500]!r}")
    return Sent(len(bodies), seconds, server.cpu_seconds() - cpu, waits)


def _request(host: str, token: str, body: bytes) -> bytes:
    head = (
        f"POST /api/v1/lineage HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tracehold-bench\r\n"
        f"Accept: */*\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _answer(connection: socket.socket) -> bytes:
    """One answer; its body is an object, and ends with the brace that closes it."""
    answer = connection.recv(_ANSWER_BYTES)
    while answer and not answer.endswith(b"}"):
        more = connection.recv(_ANSWER_BYTES)
        if not more:
            break
        answer += more
    return answer


def timed(client: Client, path: str, **query: str | int) -> tuple[float, Any]:
    """Seconds until the last byte of an answer was received, and the answer, read afterwards.

    Raises:
        SystemExit: It was refused.
    """
    began = time.perf_counter()
    status, body = client.get(path, **query)
    seconds = time.perf_counter() - began
    if status != 200:
        raise SystemExit(f"GET {path} {query}: {status} {body[:500]!r}")
    return seconds, json.loads(body)


def positions(client: Client) -> dict[str, int]:
    """How far journal, state and mirror are."""
    health = client.json("/health")
    journal = int(health["journal"])
    lag = (health.get("mirror") or {}).get("lag")
    return {
        "journal": journal,
        "state": journal - int(health["lag"]),
        "mirror": -1 if lag is None else journal - int(lag),
    }


def wait_for_search(server: RunningServer) -> None:
    """Return once the index for search is made, which else works beside what is measured.

    Raises:
        SystemExit: It was not within 15 minutes.
    """
    end = time.monotonic() + _DEADLINE_SECONDS
    with closing(server.client()) as client:
        while b"\ntracehold_search_lag 0\n" not in client.get("/metrics")[1]:
            if time.monotonic() > end:
                raise SystemExit("the index for search was not made")
            time.sleep(_PAUSE_SECONDS)


def wait_for(server: RunningServer, what: str, goal: int) -> None:
    """Return once journal, state or mirror reached a position.

    Raises:
        SystemExit: It did not within 15 minutes.
    """
    # A connection that was idle during a load is closed by the server.
    with closing(server.client()) as client:
        end = time.monotonic() + _DEADLINE_SECONDS
        while positions(client)[what] < goal:
            if time.monotonic() > end:
                raise SystemExit(f"the {what} did not reach position {goal}")
            time.sleep(_PAUSE_SECONDS)
