"""A Dagster instance with as many runs as asked for: one is real, the others are copies of it.

A run takes seconds and its copy a millisecond. What is copied is what Dagster wrote, with a run id
and a time of its own.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_instances import consolidated, sharded

__all__ = ["instance_with", "project"]

_SECONDS_APART = 30.0
_COLUMNS = dg.TableSchema([dg.TableColumn(f"column_{number}", "text") for number in range(10)])


def project(assets: int) -> list[dg.AssetsDefinition]:
    """A chain of assets, each made from the one before, with ten columns."""

    def asset(number: int) -> dg.AssetsDefinition:
        before = [f"table_{number - 1}"] if number else []

        @dg.asset(name=f"table_{number}", deps=before, owners=["team:data"], kinds={"python"})
        def made() -> dg.MaterializeResult[None]:
            return dg.MaterializeResult(
                metadata={"dagster/column_schema": _COLUMNS, "dagster/row_count": 1000}
            )

        return made

    return [asset(number) for number in range(assets)]


def instance_with(
    folder: Path, assets: list[dg.AssetsDefinition], *, entries: int, one_log: bool
) -> tuple[dg.DagsterInstance, int, int]:
    """An instance that has recorded so much.

    Args:
        folder: Where it lies.
        assets: What its runs materialize.
        entries: How many entries its event log has at least.
        one_log: Whether that is one log for all runs, or one per run.

    Returns:
        The instance, how many runs it has, and how many entries.
    """
    instance = (consolidated if one_log else sharded)(folder)
    first = dg.materialize(assets, instance=instance).run_id
    run = instance.get_run_by_id(first)
    assert run is not None
    history = folder / "history"
    log = history / "event_log.db" if one_log else history / "runs" / f"{first}.db"
    with closing(sqlite3.connect(log)) as database:
        cursor = database.execute("SELECT * FROM event_logs ORDER BY id")
        names = [name for name, *_ in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        # The copies are written beside the write-ahead log, so that log must be in the file.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        runs = -(-entries // len(rows))
        for number in range(1, runs):
            run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"copy {number}"))
            copies = [_copy(row, run_id, number * _SECONDS_APART) for row in rows]
            if one_log:
                _insert(database, copies)
            else:
                shard = Path(shutil.copyfile(log, history / "runs" / f"{run_id}.db"))
                with closing(sqlite3.connect(shard)) as other:
                    other.execute("DELETE FROM event_logs")
                    _insert(other, copies)
            instance.add_run(run._replace(run_id=run_id, root_run_id=None))
        database.commit()
    return instance, runs, runs * len(rows)


def _copy(row: dict[str, Any], run_id: str, seconds: float) -> dict[str, Any]:
    event = json.loads(row["event"].replace(row["run_id"], run_id))
    event["timestamp"] += seconds
    return {**row, "id": None, "run_id": run_id, "event": json.dumps(event)}


def _insert(database: sqlite3.Connection, rows: list[dict[str, Any]]) -> None:
    places = ", ".join(f":{name}" for name in rows[0])
    database.executemany(f"INSERT INTO event_logs ({', '.join(rows[0])}) VALUES ({places})", rows)
    database.commit()
