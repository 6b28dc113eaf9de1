"""Workspaces and an application under test: the real services, asked in process over ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec

from lineage.clock import Clock
from tracehold.acts import perform
from tracehold.bootstrap import open_services
from tracehold.http.app import create_app
from tracehold.services import Services
from tracehold.settings import Settings, load
from tracehold.workspace import init, read_token

__all__ = ["HOST", "Api", "Clockwork", "ask_raw", "complete", "services_of", "workspace"]

HOST = "127.0.0.1:5005"
START = 1_772_000_000_000


class Clockwork:
    """A clock that stands still between two steps of a millisecond, and can be set ahead."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1
        return self.now


def workspace(
    folder: Path, *, clock: Clock | None = None, samples: Mapping[str, str] | None = None
) -> Settings:
    """A new workspace."""
    init(folder, name="shop", samples=samples, clock=clock or Clockwork())
    return load(folder, environ={})


@contextmanager
def services_of(settings: Settings, *, clock: Clock | None = None) -> Iterator[Services]:
    """The services of a workspace, opened for writing."""
    with open_services(settings, write=True, clock=clock or Clockwork(START + 1_000)) as services:
        services.serving = True
        yield services


@dataclass
class Api:
    """The application, asked without a socket.

    Attributes:
        services: What it runs on.
        settings: Of the workspace.
    """

    services: Services
    settings: Settings

    def __post_init__(self) -> None:
        self.app = create_app(self.services)

    def token(self, person: str = "admin") -> str:
        """The token that ``init`` kept for a person."""
        return read_token(self.settings, person)

    def hire(self, name: str, *roles: str, **more: Any) -> str:
        """Add a person; returns the token."""
        admin = self.services.people.by_token(self.token())
        added = perform(
            self.services, admin, "person.add", {"name": name, "roles": list(roles), **more}
        )
        return str(added["token"])

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        content: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request; ``content`` may be an async iterator, which is sent in chunks."""
        sent = {"host": HOST, **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if json is not None:
            content = msgspec.json.encode(json)

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, content=content, headers=sent)

        return asyncio.run(ask())


def ask_raw(api: Api, path: str, *, token: str = "") -> tuple[int, bytes]:
    """GET a path as it stands, as a server hands it over; clients would tidy it up."""
    headers = [(b"host", HOST.encode())]
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(target),
        "raw_path": target.encode("latin-1"),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "server": ("127.0.0.1", 5005),
        "client": ("127.0.0.1", 1),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(api.app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def complete(job: str = "load", *, namespace: str = "shop", number: int = 1) -> dict[str, Any]:
    """A small COMPLETE event."""
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-02-01T12:00:00Z",
        "producer": "https://example.org/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": f"00000000-0000-4000-8000-{number:012d}"},
        "job": {"namespace": namespace, "name": job},
        "inputs": [{"namespace": namespace, "name": f"raw_{number}"}],
        "outputs": [{"namespace": namespace, "name": f"clean_{number}"}],
    }
