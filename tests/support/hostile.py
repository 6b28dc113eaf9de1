"""Sending what no client should send, and looking at what is left of the server."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from running_server import Client, RunningServer

from lineage.state.store import open_state
from tracehold.registry import STATE
from tracehold.settings import load

__all__ = ["LINEAGE", "MIB", "PEAK", "Hostile", "bomb", "event", "named", "pieces"]

LINEAGE = "/api/v1/lineage"
MIB = 1024 * 1024
PEAK = 1024 * MIB
"""The server never has more memory than this, whatever is sent."""
_numbers = iter(range(1, 1 << 30))


def event(**members: Any) -> dict[str, Any]:
    """A well-formed event of its own run; members replace or add."""
    number = next(_numbers)
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "producer": "https://example.org/hostile",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": f"00000000-0000-4000-8000-{number:012d}"},
        "job": {"namespace": "hostile", "name": f"job_{number}"},
    } | members


def named(*names: str, namespace: str = "hostile") -> list[dict[str, Any]]:
    """Datasets of these names."""
    return [{"namespace": namespace, "name": name} for name in names]


def bomb(size: int, byte: bytes = b" ") -> bytes:
    """A gzip body that unpacks to ``size`` bytes of one kind."""
    return gzip.compress(byte * size, 9)


def pieces(size: int, start: bytes = b"") -> Iterator[bytes]:
    """A body of ``size`` bytes in pieces, never whole in memory here."""
    yield start
    piece = b" " * 65_536
    for _ in range((size - len(start)) // len(piece)):
        yield piece


@dataclass
class Hostile:
    """A server under fire.

    Attributes:
        server: The server.
        receipts: Of what it took.
    """

    server: RunningServer
    receipts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(self.server.url, self.server.token)

    def close(self) -> None:
        self.client.close()

    def post(self, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Send a body, in chunks where it is an iterator, on a connection of its own."""
        address = urlsplit(self.server.url)
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
        try:
            chunked = not isinstance(body, bytes)
            connection.request("POST", LINEAGE, body, sent, encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def take(self, body: Any, **headers: str) -> dict[str, Any]:
        """Send what must be taken; returns the fact as it is given back."""
        status, told = self.post(body, **headers)
        assert status == 201, told
        self.receipts.append(told["receipt"])
        return self.fact(told["receipt"])

    def refuse(self, body: Any, status: int, code: str, **headers: str) -> dict[str, Any]:
        """Send what must be refused, without a trace in journal or state."""
        before = self.standing()
        got, told = self.post(body, **headers)
        assert (got, told.get("code")) == (status, code), told
        assert told["what"]
        assert told["advice"]
        assert self.standing() == before
        return told

    def fact(self, receipt: str) -> dict[str, Any]:
        """A fact as it is given back."""
        told = self.client.json("/api/v1/fact", id=receipt)
        assert isinstance(told, dict)
        return told

    def codes(self, fact: dict[str, Any]) -> set[str]:
        """The findings of a fact."""
        return {one["code"] for one in fact["findings"]}

    def ask(self, name: str, **query: Any) -> Any:
        """Ask, once everything that was taken is folded."""
        self.settled()
        return self.client.json(f"/api/v1/{name}", **query)

    def settled(self, seconds: float = 60.0) -> dict[str, Any]:
        """The health of the server, once its state is up to date."""
        until = time.monotonic() + seconds
        while True:
            health = self.client.json("/health")
            assert isinstance(health, dict)
            if not health["lag"]:
                assert health["status"] == "ok", health
                return health
            assert time.monotonic() < until, health
            time.sleep(0.02)

    def standing(self) -> tuple[int, str]:
        """Facts in the journal, and the digest of the state that they fold to."""
        facts = int(self.settled()["journal"])
        state = open_state(self.data / STATE, read_only=True)
        try:
            return facts, state.digest()
        finally:
            state.close()

    def stuck(self) -> list[tuple[str, str]]:
        """What the fold could not fold: (cause, kind)."""
        self.settled()
        state = open_state(self.data / STATE, read_only=True)
        try:
            return [(cause, kind) for _, cause, kind, _ in state.stuck()]
        finally:
            state.close()

    @property
    def data(self) -> Path:
        """The data folder of the workspace."""
        return load(self.server.workspace).storage.data

    def peak_bytes(self) -> int:
        """The most memory that the server ever had (Linux)."""
        return self.server.peak_bytes()

    def raw(self, text: bytes, *, close: bool = True) -> bytes:
        """Send bytes as they are over a socket; returns what comes back until it is closed."""
        address = urlsplit(self.server.url)
        with socket.create_connection((address.hostname, address.port), timeout=60) as wire:
            wire.sendall(text)
            if close:
                wire.shutdown(socket.SHUT_WR)
            back = b""
            while piece := wire.recv(65_536):
                back += piece
                if not close:
                    break
            return back
