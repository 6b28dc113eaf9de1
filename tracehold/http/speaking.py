"""Which clients this server understands; one that it does not is told so before its body is read.

A client of ours says in a header which protocol it speaks: a number that grows when what it sends
or asks could be misunderstood by a server that does not know it. Other clients say nothing, and
speak OpenLineage.
"""

from __future__ import annotations

import re
from typing import Final

from lineage.errors import Conflict

__all__ = ["HEADER", "VersionSkew", "check_client"]

HEADER: Final = b"tracehold-client"
_OLDEST: Final = 1
_NEWEST: Final = 1
_SAID: Final = re.compile(r"([\w.-]{1,50})/([\w.+-]{1,50}); protocol=(\d{1,9})")


class VersionSkew(Conflict):
    """Client and server are of releases that do not understand each other."""

    code = "version-skew"


def check_client(said: str | None) -> None:
    """Let a client pass that this server understands, or that says nothing of itself.

    Args:
        said: The header, for example ``tracehold-dagster/0.1.0; protocol=1``.

    Raises:
        VersionSkew: It is too old for this server, or too new.
    """
    found = _SAID.fullmatch(said or "")
    if found is None:
        return
    name, version, protocol = found[1], found[2], int(found[3])
    if _OLDEST <= protocol <= _NEWEST:
        return
    known = f"{_OLDEST} to {_NEWEST}" if _OLDEST < _NEWEST else f"{_NEWEST}"
    raise VersionSkew(
        f"{name} {version} speaks protocol {protocol}, this server understands {known}",
        where="header Tracehold-Client",
        advice=f"upgrade {name}" if protocol < _OLDEST else "upgrade the Tracehold server",
    )
