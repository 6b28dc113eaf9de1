"""Which materialization a step read, where its record alone does not say it exactly.

A record names the data version of what was read. Two runs can make the same one: Dagster computes
it from the code version that an author set and from the inputs. Of partitions it names a digest.
The record also points to the newest event of what was read, which a reader of the log can follow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tracehold_dagster import keys
from tracehold_dagster.datasets import data_version, input_versions, version_of
from tracehold_dagster.records import AssetGraph, AssetKey, Record, Source

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogRecord

__all__ = ["with_sources"]

_LOOKED_AT: Final = 20
"""How many versions of a partition are compared with what was read, the newest first."""


def with_sources(
    instance: DagsterInstance,
    records: Iterable[Record],
    graph: AssetGraph | None,
    made: Collection[AssetKey],
) -> list[Record]:
    """Records with the sources that could be looked up; the others as they are.

    Args:
        instance: In whose log they are looked up, where the definitions do not rule out a doubt.
        records: Of one run, in order.
        graph: What the definitions say.
        made: What the run has made before these records: the translator knows it.
    """
    own = set(made)
    found: list[Record] = []
    for record in records:
        if record.kind == "ASSET_MATERIALIZATION" and record.asset is not None:
            sources = {
                key: source
                for key, version in input_versions(record.tags).items()
                if version is not None and key not in own and _doubtful(key, graph)
                if (source := _source(instance, record, key, version)) is not None
            }
            own.add(record.asset)
            found.append(replace(record, sources=sources) if sources else record)
        else:
            found.append(record)
    return found


def _doubtful(key: AssetKey, graph: AssetGraph | None) -> bool:
    asset = graph.assets.get(key) if graph is not None else None
    return asset is None or asset.code_version is not None or asset.partitions is not None


def _source(
    instance: DagsterInstance, record: Record, key: AssetKey, version: str
) -> Source | None:
    pointer = record.tags.get(f"{keys.INPUT_POINTER}{'/'.join(key)}", "")
    if not pointer.isdecimal():
        return None
    newest = _fetch(instance, key, storage_ids=[int(pointer)])
    if record.partition is not None:
        # The event pointed to can be of another partition than the one that was read.
        newest += _fetch(
            instance, key, before_storage_id=int(pointer) + 1, asset_partitions=[record.partition]
        )
    for one in newest:
        entry = one.event_log_entry
        event: Any = entry.asset_materialization or entry.asset_observation
        own = data_version(event.tags or {})
        if own is not None and version in (own, hashlib.sha256(own.encode()).hexdigest()):
            exact = version_of(event.tags, entry.run_id) or own
            return Source(exact, None if event.partition is None else str(event.partition))
    return None


def _fetch(instance: DagsterInstance, key: AssetKey, **wanted: Any) -> list[EventLogRecord]:
    from dagster import AssetKey as DagsterKey
    from dagster import AssetRecordsFilter

    where = AssetRecordsFilter(asset_key=DagsterKey(key), **wanted)
    found = instance.fetch_materializations(where, limit=_LOOKED_AT).records
    return list(found or instance.fetch_observations(where, limit=1).records)
