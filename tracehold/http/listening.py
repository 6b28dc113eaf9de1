"""Listening on a socket and saying so: shared by the server and the relay."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from lineage.errors import Unavailable

__all__ = ["Answering", "listen", "url_of"]

_DRAIN_SECONDS: Final = 10


class Answering(uvicorn.Server):
    """Serves an application, and says when it answers."""

    def __init__(self, app: Any, answering: Callable[[], None]) -> None:
        """``answering`` is called once, when requests are answered."""
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                ws="none",
                timeout_keep_alive=30,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                backlog=2048,
                proxy_headers=False,
            )
        )
        self._answering = answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._answering()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address; port 0 picks a free one.

    Raises:
        Unavailable: It is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise Unavailable(
            "the port cannot be used",
            where=f"{host}:{port}",
            advice="another program has it: choose one with --port, or --port 0 for any",
        ) from None
    listener.set_inheritable(False)
    return listener


def url_of(host: str, listener: socket.socket) -> str:
    """The address at which this machine reaches a bound socket."""
    port = listener.getsockname()[1]
    name = "127.0.0.1" if host in ("0.0.0.0", "localhost") else host  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
