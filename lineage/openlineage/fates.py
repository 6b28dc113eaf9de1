"""What becomes of each facet that the specification and its registry know, and why.

Every facet, these and any other, is kept in the journal as it came (scrubbed) and given back; this
table says which ones are also read. docs/reference/facet-fates.md is written from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from lineage.facts import FacetReader

__all__ = ["FATES", "Fate", "becomes"]

On = Literal["run", "job", "dataset", "input", "output"]


class Fate(NamedTuple):
    """One facet at one place.

    Attributes:
        key: Its key in an event.
        on: Where it stands.
        schema: Name of its definition in OpenLineage 2-0-2, or in the registry.
        why: Why it is read, or why it is only kept.
        wired: What it becomes beside aspects; empty where nothing.
    """

    key: str
    on: On
    schema: str
    why: str
    wired: str = ""


_WITH_RUN: Final = "kept with the run"
_WIDER: Final[dict[str, str]] = {"input": "dataset", "output": "dataset"}
"""What is read of a dataset is read wherever it stands."""

FATES: Final = (
    Fate("parent", "run", "ParentRunFacet", "A task belongs to its pipeline; views roll up to the"
         " outermost job.", f"edges `CHILD_OF`; {_WITH_RUN}"),
    Fate("nominalTime", "run", "NominalTimeRunFacet", "The period that a run is about is not the"
         " time at which it ran.", _WITH_RUN),
    Fate("errorMessage", "run", "ErrorMessageRunFacet", "Why a run failed; texts are scrubbed, for"
         " they quote rows.", _WITH_RUN),
    Fate("processing_engine", "run", "ProcessingEngineRunFacet", "Which engine made the data.",
         _WITH_RUN),
    Fate("externalQuery", "run", "ExternalQueryRunFacet", "Leads to the query in the database; its"
         " source helps to name tables.", _WITH_RUN),
    Fate("tags", "run", "TagsRunFacet", "Labels of one execution.", _WITH_RUN),
    Fate("extractionError", "run", "ExtractionErrorRunFacet", "Tells that the producer saw less"
         " than there was; counts, for messages may quote rows."),
    Fate("environmentVariables", "run", "EnvironmentVariablesRunFacet", "Values are secrets more"
         " often than lineage; they are masked."),
    Fate("executionParameters", "run", "ExecutionParametersRunFacet", "Values may be personal; they"
         " are masked."),
    Fate("jobDependencies", "run", "JobDependenciesRunFacet", "Says what waits for what, not where"
         " data goes."),
    Fate("test", "run", "TestRunFacet", "Outcomes of tests that stand on no"
         " single dataset."),
    Fate("jobType", "job", "JobTypeJobFacet", "Streams have no end, so that silence means nothing"
         " there."),
    Fate("sql", "job", "SQLJobFacet", "The statement shows what was done; literals are masked.",
         "edges `derived-sql` where no dataset is told"),
    Fate("sourceCode", "job", "SourceCodeJobFacet", "Code is long and may quote data;"
         " `sourceCodeLocation` leads to it."),
    Fate("sourceCodeLocation", "job", "SourceCodeLocationJobFacet", "Which code made the data."),
    Fate("documentation", "job", "DocumentationJobFacet", "What a job is for."),
    Fate("ownership", "job", "OwnershipJobFacet", "Who answers for a job."),
    Fate("tags", "job", "TagsJobFacet", "Labels of a job."),
    Fate("lineage", "job", "LineageJobFacet", "The explicit statement of what feeds what; no"
         " product is inferred beside it.", "edges `FEEDS`, `FEEDS_COLUMN`"),
    Fate("schema", "dataset", "SchemaDatasetFacet", "Columns are what people ask for."),
    Fate("columnLineage", "dataset", "ColumnLineageDatasetFacet", "Which column is made from which,"
         " and whether it was masked.", "edges `FEEDS_COLUMN`, `FEEDS`"),
    Fate("lineage", "dataset", "LineageDatasetFacet", "As on jobs, for one dataset.",
         "edges `FEEDS`, `FEEDS_COLUMN`"),
    Fate("dataSource", "dataset", "DatasourceDatasetFacet", "Where a dataset lives."),
    Fate("version", "dataset", "DatasetVersionDatasetFacet", "Pins what a run read and wrote.",
         "versions"),
    Fate("storage", "dataset", "StorageDatasetFacet", "Layer and format decide how data is"
         " deleted."),
    Fate("symlinks", "dataset", "SymlinksDatasetFacet", "Other names of the same thing; joined,"
         " never merged.", "edges `SAME_AS`"),
    Fate("lifecycleStateChange", "dataset", "LifecycleStateChangeDatasetFacet", "Overwriting and"
         " dropping end what was inside.", "ends of content"),
    Fate("ownership", "dataset", "OwnershipDatasetFacet", "Who answers for a dataset."),
    Fate("documentation", "dataset", "DocumentationDatasetFacet", "What a dataset is for."),
    Fate("tags", "dataset", "TagsDatasetFacet", "Labels of a dataset or of its columns; what they"
         " claim about personal data is shown as a claim."),
    Fate("datasetType", "dataset", "DatasetTypeDatasetFacet", "A view holds no data of its own."),
    Fate("hierarchy", "dataset", "HierarchyDatasetFacet", "Database and schema stand in the name"
         " already."),
    Fate("catalog", "dataset", "CatalogDatasetFacet", "Which catalog knows the table."),
    Fate("dataQualityMetrics", "dataset", "DataQualityMetricsDatasetFacet", "Least and greatest"
         " values are values of rows; only input metrics are read, and of them counts."),
    Fate("dataQualityAssertions", "dataset", "DataQualityAssertionsDatasetFacet", "Gates stand on"
         " them; read wherever producers put it."),
    Fate("dataQualityMetrics", "input", "DataQualityMetricsInputDatasetFacet", "Counts of rows,"
         " bytes and files; values of columns are left aside."),
    Fate("dataQualityAssertions", "input", "DataQualityAssertionsDatasetFacet", "As above, at its"
         " place in the schema."),
    Fate("inputStatistics", "input", "InputStatisticsInputDatasetFacet", "How much was read."),
    Fate("subset", "input", "InputSubsetInputDatasetFacet", "Which partitions were read; conditions"
         " may quote values, so that it stays with the event."),
    Fate("outputStatistics", "output", "OutputStatisticsOutputDatasetFacet", "How much was"
         " written."),
    Fate("subset", "output", "OutputSubsetOutputDatasetFacet", "Which partitions were written; as"
         " for inputs."),
    Fate("gcp_composer_job", "job", "GcpComposerJobFacet", "Where a workflow runs; of no use to"
         " lineage."),
    Fate("gcp_composer_run", "run", "GcpComposerRunFacet", "As above, of one run."),
    Fate("gcp_dataproc", "run", "GcpDataprocRunFacet", "Cluster and batch of a Spark run."),
    Fate("gcp_lineage", "job", "GcpLineageJobFacet", "How Google's catalog shows a job."),
    Fate("icebergScanReport", "input", "IcebergScanReportInputDatasetFacet", "Counters of a scan;"
         " the snapshot comes as `version` too."),
    Fate("icebergCommitReport", "output", "IcebergCommitReportOutputDatasetFacet", "Counters of a"
         " commit; the snapshot comes as `version` too."),
)  # fmt: skip
"""The 38 schemas of ``spec/facets`` (one of them abstract, two at two places) and the 6 of
``spec/registry``."""


def becomes(fate: Fate, readers: Iterable[FacetReader]) -> str:
    """What is read of a facet, in words; ``kept`` where nothing is.

    Args:
        fate: The facet.
        readers: All readers of the product.
    """
    aspects = dict.fromkeys(
        f"`{reader.aspect}`"
        for reader in readers
        if reader.facet == fate.key and reader.on in (fate.on, _WIDER.get(fate.on))
    )
    said = [f"aspect {', '.join(aspects)}"] if aspects else []
    return "; ".join([*said, *([fate.wired] if fate.wired else [])]) or "kept"
