"""Rows of an SQL event log, read without an object of Dagster's for each part of each entry.

Of most entries no more than kind, time and step are needed, and to have Dagster make its objects of
all of it takes most of the time of a reading. Only the outermost members are read here; what an
event says in particular is unpacked by Dagster. Every other storage, and every page with a row that
looks different, is left to Dagster altogether.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any, Final, cast

from dagster import DagsterError, DagsterEventType
from dagster._core.event_api import EventLogCursor
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.sqlalchemy_compat import db_select
from dagster._serdes import unpack_value

from tracehold_dagster.keys import COLUMN_LINEAGE, COLUMN_SCHEMA, METADATA, RUN_FACETS
from tracehold_dagster.reading import READERS, read_metadata
from tracehold_dagster.records import Meta, Record

__all__ = ["page_of_all", "page_of_run"]

_LOG: Final = SqlEventLogStorageTable.c
_KEPT: Final = frozenset({COLUMN_LINEAGE, COLUMN_SCHEMA})
_KEPT_LETTERS: Final = 20_000
"""Of these up to so many letters each the last ones are kept as they were read."""
_PLANNED: Final = frozenset({"ASSET_CHECK_EVALUATION_PLANNED", "ASSET_MATERIALIZATION_PLANNED"})
_UNLIKE: Final = (AttributeError, KeyError, TypeError, ValueError, DagsterError)
"""What reading a row raises that is not as expected."""


def page_of_run(
    storage: Any, run_id: str, cursor: str | None, kinds: Collection[DagsterEventType], limit: int
) -> tuple[list[Record], str | None] | None:
    """The next records of a run, and Dagster's cursor behind them; None where Dagster has to read.

    Args:
        storage: The event log.
        run_id: Of the run.
        cursor: Dagster's, behind the last record; None before the first.
        kinds: Which records.
        limit: How many at most.
    """
    if not isinstance(storage, SqlEventLogStorage):
        return None
    wanted = [_LOG.run_id == run_id, _LOG.dagster_event_type.in_([one.value for one in kinds])]
    if cursor is not None:
        place = EventLogCursor.parse(cursor)
        if not place.is_id_cursor():
            return None
        wanted.append(_LOG.id > place.storage_id())
    with storage.run_connection(run_id) as connection:
        records = _records(connection, wanted, limit)
    if not records:
        return None if records is None else ([], cursor)
    last = records[-1].storage_id
    return records, EventLogCursor.from_storage_id(last or -1).to_string()


def page_of_all(storage: Any, after: int, limit: int) -> list[Record] | None:
    """The next records of all runs; None where Dagster has to read.

    Args:
        storage: The event log, of all runs.
        after: Storage id of the last record.
        limit: How many at most.
    """
    if not isinstance(storage, SqlEventLogStorage):
        return None
    with storage.index_connection() as connection:
        return _records(connection, [_LOG.id > after], limit)


def _records(connection: Any, wanted: Iterable[Any], limit: int) -> list[Record] | None:
    query = db_select([_LOG.id, _LOG.event]).where(*wanted).order_by(_LOG.id.asc()).limit(limit)
    rows = connection.execute(query).fetchall()
    try:
        entries = [(row_id, *_entry(text)) for row_id, text in rows]
        particular = [data for _, _, data in entries if data is not None]
        unpacked = iter(cast("list[Any]", unpack_value(particular)))
        return [
            Record(
                **outer,
                storage_id=row_id,
                **({} if data is None else READERS[outer["kind"]](next(unpacked))),
            )
            for row_id, outer, data in entries
        ]
    except _UNLIKE:
        return None


def _entry(text: str) -> tuple[dict[str, Any], Any]:
    """The outermost members of an entry, and as it is stored what its event says in particular."""
    entry = json.loads(text)
    if entry["__class__"] != "EventLogEntry":
        raise ValueError(entry["__class__"])
    event = entry["dagster_event"]
    outer = {"kind": "", "run_id": entry["run_id"], "at": int(entry["timestamp"] * 1000)}
    if event is None:
        return outer, None
    outer["kind"] = kind = event["event_type_value"]
    outer["step_key"] = entry["step_key"] or event["step_key"]
    data = event["event_specific_data"]
    if kind in _PLANNED:
        outer["asset"] = tuple(data["asset_key"]["path"])
    elif kind == "ASSET_MATERIALIZATION":
        outer |= _materialized(data["materialization"])
    elif kind in READERS and (kind != "STEP_OUTPUT" or RUN_FACETS in text):
        return outer, data
    return outer, None


def _materialized(said: dict[str, Any]) -> dict[str, Any]:
    """What a materialization says; its metadata are often those of the one before."""
    partition = said["partition"]
    if said["__class__"] != "AssetMaterialization" or not isinstance(partition, str | None):
        raise ValueError(said["__class__"])
    metadata = {}
    for entry in said["metadata_entries"]:
        label = entry["label"]
        if label in METADATA:
            text = json.dumps(entry)
            kept = label in _KEPT and len(text) <= _KEPT_LETTERS
            metadata[label] = (_meta if kept else _meta.__wrapped__)(text)
    return {
        "asset": tuple(said["asset_key"]["path"]),
        "partition": partition,
        "tags": said["tags"] or {},
        "metadata": metadata,
    }


@lru_cache(maxsize=500)
def _meta(text: str) -> Meta:
    entry: Any = unpack_value(json.loads(text))
    return read_metadata({entry.label: entry.value})[entry.label]
