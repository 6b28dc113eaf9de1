"""Events on their way to a Tracehold server, in batches, until each has an answer.

What the server answered 2xx is durable there. What it can never take is a `Refusal`, by name; what
it could not take now is an error, and everything is sent again: the same bytes count once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tracehold_dagster import skew
from tracehold_dagster.errors import Misconfigured, NotAllowed, Unreachable

if TYPE_CHECKING:
    import requests

__all__ = ["Delivery", "Refusal", "Sender", "encode"]

_BATCH: Final = "lineage/batch"
_SINGLE: Final = "lineage"
_EVENTS: Final = 500
_BYTES: Final = 4 * 1024 * 1024
_TOO_MUCH: Final = frozenset({400, 413, 422})
"""Answers to a batch that a part of it may not get."""
_NOT_ALLOWED: Final = frozenset({"denied", "unauthenticated"})


def encode(event: Mapping[str, Any]) -> bytes:
    """The bytes of an event; the server knows a repetition by them, so there is one way only."""
    return json.dumps(event, separators=(",", ":"), sort_keys=True).encode("ascii")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that the server will never take.

    Attributes:
        job: Name of its job or dataset.
        reason: What the server said.
    """

    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of events.

    Attributes:
        taken: How many the server has made durable.
        duplicates: How many of those it had before.
        refused: Those it will never take.
    """

    taken: int = 0
    duplicates: int = 0
    refused: tuple[Refusal, ...] = ()

    def __add__(self, other: Delivery) -> Delivery:
        return Delivery(
            self.taken + other.taken,
            self.duplicates + other.duplicates,
            self.refused + other.refused,
        )


class Sender:
    """The HTTP interface of one Tracehold server, over a connection that stays open."""

    def __init__(self, url: str, token: str | None, *, timeout: float = 30.0) -> None:
        """``timeout`` is in seconds, for each request.

        Raises:
            Misconfigured: The address is no HTTP address.
        """
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Misconfigured(
                "the address of the Tracehold server is no HTTP address",
                where=url,
                advice="set TRACEHOLD_URL, for example http://127.0.0.1:8765",
            )
        self.url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._batches = True
        self._session: requests.Session | None = None

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def send(self, events: Sequence[Mapping[str, Any]]) -> Delivery:
        """Send events and wait until each has an answer that holds.

        Raises:
            Unreachable: The server cannot be reached or cannot keep them now.
            VersionSkew: It does not understand this release.
            NotAllowed: The token is not accepted, or not for a namespace of an event.
        """
        done = Delivery()
        for some in _batches([encode(event) for event in events]):
            done += self._send(some)
        return done

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Ask the server something under ``/api/v1/``; returns status and answer.

        Raises:
            Unreachable: It cannot be reached, or answers 5xx.
            VersionSkew: It does not understand this release.
            NotAllowed: The token is not accepted, or not for this.
        """
        return self._call(method, path, None if body is None else json.dumps(body).encode())

    def _send(self, events: Sequence[bytes]) -> Delivery:
        if not self._batches or len(events) == 1:
            return sum((self._send_one(event) for event in events), Delivery())
        status, answer = self._call("POST", _BATCH, b"[" + b",".join(events) + b"]")
        if status == 404:
            self._batches = False
            return self._send(events)
        if status in _TOO_MUCH:
            middle = len(events) // 2
            return self._send(events[:middle]) + self._send(events[middle:])
        if not 200 <= status < 300:
            raise self._strange(status)
        summary = answer.get("summary", {}) if isinstance(answer, dict) else {}
        failed = answer.get("failed_events", ()) if isinstance(answer, dict) else ()
        refused = []
        for one in failed:
            if one.get("retriable"):
                raise Unreachable(
                    "the Tracehold server cannot keep events now", where=self.url, advice=_LATER
                )
            if one.get("code") in _NOT_ALLOWED:
                raise self._not_allowed(str(one.get("reason")))
            refused.append(_refusal(events[one["index"]], one.get("reason"), one.get("where")))
        return Delivery(
            len(events) - len(refused), int(summary.get("duplicates", 0)), tuple(refused)
        )

    def _send_one(self, event: bytes) -> Delivery:
        status, answer = self._call("POST", _SINGLE, event)
        said = answer if isinstance(answer, dict) else {}
        if 200 <= status < 300:
            return Delivery(1, int(bool(said.get("duplicate"))))
        # What stands between may say the same, and does not say it for good.
        if status in _TOO_MUCH and "what" in said:
            return Delivery(refused=(_refusal(event, said.get("what"), said.get("where")),))
        raise self._strange(status)

    def _call(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        import requests

        if self._session is None:
            self._session = _session(self._token)
        try:
            answer = self._session.request(
                method,
                f"{self.url}/api/v1/{path}",
                data=body,
                timeout=self._timeout,
                allow_redirects=False,  # the token is for this server
            )
        except requests.RequestException:
            self.close()
            raise Unreachable(
                "the Tracehold server cannot be reached", where=self.url, advice=_LATER
            ) from None
        try:
            said = answer.json()
        except ValueError:
            said = None
        status = answer.status_code
        skew.check(status, said, self.url)
        if status in {401, 403}:
            raise self._not_allowed(said.get("what") if isinstance(said, dict) else None)
        if status == 429 or status >= 500:
            raise Unreachable(
                f"the Tracehold server answered HTTP {status}", where=self.url, advice=_LATER
            )
        return status, said

    def _not_allowed(self, reason: str | None) -> NotAllowed:
        return NotAllowed(
            reason or "the Tracehold server does not accept the token",
            where=self.url,
            advice="set TRACEHOLD_TOKEN to a token with the role producer for these namespaces",
        )

    def _strange(self, status: int) -> Unreachable:
        return Unreachable(
            f"what answers is no Tracehold server (HTTP {status})",
            where=self.url,
            advice="set TRACEHOLD_URL to the address that tracehold up prints",
        )


_LATER: Final = "nothing is lost, it is sent again; start it with tracehold up if it is down"


def _session(token: str | None) -> requests.Session:
    import requests

    session = requests.Session()
    # A proxy of the environment must not see the token; certificates of a company may be used.
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.headers.update({"Content-Type": "application/json", "Accept": "application/json"})
    session.headers[skew.HEADER] = skew.said()
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return session


def _batches(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    begin = size = 0
    for place, event in enumerate(events):
        if place > begin and (place - begin == _EVENTS or size + len(event) > _BYTES):
            yield events[begin:place]
            begin, size = place, 0
        size += len(event)
    if events:
        yield events[begin:]


def _refusal(event: bytes, reason: object, where: object) -> Refusal:
    read = json.loads(event)
    name = (read.get("job") or read.get("dataset") or {}).get("name", "")
    return Refusal(str(name), f"{reason or 'refused'}" + (f" ({where})" if where else ""))
