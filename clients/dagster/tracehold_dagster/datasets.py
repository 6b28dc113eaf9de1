"""Datasets as OpenLineage has them, from what Dagster records and what the definitions say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tracehold_dagster import keys
from tracehold_dagster.facets import facet
from tracehold_dagster.names import Naming, physical_names
from tracehold_dagster.records import (
    Asset,
    AssetGraph,
    AssetKey,
    CheckResult,
    Json,
    Meta,
    Record,
    Source,
)

__all__ = [
    "Dataset",
    "Describing",
    "add_assertion",
    "data_version",
    "input_versions",
    "key_of",
    "run_facets",
    "version_of",
]

Dataset = dict[str, Any]

_NO_VERSION: Final = frozenset({"", "INITIAL", "NULL", "UNKNOWN"})


def data_version(tags: Mapping[str, str]) -> str | None:
    """The data version that the tags of a materialization or an observation name."""
    return next(
        (tags[tag] for tag in keys.DATA_VERSION if tags.get(tag, "") not in _NO_VERSION), None
    )


def version_of(tags: Mapping[str, str], dagster_run_id: str) -> str | None:
    """The name of the version that a materialization or an observation made.

    It is the data version, with the run behind it where Dagster computed it from a code version
    that an author set: then every run that reads the same makes the same one.
    """
    version = data_version(tags)
    code = tags.get(keys.CODE_VERSION, dagster_run_id)
    if version is None or code == dagster_run_id or tags.get(keys.DATA_VERSION_BY_USER) == "true":
        return version
    return f"{version}@{dagster_run_id}"


def input_versions(tags: Mapping[str, str]) -> dict[AssetKey, str | None]:
    """The assets that a materialization says it read, each with the data version that was read.

    The version is None where nobody had made the asset yet.
    """
    found: dict[AssetKey, str | None] = {}
    for tag, value in sorted(tags.items()):
        for prefix in keys.INPUT_VERSION:
            if tag.startswith(prefix):
                key = tuple(tag[len(prefix) :].split("/"))
                found[key] = None if value in _NO_VERSION else value
        if tag.startswith(keys.INPUT_POINTER):
            found.setdefault(tuple(tag[len(keys.INPUT_POINTER) :].split("/")))
    return found


def run_facets(record: Record) -> Dataset:
    """Facets of the run that the metadata of a record gives."""
    return _object(record.metadata, keys.RUN_FACETS)


def key_of(dataset: Dataset) -> str:
    """One text for the name of a dataset; no namespace holds a line break."""
    return f"{dataset['namespace']}\n{dataset['name']}"


class Describing:
    """Describes datasets of one code location."""

    def __init__(self, graph: AssetGraph | None, naming: Naming) -> None:
        self._assets: Mapping[AssetKey, Asset] = graph.assets if graph is not None else {}
        self._by_op: Mapping[str, tuple[Asset, ...]] = graph.by_op if graph is not None else {}
        self._naming = naming

    def asset(self, key: AssetKey) -> Asset:
        """What the definitions say; an asset without anything where they say nothing."""
        return self._assets.get(key) or Asset(key)

    def made_by(self, op: str) -> tuple[Asset, ...]:
        """The assets that an op makes, or the graph asset around it."""
        while op:
            found = self._by_op.get(op)
            if found:
                return found
            op = op.rpartition(".")[0]
        return ()

    def name(self, key: AssetKey, metadata: Mapping[str, Meta] | None = None) -> Dataset:
        """Namespace and name of an asset, and no facet."""
        namespace, name = self._naming.dataset(key)
        for said in (metadata or {}, self.asset(key).metadata):
            value = _object(said, keys.DATASET)
            if isinstance(value.get("name"), str):
                return {
                    "namespace": str(value.get("namespace") or namespace),
                    "name": value["name"],
                }
        return {"namespace": namespace, "name": name}

    def input(
        self, key: AssetKey, source: Source | None = None, unpinned: str | None = None
    ) -> Dataset:
        """A dataset that was read; one that no step makes is described where it is read.

        Args:
            key: Of the asset.
            source: What was read of it, where that is known.
            unpinned: The data version that was recorded, where nobody is known to have made it.
        """
        asset = self.asset(key)
        made: Dataset = {**self.name(key), "facets": {}}
        if asset.op is None and key in self._assets:
            made["facets"] = self._facets(asset, asset.metadata)
        if source is not None and source.parts:
            condition = _condition((name, _dimensions(name, asset)) for name, _ in source.parts)
            parts = [{"partition": name, "version": version} for name, version in source.parts]
            made["inputFacets"] = {
                "subset": facet("inputSubset", inputCondition=condition),
                "dagster_input": facet(
                    "dagster_input", dataVersion=source.version, pinned=True, partitions=parts
                ),
            }
        elif source is not None:
            made["facets"]["version"] = facet("version", datasetVersion=source.version)
            if source.partition is not None:
                condition = _condition([(source.partition, _dimensions(source.partition, asset))])
                made["inputFacets"] = {"subset": facet("inputSubset", inputCondition=condition)}
        if unpinned is not None:
            said = facet("dagster_input", dataVersion=unpinned, pinned=False)
            made["inputFacets"] = {"dagster_input": said}
        return made

    def observed(self, key: AssetKey, record: Record) -> Dataset:
        """A dataset that an observation looked at."""
        made = self._described(key, record)
        facets = made["facets"]
        facets.update(_object(record.metadata, keys.DATASET_FACETS))
        if condition := self._subset(record):
            made["inputFacets"] = {"subset": facet("inputSubset", inputCondition=condition)}
        return made

    def output(self, key: AssetKey, record: Record) -> Dataset:
        """A dataset that a materialization wrote."""
        made = self._described(key, record)
        made["facets"].update(_object(record.metadata, keys.DATASET_FACETS))
        own: Dataset = {}
        rows = _rows(record)
        if rows is not None:
            own["outputStatistics"] = facet("outputStatistics", rowCount=rows)
        if condition := self._subset(record):
            own["subset"] = facet("outputSubset", outputCondition=condition)
        own.update(_object(record.metadata, keys.OUTPUT_FACETS))
        if gate := _object(record.metadata, keys.GATE):
            made["facets"]["tracehold_qualityGate"] = facet("tracehold_qualityGate", **gate)
        made["outputFacets"] = own
        return made

    def wiped(self, key: AssetKey, record: Record) -> Dataset:
        """A dataset whose records were deleted, all of them or those of some partitions."""
        partitions = record.wiped_partitions
        change = "DROP" if partitions is None else "ALTER"
        made: Dataset = {
            **self.name(key),
            "facets": {
                "lifecycleStateChange": facet("lifecycleStateChange", lifecycleStateChange=change)
            },
        }
        if partitions is not None:
            condition = _condition([(name, {}) for name in partitions])
            made["outputFacets"] = {"subset": facet("outputSubset", outputCondition=condition)}
        return made

    def extra_inputs(self, record: Record) -> Iterator[Dataset]:
        """Inputs that the metadata of a materialization names beside what Dagster recorded."""
        given = record.metadata.get(keys.INPUTS)
        for one in given.value if given is not None and isinstance(given.value, list) else ():
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                made: Dataset = {
                    "namespace": str(one.get("namespace") or self._naming.namespace),
                    "name": one["name"],
                    "facets": dict(one.get("facets") or {}),
                }
                if one.get("inputFacets"):
                    made["inputFacets"] = dict(one["inputFacets"])
                yield made

    def _described(self, key: AssetKey, record: Record) -> Dataset:
        asset = self.asset(key)
        metadata = {**asset.metadata, **record.metadata}
        facets = self._facets(asset, metadata)
        version = version_of(record.tags, record.run_id)
        if version is not None:
            facets["version"] = facet("version", datasetVersion=version)
        code = record.tags.get(keys.CODE_VERSION)
        facets["dagster_asset"] = facet(
            "dagster_asset",
            assetKey=list(key),
            partition=record.partition,
            # Where its author set none, Dagster records the run's id.
            codeVersion=code if code != record.run_id else None,
            group=asset.group,
            dataVersionByUser=record.tags.get(keys.DATA_VERSION_BY_USER) == "true" or None,
        )
        return {**self.name(key, record.metadata), "facets": facets}

    def _facets(self, asset: Asset, metadata: Mapping[str, Meta]) -> Dataset:
        made: Dataset = {}
        columns = _list(metadata, keys.COLUMN_SCHEMA, "table_schema")
        if columns:
            fields = [
                {name: one[name] for name in ("name", "type", "description") if one.get(name)}
                for one in columns
            ]
            made["schema"] = facet("schema", fields=fields)
        lineage = metadata.get(keys.COLUMN_LINEAGE)
        if lineage is not None and lineage.kind == "column_lineage" and lineage.value:
            made["columnLineage"] = facet("columnLineage", fields=self._columns(lineage.value))
        if asset.description:
            made["documentation"] = facet(
                "documentation", description=asset.description, contentType="text/markdown"
            )
        if asset.owners:
            owners = [
                {"name": name, "type": "TEAM" if name.startswith("team:") else "OWNER"}
                for name in asset.owners
            ]
            made["ownership"] = facet("ownership", owners=owners)
        tags = [*_asset_tags(asset), *_column_tags(columns)]
        if tags:
            made["tags"] = facet("tags", tags=tags)
        links = physical_names(
            _text(metadata, keys.TABLE_NAME),
            _text(metadata, keys.URI),
            asset.kinds,
            self._naming,
        )
        own = self._naming.dataset(asset.key)
        links = [link for link in links if (link["namespace"], link["name"]) != own]
        if links:
            made["symlinks"] = facet("symlinks", identifiers=links)
        return made

    def _columns(self, given: Mapping[str, list[Json]]) -> dict[str, Json]:
        return {
            column: {
                "inputFields": [
                    {**self.name(tuple(one["asset"])), "field": one["column"]} for one in inputs
                ]
            }
            for column, inputs in given.items()
        }

    def _subset(self, record: Record) -> Dataset | None:
        if record.partition is None:
            return None
        dimensions = {
            tag[len(keys.DIMENSION) :]: value
            for tag, value in sorted(record.tags.items())
            if tag.startswith(keys.DIMENSION)
        }
        return _condition([(record.partition, dimensions)])


def add_assertion(dataset: Dataset, record: Record, check: CheckResult, *, as_input: bool) -> None:
    """Say with a dataset how a check of it came out; of a gate there is nothing to say."""
    if keys.GATE in record.metadata:
        return
    facets = dataset.setdefault("inputFacets", {}) if as_input else dataset["facets"]
    said = facets.setdefault("dataQualityAssertions", facet("dataQualityAssertions", assertions=[]))
    said["assertions"].append(
        {
            **_object(record.metadata, keys.ASSERTION),
            "assertion": check.name,
            "success": check.passed,
            "severity": check.severity,
        }
    )


def _dimensions(partition: str, asset: Asset) -> Mapping[str, str]:
    # Dagster joins them in the order of their names.
    parts = partition.split("|")
    names = sorted(asset.dimensions)
    return dict(zip(names, parts, strict=True)) if len(parts) == len(names) else {}


def _condition(partitions: Iterable[tuple[str, Mapping[str, str]]]) -> Dataset:
    return {
        "type": "partition",
        "partitions": [
            {"dimensions": dict(dimensions) or {"partition": name}, "identifier": name}
            for name, dimensions in partitions
        ],
    }


def _asset_tags(asset: Asset) -> Iterator[Dataset]:
    for key, value in sorted(asset.tags.items()):
        yield {"key": key, "value": value, "source": "DAGSTER"}
    for kind in sorted(asset.kinds):
        yield {"key": "kind", "value": kind, "source": "DAGSTER"}


def _column_tags(columns: list[Json]) -> Iterator[Dataset]:
    for column in columns:
        for key, value in sorted((column.get("tags") or {}).items()):
            yield {"key": key, "value": value, "source": "DAGSTER", "field": column["name"]}


def _rows(record: Record) -> int | None:
    # The count of the partition is that of what was written; the other may be of the whole table.
    for name in (keys.PARTITION_ROWS, keys.ROWS):
        meta = record.metadata.get(name)
        if meta is not None and isinstance(meta.value, int) and not isinstance(meta.value, bool):
            return meta.value
    return None


def _text(metadata: Mapping[str, Meta], name: str) -> str | None:
    meta = metadata.get(name)
    return meta.value if meta is not None and isinstance(meta.value, str) else None


def _list(metadata: Mapping[str, Meta], name: str, kind: str) -> list[Json]:
    meta = metadata.get(name)
    return list(meta.value) if meta is not None and meta.kind == kind else []


def _object(metadata: Mapping[str, Meta], name: str) -> dict[str, Any]:
    meta = metadata.get(name)
    return dict(meta.value) if meta is not None and isinstance(meta.value, dict) else {}
