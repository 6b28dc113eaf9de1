"""Errors that carry their own advice.

Every error a person can meet says what is wrong, where, and what to do. The class decides the exit
code of the command line and the status of the HTTP answer, so that both faces agree:

    TraceholdError
    ├── NegativeVerdict   1 · 422   a policy or verdict is negative
    ├── InvalidInput      2 · 400   usage or input is wrong, a path leaves the root
    │   └── NotFound      2 · 404
    ├── Unavailable       3 · 503   something needed cannot be reached or used
    │   └── Denied        3 · 403   a token is missing, wrong or lacks the role
    │       └── Unauthenticated     · 401
    ├── Conflict          4 · 409   a hold, a stale plan, a missing approval, a second server
    └── Fault            70 · 500   a fault of ours
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Conflict",
    "Denied",
    "Fault",
    "InvalidInput",
    "NegativeVerdict",
    "NotFound",
    "TraceholdError",
    "Unauthenticated",
    "Unavailable",
    "error_kinds",
]


class TraceholdError(Exception):
    """Root of every error that Tracehold raises on purpose.

    Attributes:
        what: One line, what is wrong. Never contains a personal value.
        where: One line, the file, line, field, reference or address concerned; may be empty.
        advice: One line, what to do about it; may be empty.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500

    def __init__(self, what: str, *, where: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.advice = advice

    def as_dict(self) -> dict[str, str]:
        """The same three lines as an object, for ``--json`` and HTTP problem documents."""
        return {"code": self.code, "what": self.what, "where": self.where, "advice": self.advice}

    def __str__(self) -> str:
        return f"{self.what} ({self.where})" if self.where else self.what


class NegativeVerdict(TraceholdError):
    """A policy or a verdict is negative; an unknown license counts as negative."""

    code = "negative-verdict"
    exit_code = 1
    http_status = 422


class InvalidInput(TraceholdError):
    """The request, the file or the reference cannot be used as it is."""

    code = "invalid-input"
    exit_code = 2
    http_status = 400


class NotFound(InvalidInput):
    """Nothing of that name is known."""

    code = "not-found"
    http_status = 404


class Unavailable(TraceholdError):
    """Something needed cannot be reached or used: disk full, server down, read-only journal."""

    code = "unavailable"
    exit_code = 3
    http_status = 503


class Denied(Unavailable):
    """The identity is known but may not do this."""

    code = "denied"
    http_status = 403


class Unauthenticated(Denied):
    """The token is missing, unknown, revoked or expired."""

    code = "unauthenticated"
    http_status = 401


class Conflict(TraceholdError):
    """The act meets a hold, a stale plan, a missing approval, or another server."""

    code = "conflict"
    exit_code = 4
    http_status = 409


class Fault(TraceholdError):
    """A fault of ours: an invariant does not hold."""

    code = "fault"


def error_kinds() -> dict[str, type[TraceholdError]]:
    """Every kind of error that is known in this process, by its code.

    Whoever was told of an error by another process finds its kind here; where two have the same
    code, it is the more general one.
    """
    found: dict[str, type[TraceholdError]] = {}
    left: list[type[TraceholdError]] = [TraceholdError]
    for kind in left:
        found.setdefault(kind.code, kind)
        left += kind.__subclasses__()
    return found
