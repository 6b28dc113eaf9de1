"""Talking to the server of a workspace: acts over HTTP, with a person's token."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

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
    error_kinds,
)
from lineage.facts import Json

__all__ = ["call"]

_BY_STATUS: Final[Mapping[int, type[TraceholdError]]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: Denied,
    404: NotFound,
    409: Conflict,
    422: NegativeVerdict,
    500: Fault,
    503: Unavailable,
}
_SECONDS: Final = 600.0
"""A deletion reads every file back, so acts may take long."""


def call(
    url: str,
    token: str,
    path: str,
    *,
    body: Mapping[str, Json] | bytes | None = None,
    query: Mapping[str, str] | None = None,
    timeout: float = _SECONDS,
) -> Json:
    """Perform an act (with a body) or ask a question (without).

    Args:
        url: Address of the server.
        token: Of the person who acts.
        path: Below ``/api/v1/``.
        body: Fields of an act; JSON that is written already as bytes.
        query: Parameters of a question.
        timeout: Seconds.

    Raises:
        TraceholdError: As the server answered.
        Unavailable: It did not answer.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise InvalidInput(
            "this is no HTTP address", where=url, advice="write it in full: http://HOST:PORT"
        )
    suffix = f"?{urlencode(query)}" if query else ""
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
        f"{url}/api/v1/{path}{suffix}",
        data=body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
        method="GET" if body is None else "POST",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        # A proxy of the environment must not see the token of a server on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise _answered(error, url) from None
    except (OSError, ValueError):
        raise Unavailable(
            "the server does not answer", where=url, advice="look at .tracehold/server.log"
        ) from None


def _answered(error: urllib.error.HTTPError, url: str) -> TraceholdError:
    try:
        said = json.loads(error.read())
    except (OSError, ValueError):
        said = None
    if not isinstance(said, dict):
        said = {}
    fallback = _BY_STATUS.get(error.code, InvalidInput if error.code < 500 else Unavailable)
    kind = error_kinds().get(str(said.get("code")), fallback)
    if not issubclass(kind, fallback):
        kind = fallback
    return kind(
        str(said.get("what") or f"the server answered HTTP {error.code}"),
        where=str(said.get("where") or ("" if said else url)),
        advice=str(said.get("advice") or ""),
    )
