"""``POST /api/v1/lineage`` of a relay: 201 as soon as the event is on this machine's disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lineage.clock import Clock
from lineage.errors import Denied, TraceholdError, Unauthenticated
from tracehold.http.body import Budget, read_body
from tracehold.http.metrics import CONTENT_TYPE, Metrics, render
from tracehold.http.problems import answer, framework_answer
from tracehold.relay.forwarding import Forwarder
from tracehold.relay.spool import Arrival, Spool, pack

__all__ = ["Intake", "create_intake"]

_NAMES: Final = ("127.0.0.1", "localhost")
_IN_FLIGHT: Final = 8
_SMALL: Final = 64 * 1024
"""Up to this size packing an event takes less time than handing it to another thread."""


class Intake:
    """Takes events into the spool: all that wait for the disk share one sync."""

    def __init__(
        self,
        spool: Spool,
        metrics: Metrics,
        *,
        limit: int,
        own_token: bool,
        clock: Clock,
        news: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            spool: Keeps the events.
            metrics: Counted in.
            limit: Most bytes of one event, unpacked.
            own_token: Whether the relay sends in its own name; senders then need no token.
            clock: Epoch milliseconds.
            news: Called once something was kept.
        """
        self._spool = spool
        self._metrics = metrics
        self._limit = limit
        self._own_token = own_token
        self._clock = clock
        self._news = news
        self._budget = Budget(_IN_FLIGHT * limit)
        self._waiting: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._keeper: asyncio.Task[None] | None = None

    async def receive(self, request: Request) -> Response:
        """Take one event."""
        try:
            await self._receive(request)
        except TraceholdError as error:
            self._metrics.count("tracehold_relay_received_total", outcome=error.code)
            raise
        self._metrics.count("tracehold_relay_received_total", outcome="kept")
        return JSONResponse({"relayed": True}, 201)

    async def _receive(self, request: Request) -> None:
        # A page in a browser may post here, but cannot hide that it does.
        if "origin" in request.headers:
            raise Denied("the request comes from a page", where="header Origin")
        token = "" if self._own_token else _token(request)
        with self._budget.share() as share:
            event = await read_body(request, limit=self._limit, share=share)
            packed = pack(event) if len(event) <= _SMALL else await run_in_threadpool(pack, event)
            kept = asyncio.get_running_loop().create_future()
            self._waiting.append((Arrival(packed, token, self._clock()), kept))
            if self._keeper is None:
                self._keeper = asyncio.create_task(self._keep())
            await kept
        self._news()

    async def _keep(self) -> None:
        while batch := self._waiting:
            self._waiting = []
            error = await run_in_threadpool(self._put, [arrival for arrival, _ in batch])
            for _, kept in batch:
                if kept.done():
                    continue
                if error is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(error)
        self._keeper = None

    def _put(self, arrivals: Sequence[Arrival]) -> Exception | None:
        try:
            self._spool.put(arrivals)
        except Exception as error:  # noqa: BLE001 - every sender of the batch is told
            return error
        return None


def create_intake(
    intake: Intake, spool: Spool, forwarder: Forwarder, metrics: Metrics, clock: Clock
) -> Starlette:
    """The relay's routes: events, and how it is doing. All names in answers are ours.

    Args:
        intake: Takes events.
        spool: Asked what waits.
        forwarder: Asked whether the far server answers.
        metrics: Shown, with gauges beside them.
        clock: Epoch milliseconds.
    """

    def gauges() -> dict[str, float]:
        held = spool.figures()
        since = 0 if held.oldest is None else max(0, clock() - held.oldest)
        return {
            "tracehold_relay_waiting": held.waiting,
            "tracehold_relay_refused": held.refused,
            "tracehold_relay_bytes": held.bytes,
            "tracehold_relay_seconds_behind": since / 1000,
            "tracehold_relay_reachable": int(forwarder.reachable),
        }

    def health(_: Request) -> Response:
        values = {name.removeprefix("tracehold_relay_"): v for name, v in gauges().items()}
        if spool.broken:
            return JSONResponse({"status": "read-only", **values}, 503)
        return JSONResponse({"status": "ok", **values})

    def figures(_: Request) -> Response:
        return PlainTextResponse(render(metrics, gauges()), media_type=CONTENT_TYPE)

    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, TraceholdError)  # noqa: S101 - registered for this class alone
        return answer(error)

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
        return framework_answer(request, error.status_code)

    return Starlette(
        routes=[
            Route("/api/v1/lineage", intake.receive, methods=["POST"]),
            Route("/health", health),
            Route("/metrics", figures),
        ],
        middleware=[
            # Against DNS rebinding, CVE-2025-10193.
            Middleware(TrustedHostMiddleware, allowed_hosts=_NAMES, www_redirect=False)
        ],
        exception_handlers={TraceholdError: known, HTTPException: framework},
    )


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "this needs a token to pass on",
            where="header Authorization",
            advice="send `Authorization: Bearer TOKEN`, or give the relay one: --token-file",
        )
    return token.strip()
