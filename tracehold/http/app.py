"""The application: routes, and around them the gatekeeper.

Pages are added by ``extend``: functions that are given the application and the services. They need
no guard of their own, for nothing but the public paths below is reached without a person; the
person is ``request.state.person``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

import tracehold
import tracehold.ui
from lineage.errors import TraceholdError
from tracehold.http.api_page import add_api_page
from tracehold.http.gatekeeper import Gatekeeper, allowed_names
from tracehold.http.ingest import Ingest
from tracehold.http.login import LOGIN, add_login
from tracehold.http.metrics import Metrics
from tracehold.http.problems import answer, fault_answer, framework_answer
from tracehold.http.routes import LINEAGE, add_routes
from tracehold.services import Services

__all__ = ["PUBLIC", "PUBLIC_FOLDERS", "Extend", "create_app", "create_routes"]

Extend = Callable[[FastAPI, Services], None]
"""Adds pages to the application."""

PUBLIC: Final = frozenset({"/health", LOGIN})
"""Paths that need no person, letter by letter."""
PUBLIC_FOLDERS: Final = ("/static/",)
"""Folders that need no person: style and scripts of the pages."""


def create_routes(
    services: Services,
    metrics: Metrics,
    *,
    extend: Sequence[Extend] = (),
    ingest: Ingest | None = None,
) -> FastAPI:
    """The routes alone, without the gatekeeper around them."""
    app = FastAPI(
        title="Tracehold",
        version=tracehold.__version__,
        description="Lineage, terms and proven deletion. Every route but /health and /login "
        "needs a bearer token or a session.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Its own telemetry would export the messages of errors, which can quote a value.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )

    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, TraceholdError)  # noqa: S101 - registered for this class alone
        return answer(error)

    async def framework(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return framework_answer(request, status)

    app.add_exception_handler(TraceholdError, known)

    async def unexpected(_: Request, error: Exception) -> Response:
        return fault_answer(error)

    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(Exception, unexpected)
    add_routes(app, services, metrics, ingest or Ingest(services, metrics))
    add_login(app, services)
    add_api_page(app)
    static = Path(tracehold.ui.__file__).parent / "static"
    app.mount("/static", StaticFiles(directory=static), name="static")
    for one in extend:
        one(app, services)
    return app


def create_app(services: Services, *, extend: Sequence[Extend] = ()) -> ASGIApp:
    """The whole application.

    Args:
        services: The workspace, opened for writing.
        extend: Adds pages.
    """
    metrics = Metrics()
    ingest = Ingest(services, metrics)
    routes = create_routes(services, metrics, extend=extend, ingest=ingest)
    return Gatekeeper(
        _past_the_router(routes, ingest),
        by_token=services.people.by_token,
        by_session=services.people.by_session,
        names=allowed_names(services.settings.server.host, services.settings.server.allowed_hosts),
        public=PUBLIC,
        public_folders=PUBLIC_FOLDERS,
        metrics=metrics,
    )


def _past_the_router(routes: ASGIApp, ingest: Ingest) -> ASGIApp:
    """Hands events to the very endpoint that the routes hold for them.

    Looking a route up and what the framework wraps around it costs more than accepting an event.
    """

    async def hand_over(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", LINEAGE):
            response = await ingest.receive(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await routes(scope, receive, send)

    return hand_over
