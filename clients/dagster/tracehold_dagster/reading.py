"""Dagster's own objects as plain records, the same from Dagster 1.11 to 1.13."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tracehold_dagster import keys
from tracehold_dagster.records import (
    Asset,
    AssetGraph,
    AssetKey,
    CheckResult,
    Failure,
    Json,
    Meta,
    Record,
    Run,
)

if TYPE_CHECKING:
    from dagster import DagsterRun, EventLogEntry, EventLogRecord
    from dagster import RunRecord as DagsterRunRecord

__all__ = ["READERS", "read_graph", "read_metadata", "read_record", "read_run"]

_KIND: Final = "dagster/kind/"
_STORAGE_KIND: Final = "dagster/storage_kind"


def read_record(given: EventLogRecord | EventLogEntry) -> Record:
    """An entry of the event log; of a line that was logged nothing but its time, and no kind.

    Args:
        given: With its storage id, or the bare entry.
    """
    entry: Any = getattr(given, "event_log_entry", given)
    event = entry.dagster_event
    # As Dagster's GraphQL has it, so that the one who asks there says the same.
    at = int(entry.timestamp * 1000)
    if event is None:
        return Record("", entry.run_id, at)
    data = event.event_specific_data
    kind = event.event_type_value
    said: dict[str, Any] = {}
    reader = READERS.get(kind)
    if reader is not None and data is not None:
        said = reader(data)
    return Record(
        kind=kind,
        run_id=entry.run_id,
        at=at,
        storage_id=getattr(given, "storage_id", None),
        step_key=entry.step_key or event.step_key,
        **said,
    )


def read_run(given: DagsterRun | DagsterRunRecord) -> Run:
    """A run, or the record that holds it."""
    run: Any = getattr(given, "dagster_run", given)
    location, repository = _origin(run)
    config = json.dumps(run.run_config, sort_keys=True, separators=(",", ":"), default=str)
    return Run(
        run_id=run.run_id,
        job=run.job_name,
        tags=dict(run.tags),
        of_assets=bool(run.asset_selection or run.asset_check_selection)
        or run.job_name.startswith("__"),
        root_run_id=run.root_run_id,
        parent_run_id=run.parent_run_id,
        config_digest=hashlib.sha256(config.encode()).hexdigest(),
        location=location,
        repository=repository,
    )


def read_graph(given: Any) -> AssetGraph:
    """The assets of definitions.

    Args:
        given: ``Definitions``, a repository, or an asset graph, local or remote.

    Raises:
        TypeError: It is none of them.
    """
    graph = given
    for name in ("resolve_asset_graph", "get_asset_graph", "asset_graph"):
        found = getattr(graph, name, None)
        if found is not None:
            graph = found() if callable(found) else found
            break
    nodes = getattr(graph, "asset_nodes", None)
    if nodes is None:
        raise TypeError(f"no asset graph can be read from {type(given).__name__}")
    return AssetGraph({tuple(node.key.path): _asset(node) for node in nodes})


def read_metadata(given: Mapping[str, Any] | None) -> dict[str, Meta]:
    """The metadata that is read at all, as plain JSON: free text of others never leaves Dagster."""
    return {label: _meta(value) for label, value in (given or {}).items() if label in keys.METADATA}


def _asset(node: Any) -> Asset:
    tags = dict(node.tags)
    partitions = node.partitions_def
    kind = None if partitions is None else _PARTITIONS.get(type(partitions).__name__, "static")
    return Asset(
        key=tuple(node.key.path),
        deps=tuple(sorted(tuple(key.path) for key in node.parent_keys)),
        owners=tuple(node.owners),
        tags={key: value for key, value in tags.items() if not key.startswith(_KIND)},
        kinds=_kinds(tags),
        description=node.description,
        group=node.group_name,
        code_version=node.code_version,
        partitions=kind,
        dimensions=tuple(partitions.partition_dimension_names) if kind == "multi" else (),
        op=_op(node),
        metadata=read_metadata(node.metadata),
    )


def _kinds(tags: Mapping[str, str]) -> tuple[str, ...]:
    kinds = {key[len(_KIND) :] for key in tags if key.startswith(_KIND)}
    kinds |= {tags[_STORAGE_KIND]} if tags.get(_STORAGE_KIND) else set()
    return tuple(sorted(kinds))


_PARTITIONS: Final = {
    "DynamicPartitionsDefinition": "dynamic",
    "MultiPartitionsDefinition": "multi",
    "StaticPartitionsDefinition": "static",
    "TimeWindowPartitionsDefinition": "time_window",
    "DailyPartitionsDefinition": "time_window",
    "HourlyPartitionsDefinition": "time_window",
    "MonthlyPartitionsDefinition": "time_window",
    "WeeklyPartitionsDefinition": "time_window",
}


def _op(node: Any) -> str | None:
    if not node.is_executable:
        return None
    if hasattr(node, "assets_def"):
        return str(node.assets_def.node_def.name)
    remote = node.resolve_to_singular_repo_scoped_node().asset_node_snap
    name = remote.node_definition_name or remote.op_name
    return None if name is None else str(name)


def _origin(run: DagsterRun) -> tuple[str | None, str | None]:
    origin = run.remote_job_origin
    if origin is None:
        return None, None
    repository = origin.repository_origin
    return repository.code_location_origin.location_name, repository.repository_name


def _path(key: Any) -> AssetKey:
    return tuple(key.path)


def _materialized(data: Any) -> dict[str, Any]:
    return _asset_event(data.materialization)


def _observed(data: Any) -> dict[str, Any]:
    return _asset_event(data.asset_observation)


def _asset_event(event: Any) -> dict[str, Any]:
    partition = event.partition
    return {
        "asset": _path(event.asset_key),
        "partition": None if partition is None else str(partition),
        "tags": dict(event.tags or {}),
        "metadata": read_metadata(event.metadata),
    }


def _planned(data: Any) -> dict[str, Any]:
    return {"asset": _path(data.asset_key)}


def _checked(data: Any) -> dict[str, Any]:
    target = data.target_materialization_data
    return {
        "asset": _path(data.asset_key),
        "partition": getattr(data, "partition", None),
        "metadata": read_metadata(data.metadata),
        "check": CheckResult(
            name=data.check_name,
            passed=data.passed,
            severity=data.severity.value.lower(),
            blocking=getattr(data, "blocking", None),
            target_run_id=None if target is None else target.run_id,
            target_storage_id=None if target is None else target.storage_id,
        ),
    }


def _wiped(data: Any) -> dict[str, Any]:
    partitions = data.partition_keys
    return {
        "asset": _path(data.asset_key),
        "wiped_partitions": None if partitions is None else tuple(map(str, partitions)),
    }


def _failed(data: Any) -> dict[str, Any]:
    chain = []
    error = data.error
    while error is not None:
        chain.append(error.cls_name)
        error = error.cause
    said = getattr(data, "user_failure_data", None)
    metadata = read_metadata(None if said is None else said.metadata)
    return {"failure": Failure.of(chain), "metadata": metadata}


def _put_out(data: Any) -> dict[str, Any]:
    said = {label: value for label, value in data.metadata.items() if label == keys.RUN_FACETS}
    return {"metadata": read_metadata(said)}


READERS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "ASSET_CHECK_EVALUATION": _checked,
    "ASSET_CHECK_EVALUATION_PLANNED": _planned,
    "ASSET_MATERIALIZATION": _materialized,
    "ASSET_MATERIALIZATION_PLANNED": _planned,
    "ASSET_OBSERVATION": _observed,
    "ASSET_WIPED": _wiped,
    "PIPELINE_FAILURE": _failed,
    "STEP_FAILURE": _failed,
    "STEP_OUTPUT": _put_out,
    "STEP_UP_FOR_RETRY": _failed,
}
"""Kind of event → what its specific data says of a record."""


def _meta(value: Any) -> Meta:
    reader = _VALUES.get(type(value).__name__)
    if reader is not None:
        return Meta(*reader(value))
    plain = getattr(value, "value", value)
    if isinstance(plain, bool):
        return Meta("bool", plain)
    if isinstance(plain, int):
        return Meta("int", plain)
    if isinstance(plain, float):
        return Meta("float", plain if math.isfinite(plain) else None)
    if isinstance(plain, str):
        return Meta("text", plain)
    if isinstance(plain, dict | list):
        return Meta("json", plain)
    return Meta("other", None)


def _columns(schema: Any) -> list[Json]:
    return [
        {
            "name": column.name,
            "type": column.type,
            "description": column.description,
            "tags": dict(getattr(column, "tags", None) or {}),
        }
        for column in schema.columns
    ]


def _column_deps(lineage: Any) -> dict[str, Json]:
    return {
        column: [{"asset": list(dep.asset_key.path), "column": dep.column_name} for dep in deps]
        for column, deps in lineage.deps_by_column.items()
    }


def _references(given: Any) -> list[Json]:
    found: list[Json] = []
    for one in given.code_references:
        if hasattr(one, "url"):
            found.append({"url": one.url})
        elif hasattr(one, "file_path"):
            found.append({"file": str(one.file_path), "line": one.line_number})
    return found


_VALUES: Final[Mapping[str, Callable[[Any], tuple[str, Json]]]] = {
    "CodeReferencesMetadataValue": lambda value: ("code_references", _references(value)),
    "TableColumnLineage": lambda value: ("column_lineage", _column_deps(value)),
    "TableColumnLineageMetadataValue": lambda value: (
        "column_lineage",
        _column_deps(value.column_lineage),
    ),
    "TableSchema": lambda value: ("table_schema", _columns(value)),
    "TableSchemaMetadataValue": lambda value: ("table_schema", _columns(value.schema)),
}
