"""Names of datasets as OpenLineage has them (its naming specification), from URIs and paths."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tracehold_dagster.places import place_of

__all__ = ["Name", "of_uri"]


class Name(NamedTuple):
    """Namespace and name of a dataset or job."""

    namespace: str
    name: str


_LOCAL: Final = re.compile(r"[A-Za-z]:[\\/]|[./~\\]")


def of_uri(uri: str) -> Name | None:
    """Where the bytes behind a URI or a path are: as the client for Dagster names them.

    Query, fragment, user and password are left out: they do not name the data, and may hold
    secrets.

    Returns:
        None where the text names no place.
    """
    text = uri.strip()
    if _LOCAL.match(text):
        return Name("file", text)
    place = place_of(text)
    return Name(*place) if place and place[1] else None
