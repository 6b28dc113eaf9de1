"""The far server, over one connection that stays open."""

from __future__ import annotations

import http.client
import ssl
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from lineage.errors import InvalidInput

__all__ = ["Answer", "Target"]

_SECONDS: Final = 30.0
_PATH: Final = "/api/v1/lineage"
_MOST_READ: Final = 1024 * 1024


class Answer(NamedTuple):
    """What the far server said.

    Attributes:
        status: HTTP status; 0 where it did not answer.
        retry_after: Seconds that it asked to wait; 0 where it named none.
        body: What else it said, the first MiB.
    """

    status: int
    retry_after: float = 0.0
    body: bytes = b""


class Target:
    """Posts events to one server. For one thread; never follows a redirect with a token."""

    def __init__(self, url: str, *, seconds: float = _SECONDS) -> None:
        """``url`` is the server's, without the path of the interface; nothing is sent yet.

        Raises:
            InvalidInput: It is no address of an HTTP server.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.scheme not in ("http", "https") or parts.query or parts.username:
            raise InvalidInput(
                "this is no address of an HTTP server",
                where=url.rpartition("@")[2],
                advice="name it like https://lineage.example.org",
            )
        self._path = parts.path.rstrip("/").removesuffix(_PATH) + _PATH
        self._connection = (
            http.client.HTTPSConnection(
                host, port, timeout=seconds, context=ssl.create_default_context()
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=seconds)
        )

    def post(self, packed: bytes, token: str) -> Answer:
        """Send an event (gzip, RFC 1952) in the name of a token; the answer says how it went."""
        return self._post_twice(self._path, packed, token)

    def post_batch(self, packed: bytes, token: str) -> Answer:
        """Send an array of events; the body of the answer says how each went."""
        return self._post_twice(f"{self._path}/batch", packed, token)

    def _post_twice(self, path: str, packed: bytes, token: str) -> Answer:
        kept = self._connection.sock is not None
        try:
            return self._post(path, packed, token)
        except (OSError, http.client.HTTPException):
            self._connection.close()
        if not kept:
            return Answer(0)
        # A server closes what was idle for long; that says nothing about how it is now.
        try:
            return self._post(path, packed, token)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Answer(0)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _post(self, path: str, packed: bytes, token: str) -> Answer:
        self._connection.request(
            "POST",
            path,
            packed,
            {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Content-Encoding": "gzip",
                "User-Agent": "tracehold-relay",
            },
        )
        answer = self._connection.getresponse()
        body = answer.read(_MOST_READ)
        if not answer.isclosed():
            self._connection.close()
        return Answer(answer.status, _seconds(answer.getheader("Retry-After")), body)


def _seconds(header: str | None) -> float:
    """``Retry-After`` in seconds (RFC 9110 §10.2.3); its form with a date is not heeded."""
    return float(header) if header and header.isascii() and header.isdigit() else 0.0
