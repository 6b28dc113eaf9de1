"""Logging in to the pages: a one-time code becomes a cookie; nothing secret stands in a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

import tracehold.ui
from lineage.errors import InvalidInput, Unauthenticated
from tracehold.http.body import read_body
from tracehold.http.gatekeeper import COOKIE
from tracehold.http.problems import REFUSED
from tracehold.logins import SESSION_MILLIS
from tracehold.services import Services

__all__ = ["LOGIN", "add_login"]

LOGIN: Final = "/login"
_FORM_BYTES: Final = 4096
_PAGE: Final[dict[str, Any]] = {
    "description": "Refused, as a page or as JSON, whichever was sent.",
    "content": {"text/html": {}, "application/json": {}},
}


def add_login(app: FastAPI, services: Services) -> None:
    """Add the login form, the login itself and the logout."""

    async def form(_: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(_page, ""))

    async def log_in(request: Request) -> Response:
        wants_json = "json" in request.headers.get("content-type", "")
        code = _code(await read_body(request, limit=_FORM_BYTES), wants_json=wants_json)
        try:
            session = services.logins.exchange(code)
        except Unauthenticated as error:
            if wants_json:
                raise
            return HTMLResponse(await run_in_threadpool(_page, error.what), status_code=401)
        answer: Response = (
            JSONResponse({"ok": True}) if wants_json else RedirectResponse("/", status_code=303)
        )
        answer.set_cookie(
            COOKIE,
            session,
            max_age=SESSION_MILLIS // 1000,
            httponly=True,
            samesite="strict",
            # Browsers keep a Secure cookie off plain HTTP, also on loopback.
            secure=request.url.scheme == "https",
            path="/",
        )
        return answer

    async def log_out(request: Request) -> Response:
        services.logins.close(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(LOGIN, status_code=303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    described: dict[str, Any] = {
        "tags": ["server"],
        "response_model": None,
        "openapi_extra": {"responses": {"default": REFUSED}},
    }
    app.add_api_route(
        LOGIN, form, methods=["GET"], summary="The login form.", response_class=HTMLResponse,
        **described,
    )  # fmt: skip
    app.add_api_route(
        LOGIN, log_in, methods=["POST"], summary="Exchange a one-time code.",
        responses={303: {"description": "Logged in."}, 401: _PAGE}, **described,
    )  # fmt: skip
    app.add_api_route(
        "/logout", log_out, methods=["POST"], summary="End the session.", status_code=303,
        response_class=RedirectResponse, **described,
    )  # fmt: skip


def _code(raw: bytes, *, wants_json: bool) -> str:
    try:
        if wants_json:
            import json

            said = json.loads(raw)
            code = said.get("code") if isinstance(said, dict) else None
        else:
            code = parse_qs(raw.decode("utf-8")).get("code", [""])[0]
    except ValueError:
        code = None
    if not isinstance(code, str):
        raise InvalidInput("a code was expected", where="code", advice="send the field `code`")
    return code


def _page(problem: str) -> str:
    from jinja2 import Environment, FileSystemLoader

    folder = Path(tracehold.ui.__file__).parent / "templates"
    pages = Environment(loader=FileSystemLoader(folder), autoescape=True)
    return pages.get_template("login.html").render(problem=problem, person=None)
