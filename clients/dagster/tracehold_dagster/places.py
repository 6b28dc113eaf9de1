"""Where the data behind a URI lie, as OpenLineage names it.

Source: https://openlineage.io/docs/spec/naming.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = ["is_database", "place_of"]

_TABLES: Final = frozenset(
    {
        "awsathena", "bigquery", "clickhouse", "databricks", "duckdb", "hive", "mssql", "mysql",
        "oracle", "postgres", "redshift", "snowflake", "sqlite", "teradata", "trino",
        "unitycatalog",
    }
)  # fmt: skip
_SCHEMES: Final = {
    "abfs": "abfss", "gcs": "gs", "postgresql": "postgres", "s3a": "s3", "s3n": "s3",
    "wasb": "wasbs",
}  # fmt: skip
_CONTAINERS: Final = frozenset({"abfss", "wasbs"})
"""What they name before the @ is a container, where others have a user."""


def is_database(namespace: str) -> bool:
    """Whether a namespace is one of tables."""
    return namespace.partition("://")[0] in _TABLES


def place_of(uri: str) -> tuple[str, str] | None:
    """Namespace and name of a URI or an absolute path, without user, password, query and fragment.

    Returns:
        None where the text names no place. A database in a file is a namespace, and its name empty.
    """
    text = uri.strip()
    if text.startswith("/"):
        return "file", text
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return None
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    path = unquote(parts.path)
    if not scheme or not (parts.netloc or path):
        return None
    if scheme in {"file", "dbfs"}:
        return (f"{scheme}://{host}" if host else scheme, path) if path else None
    if scheme in {"duckdb", "sqlite"}:
        return f"{scheme}://{path}", ""
    if not host:
        return None
    if scheme in _TABLES:
        return f"{scheme}://{host}", path.strip("/").replace("/", ".")
    place = parts.netloc if scheme in _CONTAINERS else host
    return f"{scheme}://{place}", (path if scheme == "hdfs" else path.strip("/")) or "/"
