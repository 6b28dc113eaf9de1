"""Errors as HTTP answers: the same three lines as on the command line, never a value or a trace."""

from __future__ import annotations

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from lineage.errors import InvalidInput, TraceholdError
from tracehold.faults import describe

__all__ = [
    "REFUSED",
    "NotHere",
    "WrongMethod",
    "answer",
    "fault_answer",
    "framework_answer",
    "log_fault",
]

_log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2
"""What ``Retry-After`` says. OpenLineage clients lose an event at 413 and a bare 429, but repeat
it at 503."""


REFUSED: Final = {
    "description": "Refused: what is wrong, where, and what to do.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    name: {"type": "string"} for name in ("code", "what", "where", "advice")
                },
                "required": ["code", "what", "where", "advice"],
            }
        }
    },
}
"""How a refusal looks, for the description of a route (OpenAPI 3.1)."""


class NotHere(InvalidInput):
    """There is no such route."""

    code = "not-found"
    http_status = 404


class WrongMethod(InvalidInput):
    """The route is there, the method is not."""

    code = "wrong-method"
    http_status = 405


def answer(error: TraceholdError) -> JSONResponse:
    """The answer for an error that Tracehold raised on purpose."""
    headers = {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tracehold"'  # RFC 6750 §3
    if error.http_status == 503:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return JSONResponse(error.as_dict(), status_code=error.http_status, headers=headers)


def fault_answer(error: Exception) -> JSONResponse:
    """The answer for an exception that nobody expected: its class, and not what it says."""
    return JSONResponse(
        {
            "code": "fault",
            "what": f"a fault of ours ({type(error).__name__})",
            "where": "",
            "advice": "see server.log in the data folder, and report it",
        },
        status_code=500,
    )


def log_fault(error: Exception) -> None:
    """Log where an exception came from, without its text."""
    _log.error("a request met a fault of ours\n%s", describe(error))


def framework_answer(request: Request, status: int) -> JSONResponse:
    """The answer for a request that met no route (404) or the wrong method (405)."""
    if status == 405:
        error: TraceholdError = WrongMethod(
            "this route does not take that method", where=request.method, advice="see /api"
        )
    else:
        error = NotHere("there is no such route", advice="see /api for all routes")
    return answer(error)
