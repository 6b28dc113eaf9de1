"""The standard facets of OpenLineage 2-0-2 as typed forms: where does a facet break its schema?

Every facet of ``spec/facets`` is here, written from the specification. A facet is judged by the
form that its own ``_schemaURL`` names, whatever its key; one that names another schema, or another
model version of the same one, is not ours to judge. That these forms agree with the published
schemas is tested against them.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from lineage.facts import Json
from lineage.openlineage.forms import datasets, jobs, runs, wiring

__all__ = ["FORMS", "breach"]

FORMS: Final[dict[str, tuple[str, type[msgspec.Struct]]]] = {
    "CatalogDatasetFacet": ("1", datasets.Catalog),
    "ColumnLineageDatasetFacet": ("1", datasets.ColumnLineage),
    "DataQualityAssertionsDatasetFacet": ("1", datasets.Assertions),
    "DataQualityMetricsDatasetFacet": ("1", datasets.Metrics),
    "DataQualityMetricsInputDatasetFacet": ("1", datasets.Metrics),
    "DatasetTypeDatasetFacet": ("1", datasets.DatasetType),
    "DatasetVersionDatasetFacet": ("1", datasets.Version),
    "DatasourceDatasetFacet": ("1", datasets.DataSource),
    "DocumentationDatasetFacet": ("1", jobs.Documentation),
    "DocumentationJobFacet": ("1", jobs.Documentation),
    "EnvironmentVariablesRunFacet": ("1", runs.Environment),
    "ErrorMessageRunFacet": ("1", runs.ErrorMessage),
    "ExecutionParametersRunFacet": ("1", runs.Parameters),
    "ExternalQueryRunFacet": ("1", runs.ExternalQuery),
    "ExtractionErrorRunFacet": ("1", runs.ExtractionError),
    "HierarchyDatasetFacet": ("1", datasets.Hierarchy),
    "InputStatisticsInputDatasetFacet": ("1", datasets.Statistics),
    "InputSubsetInputDatasetFacet": ("1", wiring.InputSubset),
    "JobDependenciesRunFacet": ("1", runs.Dependencies),
    "JobTypeJobFacet": ("2", jobs.JobType),
    "LifecycleStateChangeDatasetFacet": ("1", datasets.Lifecycle),
    "LineageDatasetFacet": ("1", wiring.DatasetLineage),
    "LineageJobFacet": ("1", wiring.JobLineage),
    "NominalTimeRunFacet": ("1", runs.NominalTime),
    "OutputStatisticsOutputDatasetFacet": ("1", datasets.Statistics),
    "OutputSubsetOutputDatasetFacet": ("1", wiring.OutputSubset),
    "OwnershipDatasetFacet": ("1", jobs.Ownership),
    "OwnershipJobFacet": ("1", jobs.Ownership),
    "ParentRunFacet": ("1", runs.Parent),
    "ProcessingEngineRunFacet": ("1", runs.ProcessingEngine),
    "SQLJobFacet": ("1", jobs.Sql),
    "SchemaDatasetFacet": ("1", datasets.Schema),
    "SourceCodeJobFacet": ("1", jobs.SourceCode),
    "SourceCodeLocationJobFacet": ("1", jobs.SourceCodeLocation),
    "StorageDatasetFacet": ("1", datasets.Storage),
    "SymlinksDatasetFacet": ("1", datasets.Symlinks),
    "TagsDatasetFacet": ("1", jobs.FieldTags),
    "TagsJobFacet": ("1", jobs.Tags),
    "TagsRunFacet": ("1", jobs.Tags),
    "TestRunFacet": ("1", runs.Tests),
}
"""Name of the definition → its model version (OpenLineage's ``Versioning.md``) and its form."""

_NAMED: Final = re.compile(
    r"https?://(?:openlineage\.io|[\w.]*github[\w.]*/OpenLineage/OpenLineage)/\S*?"
    r"(?:/(?P<model>\d+)-\d+-\d+)?/(?:\w+\.json#/(?:\$defs|definitions)/)?"
    r"(?P<name>\w+)(?:\.json)?"
)


def form_of(facet: dict[str, Json]) -> Any:
    """The form of the standard schema that a facet names; None where it names another."""
    url = facet.get("_schemaURL")
    named = _NAMED.fullmatch(url) if isinstance(url, str) else None
    if named is None:
        return None
    model, form = FORMS.get(named["name"], ("", None))
    return form if named["model"] in (None, model) else None


def breach(facet: dict[str, Json]) -> str | None:
    """Where a facet breaks the schema that it names.

    Returns:
        A JSON pointer within the facet (``*`` for any member of a list or map; empty for the facet
        as a whole), or None where it does not, or where its schema is not of the standard.
    """
    form = form_of(facet)
    if form is None:
        return None
    try:
        msgspec.convert(facet, form)
    except msgspec.ValidationError as error:
        return _place(str(error))
    except RecursionError:
        return ""
    return None


_MEMBER: Final = re.compile(r"\.([\w]+)|\[[^\]]*\]")


def _place(text: str) -> str:
    """The place that an error of msgspec names, with the member that is missing there."""
    said, _, path = text.rpartition(" - at `")
    steps = [match[1] or "*" for match in _MEMBER.finditer(path.rstrip("`"))]
    missing = re.search(r"missing required field `(\w+)`", said or text)
    if missing:
        steps.append(missing[1])
    return "".join(f"/{step}" for step in steps)
