"""Names of datasets as OpenLineage has them (its naming specification), from URIs and paths."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Name", "of_uri"]


class Name(NamedTuple):
    """Namespace and name of a dataset or job."""

    namespace: str
    name: str


_SCHEMES: Final = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss", "wasb": "wasbs"}
_BUCKETS: Final = frozenset({"s3", "gs", "abfss", "wasbs"})
_LOCAL: Final = re.compile(r"[A-Za-z]:[\\/]|[./~\\]")


def of_uri(uri: str) -> Name | None:
    """Where the bytes behind a URI or a path are.

    Query, fragment, user and password are left out: they do not name the data, and may hold
    secrets.

    Returns:
        None where the text names no place.
    """
    text = uri.strip()
    if not text:
        return None
    if _LOCAL.match(text):
        return Name("file", text)
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return None
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    path = unquote(parts.path)
    if not scheme or not (parts.netloc or path):
        return None
    if scheme == "file":
        return Name(f"file://{host}" if host else "file", path) if path else None
    if scheme in _BUCKETS:
        # abfss names the container before the @, where others have a user.
        place = parts.netloc if "abfss" in scheme or scheme == "wasbs" else host
        return Name(f"{scheme}://{place}", path.strip("/") or "/")
    if scheme == "dbfs":
        return Name(f"dbfs://{host}" if host else "dbfs", path)
    if not host:
        return None
    kept = path if scheme in ("hdfs", "file") else path.strip("/")
    return Name(f"{scheme}://{host}", kept or "/")
