"""Which versions a step is about to read, as the instance has them when it begins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    AssetsDefinition,
    DagsterEventType,
    DagsterInstance,
    EventLogRecord,
    OpExecutionContext,
)
from dagster._check import CheckError

from tracehold_dagster.datasets import Describing, version_of
from tracehold_dagster.names import Naming
from tracehold_dagster.reading import read_graph, read_metadata
from tracehold_dagster.records import AssetGraph, Meta

__all__ = ["Read", "graph_of", "name_of", "newest", "read_by", "runs_of"]

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Read:
    """One version that is read.

    Attributes:
        key: Of the asset.
        namespace: Of the dataset that it is.
        name: Of the dataset.
        version: As the translator names it; empty where none is recorded.
        partition: Of the asset; None for all of it.
        run_id: Of the run that recorded it; None or empty for what was recorded outside runs.
    """

    key: AssetKey
    namespace: str
    name: str
    version: str
    partition: str | None = None
    run_id: str | None = None


def graph_of(context: OpExecutionContext) -> AssetGraph:
    """The assets of the code location; those of the running job where there is no location."""
    try:
        return _graph(context.repository_def)
    except CheckError:
        return read_graph(context.job_def.asset_layer.asset_graph)


@lru_cache(maxsize=4)
def _graph(repository: Any) -> AssetGraph:
    return read_graph(repository)


def name_of(
    graph: AssetGraph, naming: Naming, key: AssetKey, metadata: Mapping[str, Meta] | None = None
) -> tuple[str, str]:
    """Namespace and name of the dataset that an asset is."""
    said = Describing(graph, naming).name(tuple(key.path), metadata)
    return said["namespace"], said["name"]


def read_by(
    context: OpExecutionContext, asset: AssetsDefinition, graph: AssetGraph, naming: Naming
) -> list[Read]:
    """What a step of some assets reads, but for what it makes itself.

    Args:
        context: Of the step.
        asset: What the step materializes.
        graph: Of the code location.
        naming: How things are named.
    """
    keys = {dep for key in asset.keys for dep in asset.asset_deps.get(key, ())} - asset.keys
    ports = {key: name for name, key in asset.node_keys_by_input_name.items()}
    reads: list[Read] = []
    for key in sorted(keys):
        partitions = _partitions(context, ports.get(key), graph, key)
        if partitions is None:
            reads.append(newest(context.instance, key, graph, naming))
        else:
            reads += _of_partitions(context.instance, key, partitions, graph, naming)
    return reads


def newest(
    instance: DagsterInstance,
    key: AssetKey,
    graph: AssetGraph,
    naming: Naming,
    partition: str | None = None,
) -> Read:
    """The newest version of an asset: materialized, or observed where nothing materializes it."""
    wanted: Any = key
    if partition is not None:
        wanted = AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    found = instance.fetch_materializations(wanted, limit=1).records
    found = found or instance.fetch_observations(wanted, limit=1).records
    if not found:
        return Read(key, *name_of(graph, naming, key), "", partition)
    return _read(found[0], key, graph, naming)


def _read(record: EventLogRecord, key: AssetKey, graph: AssetGraph, naming: Naming) -> Read:
    entry = record.event_log_entry
    event: Any = entry.asset_materialization or entry.asset_observation
    return Read(
        key,
        *name_of(graph, naming, key, read_metadata(event.metadata)),
        version_of(event.tags or {}, entry.run_id) or "",
        event.partition,
        entry.run_id,
    )


def _partitions(
    context: OpExecutionContext, port: str | None, graph: AssetGraph, key: AssetKey
) -> Sequence[str] | None:
    """The partitions of an asset that are read; None where it has none."""
    known = graph.assets.get(tuple(key.path))
    if port is None or known is None or known.partitions is None:
        return None
    return context.asset_partition_keys_for_input(port)


def _of_partitions(
    instance: DagsterInstance,
    key: AssetKey,
    partitions: Sequence[str],
    graph: AssetGraph,
    naming: Naming,
) -> Iterator[Read]:
    """The newest version of each partition that there is."""
    for begin in range(0, len(partitions), _PAGE):
        newest_ids = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, DagsterEventType.ASSET_MATERIALIZATION, set(partitions[begin : begin + _PAGE])
        )
        if newest_ids:
            wanted = AssetRecordsFilter(asset_key=key, storage_ids=sorted(newest_ids.values()))
            for record in instance.fetch_materializations(wanted, limit=_PAGE).records:
                yield _read(record, key, graph, naming)


def runs_of(reads: Collection[Read]) -> list[str]:
    """The runs that recorded what is read; each once."""
    return list(dict.fromkeys(one.run_id for one in reads if one.run_id))
