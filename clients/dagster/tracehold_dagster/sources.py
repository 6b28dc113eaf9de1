"""Which materialization a step read, where its record alone does not say it exactly.

A record names the data version of what was read. Two runs can make the same one: Dagster computes
it from the code version that an author set and from the inputs. Of partitions it names a digest.
The record also points to the newest event of what was read, as the result of a check points to what
it judged: whoever reads the log can follow that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tracehold_dagster import keys
from tracehold_dagster.datasets import data_version, input_versions, version_of
from tracehold_dagster.records import AssetGraph, AssetKey, CheckResult, Record, Source

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogRecord

__all__ = ["with_sources"]

_LOOKED_AT: Final = 20
"""How many versions of a partition are compared with what was read, the newest first."""
_DIGESTED: Final = 100
"""Of more partitions than this Dagster makes no digest."""
_LOOKED_AT_PARTS: Final = 500
"""Materializations that are looked at to name the versions of these."""
_PARTITIONS: Final = 1_000
"""Partitions of an asset among which is looked for those that were read."""


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
        sources: dict[AssetKey, Source] = {}
        if record.asset is not None and record.kind == "ASSET_MATERIALIZATION":
            for key, version in input_versions(record.tags).items():
                if version is not None and key not in own and _doubtful(key, graph):
                    sources |= _source(instance, record, key, version)
            own.add(record.asset)
        elif record.asset is not None and record.check is not None and record.asset not in own:
            sources = _target(instance, record.asset, record.check)
        found.append(replace(record, sources=sources) if sources else record)
    return found


def _target(instance: DagsterInstance, key: AssetKey, check: CheckResult) -> dict[AssetKey, Source]:
    if check.target_storage_id is None:
        return {}
    for one in _fetch(instance, key, storage_ids=[check.target_storage_id]):
        return _named(key, one)
    return {}


def _doubtful(key: AssetKey, graph: AssetGraph | None) -> bool:
    asset = graph.assets.get(key) if graph is not None else None
    return asset is None or asset.code_version is not None or asset.partitions is not None


def _source(
    instance: DagsterInstance, record: Record, key: AssetKey, version: str
) -> dict[AssetKey, Source]:
    pointer = record.tags.get(f"{keys.INPUT_POINTER}{'/'.join(key)}", "")
    if not pointer.isdecimal():
        return {}
    newest = _fetch(instance, key, storage_ids=[int(pointer)])
    if record.partition is not None:
        # The event pointed to can be of another partition than the one that was read.
        newest += _fetch(
            instance, key, before_storage_id=int(pointer) + 1, asset_partitions=[record.partition]
        )
    for one in newest:
        own = data_version(_event(one).tags or {})
        if own is not None and version in (own, hashlib.sha256(own.encode()).hexdigest()):
            return _named(key, one)
    return _of_partitions(instance, key, version, int(pointer) + 1)


def _of_partitions(
    instance: DagsterInstance, key: AssetKey, version: str, before: int
) -> dict[AssetKey, Source]:
    """The partitions that were read together, and which version of each.

    Dagster records a digest over the data versions that partitions had then, in the order of their
    keys. Which they were is not recorded: neighbors are tried until their digest is the recorded
    one, and it counts only where that is so of no others.
    """
    from dagster import AssetKey as DagsterKey
    from dagster import DagsterEventType

    tag = keys.DATA_VERSION[0]
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        DagsterKey(key), DagsterEventType.ASSET_MATERIALIZATION, [tag], before_cursor=before
    )
    then = [(name, tags[name][tag]) for name in sorted(tags)]
    found = [] if len(then) > _PARTITIONS else list(_neighbors(then, version))
    if len(found) != 1:
        return {}
    named: dict[str, str] = {}
    wanted = [name for name, _ in found[0]]
    for one in _fetch(
        instance, key, before_storage_id=before, asset_partitions=wanted, limit=_LOOKED_AT_PARTS
    ):
        [source] = _named(key, one).values() or [None]
        if source is not None and source.partition is not None:
            named.setdefault(source.partition, source.version)
    parts = tuple((name, named.get(name, "")) for name in wanted)
    exact = all(named.get(name, "").partition("@")[0] == said for name, said in found[0])
    return {key: Source(version, parts=parts)} if exact else {}


def _neighbors(then: Sequence[tuple[str, str]], digest: str) -> Iterator[Sequence[tuple[str, str]]]:
    """Partitions next to each other whose data versions together have a digest."""
    for begin in range(len(then)):
        made = hashlib.sha256()
        for end in range(begin, min(begin + _DIGESTED, len(then))):
            made.update(then[end][1].encode())
            if made.hexdigest() == digest:
                yield then[begin : end + 1]


def _named(key: AssetKey, one: EventLogRecord) -> dict[AssetKey, Source]:
    event = _event(one)
    version = version_of(event.tags or {}, one.event_log_entry.run_id)
    partition = None if event.partition is None else str(event.partition)
    return {} if version is None else {key: Source(version, partition)}


def _event(one: EventLogRecord) -> Any:
    return one.event_log_entry.asset_materialization or one.event_log_entry.asset_observation


def _fetch(
    instance: DagsterInstance, key: AssetKey, *, limit: int = _LOOKED_AT, **wanted: Any
) -> list[EventLogRecord]:
    from dagster import AssetKey as DagsterKey
    from dagster import AssetRecordsFilter

    where = AssetRecordsFilter(asset_key=DagsterKey(key), **wanted)
    found = instance.fetch_materializations(where, limit=limit).records
    return list(found or instance.fetch_observations(where, limit=1).records)
