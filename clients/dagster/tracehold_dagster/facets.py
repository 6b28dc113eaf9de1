"""OpenLineage facets as plain objects: one function per facet, the schema's address beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["EVENT_SCHEMA", "PRODUCER", "SCHEMAS", "facet"]

PRODUCER: Final = "https://tracehold.dev/clients/dagster/1"
_CORE: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
EVENT_SCHEMA: Final = {kind: f"{_CORE}{kind}Event" for kind in ("Run", "Dataset", "Job")}


def _standard(version: str, name: str, file: str | None = None) -> str:
    return f"https://openlineage.io/spec/facets/{version}/{file or name}.json#/$defs/{name}"


def _own(name: str) -> str:
    return f"https://tracehold.dev/spec/facets/1-0-0/{name}.json#/$defs/{name}"


SCHEMAS: Final[Mapping[str, str]] = {
    "columnLineage": _standard("1-2-0", "ColumnLineageDatasetFacet"),
    "dataQualityAssertions": _standard("1-1-0", "DataQualityAssertionsDatasetFacet"),
    "documentation": _standard("1-1-0", "DocumentationDatasetFacet"),
    "errorMessage": _standard("1-0-1", "ErrorMessageRunFacet"),
    "inputSubset": _standard("1-0-0", "InputSubsetInputDatasetFacet", "BaseSubsetDatasetFacet"),
    "jobType": _standard("2-0-4", "JobTypeJobFacet"),
    "lifecycleStateChange": _standard("1-0-1", "LifecycleStateChangeDatasetFacet"),
    "jobTags": _standard("1-0-0", "TagsJobFacet"),
    "lineage": _standard("1-0-0", "LineageDatasetFacet", "LineageFacet"),
    "outputStatistics": _standard("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "outputSubset": _standard("1-0-0", "OutputSubsetOutputDatasetFacet", "BaseSubsetDatasetFacet"),
    "ownership": _standard("1-0-1", "OwnershipDatasetFacet"),
    "parent": _standard("1-2-0", "ParentRunFacet"),
    "runTags": _standard("1-0-0", "TagsRunFacet"),
    "schema": _standard("1-2-0", "SchemaDatasetFacet"),
    "sourceCodeLocation": _standard("1-1-0", "SourceCodeLocationJobFacet"),
    "symlinks": _standard("1-0-1", "SymlinksDatasetFacet"),
    "tags": _standard("1-0-0", "TagsDatasetFacet"),
    "test": _standard("1-0-1", "TestRunFacet"),
    "version": _standard("1-0-1", "DatasetVersionDatasetFacet"),
    "dagster_asset": _own("DagsterAssetDatasetFacet"),
    "dagster_input": _own("DagsterInputDatasetFacet"),
    "dagster_step": _own("DagsterStepRunFacet"),
    "tracehold_qualityGate": _own("QualityGateDatasetFacet"),
}
"""The JSON Schema of every facet that the translator emits, by its key (``subset`` has two)."""

Facet = dict[str, Any]


def facet(schema: str, **members: Any) -> Facet:
    """A facet with its producer and schema; ``schema`` is a key of ``SCHEMAS``.

    Members that are None are left out.
    """
    made: Facet = {"_producer": PRODUCER, "_schemaURL": SCHEMAS[schema]}
    made.update((name, value) for name, value in members.items() if value is not None)
    return made
