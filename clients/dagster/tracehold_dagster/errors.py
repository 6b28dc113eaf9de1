"""Errors that say what is wrong, where, and what to do about it."""

from __future__ import annotations

__all__ = ["Misconfigured", "NotAllowed", "TraceholdError", "Unreachable", "VersionSkew"]


class TraceholdError(Exception):
    """Root of the errors that this package raises on purpose.

    Attributes:
        what: One line, what is wrong. Never holds a value of anybody's data.
        where: One line, the address, setting or asset concerned; may be empty.
        advice: One line, what to do; may be empty.
    """

    def __init__(self, what: str, *, where: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.advice = advice

    def __str__(self) -> str:
        told = f"{self.what} ({self.where})" if self.where else self.what
        return f"{told}; {self.advice}" if self.advice else told


class Misconfigured(TraceholdError):
    """A setting is missing or cannot be used."""


class Unreachable(TraceholdError):
    """The server cannot be reached, or cannot keep anything now; trying again later helps."""


class NotAllowed(TraceholdError):
    """The server does not accept the token, or not for this."""


class VersionSkew(TraceholdError):
    """Client and server are of releases that do not understand each other."""
