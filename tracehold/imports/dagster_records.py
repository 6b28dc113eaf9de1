"""Dagster's GraphQL answers as the records that the translator of its client reads. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Final

from lineage.facts import Json
from tracehold.imports.values import listed, members, parts, text
from tracehold_dagster.keys import METADATA
from tracehold_dagster.records import (
    KINDS,
    Asset,
    AssetGraph,
    AssetKey,
    CheckResult,
    Failure,
    Meta,
    Record,
    Run,
)

__all__ = ["graphs_of", "record_of", "run_of"]

_KIND: Final = "dagster/kind/"
_PARTITIONS: Final = {
    "TIME_WINDOW": "time_window", "STATIC": "static", "MULTIPARTITIONED": "multi",
    "DYNAMIC": "dynamic",
}  # fmt: skip
_TEXTS: Final = {
    "TextMetadataEntry": "text", "MarkdownMetadataEntry": "mdStr", "UrlMetadataEntry": "url",
    "PathMetadataEntry": "path", "NotebookMetadataEntry": "path",
}  # fmt: skip


def run_of(run: Mapping[str, Json]) -> Run:
    """A run of ``runsOrError``."""
    origin = members(run.get("repositoryOrigin"))
    config = json.dumps(run.get("runConfig") or {}, sort_keys=True, separators=(",", ":"))
    job = text(run.get("jobName"))
    return Run(
        run_id=text(run.get("runId")),
        job=job,
        tags=_pairs(run.get("tags")),
        of_assets=bool(run.get("assetSelection") or run.get("assetCheckSelection"))
        or job.startswith("__"),
        root_run_id=text(run.get("rootRunId")) or None,
        parent_run_id=text(run.get("parentRunId")) or None,
        config_digest=hashlib.sha256(config.encode()).hexdigest(),
        location=text(origin.get("repositoryLocationName")) or None,
        repository=text(origin.get("repositoryName")) or None,
    )


def record_of(event: Mapping[str, Json], run_id: str) -> Record | None:
    """An event of ``logsForRun``, or one of an asset's own history; None where it is not read."""
    kind = text(event.get("eventType")).replace("RUN_", "PIPELINE_", 1)
    if kind not in KINDS:
        return None
    inside = members(event.get("evaluation")) or members(event.get("failureMetadata"))
    said = inside or event
    return Record(
        kind=kind,
        run_id=run_id,
        at=int(text(event.get("timestamp")) or 0),
        step_key=text(event.get("stepKey")) or None,
        asset=_key(said.get("assetKey")),
        partition=text(said.get("partition")) or None,
        tags=_pairs(event.get("tags")),
        metadata=_metadata(said.get("metadataEntries")),
        check=_check(said) if kind == "ASSET_CHECK_EVALUATION" else None,
        failure=Failure.of(_causes(event.get("error"))),
    )


def graphs_of(nodes: Iterable[Mapping[str, Json]]) -> dict[str, AssetGraph]:
    """The assets of every code location, by its name."""
    found: dict[str, dict[AssetKey, Asset]] = {}
    for node in nodes:
        location = text(members(members(node.get("repository")).get("location")).get("name"))
        asset = _asset(node)
        found.setdefault(location, {})[asset.key] = asset
    return {location: AssetGraph(assets) for location, assets in found.items()}


def _asset(node: Mapping[str, Json]) -> Asset:
    tags = _pairs(node.get("tags"))
    partitions = members(node.get("partitionDefinition"))
    kind = _PARTITIONS.get(text(partitions.get("type")))
    op = text(node.get("graphName")) or text(node.get("opName"))
    return Asset(
        key=_key(node.get("assetKey")) or (),
        deps=tuple(sorted(filter(None, map(_key, listed(node.get("dependencyKeys")))))),
        owners=tuple(
            text(one.get("email")) or f"team:{text(one.get('team'))}"
            for one in parts(node.get("owners"))
        ),
        tags={key: value for key, value in tags.items() if not key.startswith(_KIND)},
        kinds=tuple(sorted(key[len(_KIND) :] for key in tags if key.startswith(_KIND))),
        description=text(node.get("description")) or None,
        group=text(node.get("groupName")) or None,
        code_version=text(node.get("opVersion")) or None,
        partitions=kind,
        dimensions=tuple(text(one.get("name")) for one in parts(partitions.get("dimensionTypes")))
        if kind == "multi"
        else (),
        op=(op or None) if node.get("isExecutable") else None,
        metadata=_metadata(node.get("metadataEntries")),
    )


def _key(value: Json) -> AssetKey | None:
    path = members(value).get("path")
    return tuple(map(str, path)) if isinstance(path, list) else None


def _pairs(value: Json) -> dict[str, str]:
    return {text(one.get("key")): text(one.get("value")) for one in parts(value)}


def _causes(error: Json) -> list[str | None]:
    chain: list[str | None] = []
    while isinstance(error, dict):
        chain.append(text(error.get("className")) or None)
        error = error.get("cause")
    return chain


def _check(said: Mapping[str, Json]) -> CheckResult:
    target = members(said.get("targetMaterialization"))
    storage_id = text(target.get("storageId"))
    return CheckResult(
        name=text(said.get("checkName")),
        passed=said.get("success") is True,
        severity=text(said.get("severity")).lower() or "error",
        target_run_id=text(target.get("runId")) or None,
        target_storage_id=int(storage_id) if storage_id.isdigit() else None,
    )


def _metadata(entries: Json) -> dict[str, Meta]:
    return {
        text(entry.get("label")): _meta(entry)
        for entry in parts(entries)
        if entry.get("label") in METADATA
    }


def _meta(entry: Mapping[str, Json]) -> Meta:
    kind = text(entry.get("__typename"))
    if (member := _TEXTS.get(kind)) is not None:
        return Meta("text", entry.get(member))
    if kind == "IntMetadataEntry":
        whole = text(entry.get("intRepr"))
        return Meta("int", int(whole)) if whole.lstrip("-").isdigit() else Meta("other", None)
    if kind == "FloatMetadataEntry":
        return Meta("float", entry.get("floatValue"))
    if kind == "TimestampMetadataEntry":
        return Meta("float", entry.get("timestamp"))
    if kind == "BoolMetadataEntry":
        return Meta("bool", entry.get("boolValue"))
    if kind == "JsonMetadataEntry":
        return Meta("json", json.loads(text(entry.get("jsonString"))))
    if kind == "TableSchemaMetadataEntry":
        return Meta("table_schema", _columns(members(entry.get("schema"))))
    if kind == "TableColumnLineageMetadataEntry":
        return Meta("column_lineage", _column_deps(parts(entry.get("lineage"))))
    if kind == "CodeReferencesMetadataEntry":
        return Meta("code_references", _references(parts(entry.get("codeReferences"))))
    return Meta("other", None)


def _columns(schema: Mapping[str, Json]) -> list[Json]:
    return [
        {
            "name": column.get("name"),
            "type": column.get("type"),
            "description": column.get("description"),
            "tags": _pairs(column.get("tags")),
        }
        for column in parts(schema.get("columns"))
    ]


def _column_deps(lineage: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    return {
        text(one.get("columnName")): [
            {"asset": list(_key(dep.get("assetKey")) or ()), "column": dep.get("columnName")}
            for dep in parts(one.get("columnDeps"))
        ]
        for one in lineage
    }


def _references(given: Iterable[Mapping[str, Json]]) -> list[Json]:
    return [
        {"url": one["url"]} if "url" in one
        else {"file": one.get("filePath"), "line": one.get("lineNumber")}
        for one in given
    ]  # fmt: skip
