"""Which protocol this client speaks, so that a server that does not understand it can say so."""

from __future__ import annotations

from typing import Any, Final

from tracehold_dagster.errors import VersionSkew
from tracehold_dagster.version import __version__

__all__ = ["HEADER", "PROTOCOL", "check", "said"]

PROTOCOL: Final = 1
"""Grows when what is sent or asked could be misunderstood by a server that does not know it."""

HEADER: Final = "Tracehold-Client"


def said() -> str:
    """The value of the header."""
    return f"tracehold-dagster/{__version__}; protocol={PROTOCOL}"


def check(status: int, answer: Any, url: str) -> None:
    """Look whether a server refused because of the versions.

    Args:
        status: Of its answer.
        answer: The answer, from JSON.
        url: Of the server.

    Raises:
        VersionSkew: It did. Nothing was taken, and all of it is sent again after the upgrade.
    """
    if status == 409 and isinstance(answer, dict) and answer.get("code") == "version-skew":
        raise VersionSkew(
            str(answer.get("what")), where=url, advice=str(answer.get("advice") or "upgrade one")
        )
