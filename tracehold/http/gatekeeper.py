"""What every request passes before any route is looked up.

In this order: the ``Host`` and ``Origin`` names are ours (DNS rebinding, CVE-2025-10193), then the
person is known (a bearer token, or the cookie of a session). Only paths that equal a public one
letter by letter pass without a person; whatever is written otherwise is not public (CVE-2024-28255
excluded by *containing*). So a path that does not exist answers 401 to a stranger too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineage.errors import Denied, TraceholdError, Unauthenticated
from tracehold.access import Caller
from tracehold.http.metrics import Metrics
from tracehold.http.problems import answer, fault_answer, log_fault
from tracehold.http.speaking import HEADER, check_client

__all__ = ["COOKIE", "Gatekeeper", "allowed_names"]

COOKIE: Final = "tracehold_session"

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            b"connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
            b"base-uri 'none'"
        ),
    ),
)
_STORE: Final = (b"cache-control", b"no-store")
_SEALS: Final = (*_HEADERS, _STORE)
_SEALED: Final = frozenset(name for name, _ in _SEALS)


def allowed_names(host: str, further: Collection[str]) -> frozenset[str]:
    """The ``Host`` names that are answered: loopback, the bound one, and those configured."""
    return _LOOPBACK | {host.lower()} | {name.lower() for name in further}


class _Headers(dict[bytes, bytes]):
    """The headers of a request by name in small letters, as ASGI gives them."""

    def text(self, name: bytes) -> str | None:
        """The value of a header."""
        value = self.get(name)
        return None if value is None else value.decode("latin-1")


class Gatekeeper:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        by_token: Callable[[str], Caller],
        by_session: Callable[[str], Caller],
        names: Collection[str],
        public: Collection[str],
        public_folders: Collection[str],
        metrics: Metrics,
    ) -> None:
        """The callables raise ``Unauthenticated``; ``public_folders`` end in a slash."""
        self._app = app
        self._by_token = by_token
        self._by_session = by_session
        self._names = frozenset(names)
        self._public = frozenset(public)
        self._folders = tuple(public_folders)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; websockets are not spoken here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def sealed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                status = f"{message['status'] // 100}xx"
                self._metrics.count("tracehold_requests_total", status=status)
                _seal(message)
            await send(message)

        try:
            # Of a header sent twice the first counts.
            headers = _Headers(reversed(scope["headers"]))
            self._check_names(headers)
            refusal = self._identify(scope, headers)
            check_client(headers.text(HEADER))
            await (refusal or self._app)(scope, receive, sealed)
        except TraceholdError as error:
            await answer(error)(scope, receive, sealed)
        except Exception as error:  # noqa: BLE001 - the outermost border of a request
            log_fault(error)
            if not started:
                await fault_answer(error)(scope, receive, sealed)

    def _check_names(self, headers: _Headers) -> None:
        host = headers.text(b"host") or ""
        if _host_name(host) not in self._names:
            raise Denied(
                "the server does not answer to this host name",
                where="header Host",
                advice="use the address it printed, or add the name to server.allowed_hosts",
            )
        origin = headers.text(b"origin")
        if origin is not None and not _is_ours(origin, host):
            raise Denied("the request comes from another site", where="header Origin")

    def _identify(self, scope: Scope, headers: _Headers) -> Response | None:
        raw = scope.get("raw_path", b"").split(b"?", 1)[0].decode("latin-1")
        if self._is_public(raw) and raw == scope["path"]:
            return None
        authorization = headers.text(b"authorization")
        try:
            if authorization is not None:
                scheme, _, token = authorization.partition(" ")
                if scheme.lower() != "bearer" or not token.strip():
                    raise _no_token()
                identify = partial(self._by_token, token.strip())
                person = identify()
            else:
                session = Request(scope).cookies.get(COOKIE)
                if session is None:
                    raise _no_token()
                identify = partial(self._by_session, session)
                person = identify()
                if scope["method"] not in _SAFE and b"origin" not in headers:
                    raise Denied(
                        "a change asked with a cookie must name its origin", where="header Origin"
                    )
        except Unauthenticated:
            if _is_browser(scope, headers) and authorization is None:
                return RedirectResponse("/login", status_code=303)
            raise
        # A body can take its time; what came of the person meanwhile is asked once it is there.
        scope.setdefault("state", {}).update(person=person, identify=identify)
        return None

    def _is_public(self, path: str) -> bool:
        if path in self._public:
            return True
        return (
            path.startswith(self._folders)
            and "/.." not in path
            and "//" not in path
            and not set(path) & set("%;\\")
        )


def _no_token() -> Unauthenticated:
    return Unauthenticated(
        "this needs a token",
        where="header Authorization",
        advice="send `Authorization: Bearer TOKEN`; an admin issues one: tracehold user add NAME",
    )


def _is_browser(scope: Scope, headers: _Headers) -> bool:
    return scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")


def _is_ours(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # The very host and port that was asked, so that another local server is another site.
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _host_name(host: str) -> str:
    """The name in a ``Host`` header, without the port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _seal(message: Message) -> None:
    own = message.get("headers", ())
    present = _SEALED.intersection(name.lower() for name, _ in own)
    seals = [pair for pair in _SEALS if pair[0] not in present] if present else _SEALS
    message["headers"] = [*own, *seals]
