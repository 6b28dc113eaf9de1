"""The labels of metadata and the tags that the translator reads, and what becomes of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = [
    "ASSERTION",
    "BACKFILL",
    "CODE_REFERENCES",
    "CODE_VERSION",
    "COLUMN_LINEAGE",
    "COLUMN_SCHEMA",
    "DATASET",
    "DATASET_FACETS",
    "DATA_VERSION",
    "DATA_VERSION_BY_USER",
    "DIMENSION",
    "GATE",
    "INPUTS",
    "INPUT_POINTER",
    "INPUT_VERSION",
    "JOB",
    "METADATA",
    "OUTPUT_FACETS",
    "PARTITION_ROWS",
    "ROWS",
    "RUN_FACETS",
    "TABLE_NAME",
    "TAGS",
    "URI",
]

COLUMN_SCHEMA: Final = "dagster/column_schema"
COLUMN_LINEAGE: Final = "dagster/column_lineage"
ROWS: Final = "dagster/row_count"
PARTITION_ROWS: Final = "dagster/partition_row_count"
TABLE_NAME: Final = "dagster/table_name"
URI: Final = "dagster/uri"
CODE_REFERENCES: Final = "dagster/code_references"

ASSERTION: Final = "tracehold/assertion"
DATASET: Final = "tracehold/dataset"
DATASET_FACETS: Final = "tracehold/dataset_facets"
GATE: Final = "tracehold/gate"
INPUTS: Final = "tracehold/inputs"
JOB: Final = "tracehold/job"
OUTPUT_FACETS: Final = "tracehold/output_facets"
RUN_FACETS: Final = "tracehold/run_facets"

METADATA: Final[Mapping[str, str]] = {
    COLUMN_SCHEMA: "`schema` of the output; tags of columns in `tags`",
    COLUMN_LINEAGE: "`columnLineage` of the output",
    ROWS: "`outputStatistics.rowCount`",
    PARTITION_ROWS: "`outputStatistics.rowCount`, before `dagster/row_count`",
    TABLE_NAME: "`symlinks`: a `TABLE`",
    URI: "`symlinks`: a `LOCATION`, or where the table lies",
    CODE_REFERENCES: "`sourceCodeLocation` of the job; read from definitions",
    DATASET: "`{namespace, name}` of the dataset, instead of those of the asset key",
    DATASET_FACETS: "facets of the output dataset, as they are",
    OUTPUT_FACETS: "`outputFacets` of the output, as they are",
    INPUTS: "further inputs: a list of `{namespace, name, facets, inputFacets}`",
    RUN_FACETS: "facets of the step's run, as they are; of an output of an op and of a"
    " `dagster.Failure` too",
    ASSERTION: "of a check: more members of its assertion, such as `column` and `expected`",
    GATE: "of a check that asked a gate: its result says nothing of the data, and is no assertion;"
    " of a materialization behind a gate: `tracehold_qualityGate`",
    JOB: "name of the job; read from definitions, since a run has begun before it records metadata",
}
"""Labels of metadata, of a materialization or else of the asset's definition."""

DATA_VERSION: Final = ("dagster/data_version", "dagster/logical_version")
DATA_VERSION_BY_USER: Final = "dagster/data_version_is_user_provided"
CODE_VERSION: Final = "dagster/code_version"
INPUT_VERSION: Final = ("dagster/input_data_version/", "dagster/input_logical_version/")
INPUT_POINTER: Final = "dagster/input_event_pointer/"
DIMENSION: Final = "dagster/partition/"
BACKFILL: Final = "dagster/backfill"

TAGS: Final[Mapping[str, str]] = {
    "dagster/data_version": "`version` of the output",
    "dagster/data_version_is_user_provided": "`dagster_asset.dataVersionByUser`",
    "dagster/code_version": "`dagster_asset.codeVersion`, unless it is the id of the run: then"
    " nobody set one",
    "dagster/input_data_version/*": "an input with its `version`",
    "dagster/input_event_pointer/*": "an input",
    "dagster/partition/*": "dimensions of the `subset`",
    "dagster/backfill": "on a run: the backfill around it, as `parent` and root",
}
"""Tags of materializations, observations and runs; ``dagster/logical_version`` and
``dagster/input_logical_version/*`` of old records are read alike."""
