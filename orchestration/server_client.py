"""Questions that a step asks the Tracehold server. Steps never open the journal or the state."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from lineage.errors import (
    Conflict,
    Denied,
    Fault,
    InvalidInput,
    NegativeVerdict,
    NotFound,
    TraceholdError,
    Unauthenticated,
    Unavailable,
)
from lineage.facts import Json

__all__ = ["Server", "Verdict", "address", "connect"]

_ERRORS: Mapping[int, type[TraceholdError]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: Denied,
    404: NotFound,
    409: Conflict,
    422: NegativeVerdict,
    503: Unavailable,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate answered.

    Attributes:
        allowed: Whether to go on.
        reasons: Why, in words; never empty where it is not allowed.
    """

    allowed: bool
    reasons: tuple[str, ...] = ()

    def explain(self) -> str:
        """The reasons on one line."""
        return "; ".join(self.reasons)


class Server:
    """The HTTP interface of one Tracehold server."""

    def __init__(self, url: str, token: str, *, timeout: float = 60.0) -> None:
        """``timeout`` is in seconds."""
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise InvalidInput("the server's address is no HTTP address", where=url)
        self.url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        # A proxy of the environment must not see the token.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, **params: str) -> Json:
        """Ask a question under ``/api/v1/``.

        Raises:
            TraceholdError: As the server answered, or Unavailable where it did not.
        """
        query = f"?{urllib.parse.urlencode(params)}" if params else ""
        return self._call("GET", f"{path}{query}", None)

    def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """Perform an act or ask a gate under ``/api/v1/``.

        Raises:
            TraceholdError: As the server answered, or Unavailable where it did not.
        """
        return self._call("POST", path, json.dumps(body).encode())

    def require(self) -> None:
        """Make sure that the server answers, before a run is started in vain.

        Raises:
            Unavailable: It does not, or it cannot keep facts.
        """
        try:
            with self._opener.open(f"{self.url}/health", timeout=10):
                return
        except OSError:
            raise Unavailable(
                "the Tracehold server does not answer, or cannot keep facts",
                where=self.url,
                advice="start it with tracehold up, or use tracehold run, which does",
            ) from None

    def may_ingest(self, *, dataset: str, sha256: str) -> Verdict:
        """Whether this content may come in: deleted content that returns is an incident."""
        return _verdict(self.post("gates/ingest", {"dataset": dataset, "sha256": sha256}))

    def _call(self, method: str, path: str, body: bytes | None) -> Json:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            f"{self.url}/api/v1/{path}",
            data=body,
            method=method,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise _answered(error, f"{self.url}/api/v1/{path}") from None
        except OSError:
            raise Unavailable(
                "the Tracehold server cannot be reached",
                where=self.url,
                advice="start it with tracehold up, then run the step again",
            ) from None


def _answered(error: urllib.error.HTTPError, where: str) -> TraceholdError:
    kind = _ERRORS.get(error.code, Fault if error.code == 500 else Unavailable)
    try:
        said = json.loads(error.read())
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    return kind(
        str(said.get("what") or f"the server answered HTTP {error.code}"),
        where=str(said.get("where") or where),
        advice=str(said.get("advice") or ""),
    )


def _verdict(answer: Json) -> Verdict:
    if not isinstance(answer, dict) or "verdict" not in answer:
        raise Fault("the server's gate answered without a verdict")
    reasons = tuple(str(one) for one in answer.get("reasons") or (answer["verdict"],))
    return Verdict(answer["verdict"] == "allowed", reasons)


def address(environ: Mapping[str, str]) -> tuple[str, str]:
    """Address and token of the server, from ``TRACEHOLD_URL`` and ``TRACEHOLD_TOKEN``.

    Raises:
        Unavailable: One of them is not set.
    """
    url, token = environ.get("TRACEHOLD_URL"), environ.get("TRACEHOLD_TOKEN")
    if not url or not token:
        raise Unavailable(
            "the step does not know its Tracehold server",
            where="environment variables TRACEHOLD_URL and TRACEHOLD_TOKEN",
            advice="use tracehold run, which sets them, or set them from tracehold up --json",
        )
    return url, token


def connect(environ: Mapping[str, str]) -> Server:
    """The server that ``TRACEHOLD_URL`` and ``TRACEHOLD_TOKEN`` name.

    Raises:
        Unavailable: One of them is not set.
    """
    return Server(*address(environ))
