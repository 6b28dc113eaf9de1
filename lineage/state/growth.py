"""What the facts cost on the disk: bytes and rows per fact, by table, and how often shapes repeat.

Tables are measured with SQLite's ``dbstat`` where it is compiled in; without it only whole files
are known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FileGrowth", "Shapes", "measure_file", "measure_shapes"]

_LOGS = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class FileGrowth:
    """One database file.

    Attributes:
        bytes: Of the file with its log.
        free: Bytes of pages that hold nothing now.
        tables: Bytes per table, its indexes included; empty where SQLite cannot say.
        rows: Rows per table.
    """

    bytes: int
    free: int
    tables: dict[str, int]
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Shapes:
    """How the events repeat.

    Attributes:
        shapes: Distinct shapes, those merged from the events of a run included.
        runs: Runs.
        busiest: Runs of the shape that most runs have.
    """

    shapes: int
    runs: int
    busiest: int


def measure_file(path: Path, db: sqlite3.Connection, schema: str = "main") -> FileGrowth:
    """Measure one database.

    Args:
        path: Its file.
        db: A connection to it, for reading.
        schema: Its name in the connection.
    """
    names = [
        name
        for (name,) in db.execute(
            f"select name from {schema}.sqlite_master"  # noqa: S608 - a name of ours
            " where type = 'table' and name not like 'sqlite_%' order by name"
        )
    ]
    (free,) = db.execute(f"pragma {schema}.freelist_count").fetchone()
    (page,) = db.execute(f"pragma {schema}.page_size").fetchone()
    files = [path, *(path.with_name(path.name + log) for log in _LOGS)]
    return FileGrowth(
        bytes=sum(file.stat().st_size for file in files if file.exists()),
        free=free * page,
        tables=_table_bytes(db, schema),
        rows={name: _count(db, schema, name) for name in names},
    )


def measure_shapes(db: sqlite3.Connection) -> Shapes:
    """Count shapes and the runs that have them; ``db`` is a connection to a state."""
    (shapes,) = db.execute("select count(*) from shape").fetchone()
    (runs,) = db.execute("select count(*) from run").fetchone()
    (busiest,) = db.execute(
        "select coalesce(max(n), 0) from (select count(*) as n from run group by shape_id)"
    ).fetchone()
    return Shapes(shapes, runs, busiest)


def _count(db: sqlite3.Connection, schema: str, name: str) -> int:
    (count,) = db.execute(f'select count(*) from {schema}."{name}"').fetchone()  # noqa: S608
    return int(count)


def _table_bytes(db: sqlite3.Connection, schema: str) -> dict[str, int]:
    owners = dict(
        db.execute(f"select name, tbl_name from {schema}.sqlite_master")  # noqa: S608
    )
    try:
        rows: Iterable[tuple[str, int]] = db.execute(
            "select name, sum(pgsize) from dbstat(?) group by name", (schema,)
        ).fetchall()
    except sqlite3.OperationalError:
        return {}
    sizes: dict[str, int] = {}
    for name, size in rows:
        owner = owners.get(name, "schema")
        sizes[owner] = sizes.get(owner, 0) + size
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))
