"""The page on what is read from Dagster and what is sent, written from the tables of the client."""

# ruff: noqa: E501 - lines of pages, not of code

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tracehold_dagster.facets import SCHEMAS
from tracehold_dagster.keys import METADATA, TAGS
from tracehold_dagster.records import KINDS

__all__ = ["BECOMES", "EMITTED", "dagster"]

EMITTED: Final[Mapping[str, tuple[str, str]]] = {
    "parent": (
        "run",
        "the Dagster run around a step; as root the backfill, or the first run of a chain of re-executions",
    ),
    "errorMessage": ("run", "the class of the error; its text never leaves Dagster"),
    "test": ("run", "every check of the step"),
    "runTags": (
        "run, as `tags`",
        "of the Dagster run as a whole: [who launched it, and of which code](../how-to/environments.md)",
    ),
    "dagster_step": ("run", "step key, attempt from 0, whether it was skipped"),
    "jobType": ("job", "`BATCH`, `DAGSTER`, and `ASSET`, `OP`, `JOB` or `WIPE`"),
    "jobTags": ("job, as `tags`", "the environment"),
    "sourceCodeLocation": ("job", "where the code of the asset lies"),
    "version": ("input, output", "the version, see below"),
    "schema": ("output", "columns with type and description"),
    "columnLineage": ("output", "columns that columns come from"),
    "lineage": ("output", "of a step with several outputs: what each one is made from"),
    "ownership": ("output", "owners of the asset; teams as `TEAM`"),
    "tags": ("output", "tags of the asset and of its columns, kinds as `kind`"),
    "documentation": ("output", "the asset's description"),
    "symlinks": ("output", "table and place that the asset lies in"),
    "dataQualityAssertions": (
        "input, output",
        "results of checks with their severity: on the output where the step itself wrote it, else on the input",
    ),
    "tracehold_qualityGate": ("input, output", "whether a blocking check failed"),
    "lifecycleStateChange": (
        "output",
        "`DROP` for a wiped asset, `ALTER` with the partitions for wiped partitions",
    ),
    "dagster_asset": (
        "output",
        "asset key, partition, code version, group, whether the data version was given",
    ),
    "dagster_input": (
        "input",
        "the version of each partition, where several were read; marks an input whose version cannot be told",
    ),
    "outputStatistics": ("output", "rows"),
    "outputSubset": ("output, as `subset`", "the partition that was written"),
    "inputSubset": ("input, as `subset`", "the partition that was read, where one was"),
}
"""Key of ``SCHEMAS`` → where the facet stands and what it says."""

BECOMES: Final[Mapping[str, str]] = {
    "PIPELINE_START": "START of the Dagster run",
    "PIPELINE_SUCCESS": "COMPLETE of the Dagster run",
    "PIPELINE_FAILURE": "FAIL of the Dagster run, and of steps that it left open",
    "PIPELINE_CANCELED": "ABORT of the Dagster run, and of steps that it left open",
    "STEP_START": "START of the step's first attempt",
    "STEP_RESTARTED": "START of the next attempt",
    "STEP_SUCCESS": "COMPLETE with inputs and outputs",
    "STEP_FAILURE": "FAIL with what it read, or would have read; COMPLETE where only a check of what it wrote failed",
    "STEP_OUTPUT": "nothing of its own; facets of the step's run, where its metadata names any",
    "STEP_UP_FOR_RETRY": "FAIL of this attempt",
    "STEP_SKIPPED": "ABORT; the step never began",
    "ASSET_MATERIALIZATION": "an output with its inputs; reported outside a run: a DatasetEvent",
    "ASSET_MATERIALIZATION_PLANNED": "nothing; says that the run is one of assets",
    "ASSET_OBSERVATION": "an input with its version; reported outside a run: a DatasetEvent",
    "ASSET_CHECK_EVALUATION": "an assertion; reported outside a run: a DatasetEvent",
    "ASSET_CHECK_EVALUATION_PLANNED": "nothing; says that the run is one of assets",
    "ASSET_WIPED": "COMPLETE of the job `dagster.wipe`",
}
"""Kind of record → what it becomes."""


def dagster() -> str:
    """The page."""
    return "\n".join(
        [
            "# Dagster: what is read, what is sent",
            "",
            "`tracehold_dagster` translates what Dagster 1.11 to 1.13 has recorded into OpenLineage events; so does `tracehold import dagster`. One pure",
            "function does it, so that both say the same, byte for byte, and the server counts what comes twice as a repetition.",
            "",
            "## Names",
            "",
            "| what | namespace | name |",
            "|---|---|---|",
            "| dataset of an asset | the setting `namespace`, by default the code location, with `-` and the environment behind it where one is set | asset key joined with `/` |",
            "| job of an asset's step, or of a check's | the same | its op; of a graph asset `graph.op` |",
            "| job of any other step | the same | `job.op` |",
            "| one output of a step that makes some of its op's assets | the same | `op.output`, inside the step's run |",
            "| Dagster run as a whole | the same | `dagster.job`; `dagster` for assets launched by hand or by conditions |",
            "| backfill | the same | the name of the run's job and `.backfill` |",
            "",
            'Copies of a dynamic step are runs of one job. The run id of an attempt is `uuid5(Dagster run id, "step key/attempt")`; the Dagster run keeps',
            "its own id. What a job did last is how its outputs are wired: so a step that makes some of its op's assets tells of each apart, and leaves the",
            "others as they were. Where an asset is known by another name too, `symlinks` says it, and the server",
            "[joins the names](../how-to/join-names.md). `dagster/table_name` alone does not say where the table lies: `dagster/uri` does, or the setting",
            '`stores`, a namespace per kind, such as `{"snowflake": "snowflake://org-account"}`.',
            "",
            "## Versions",
            "",
            "The version of an output is its data version. Where Dagster computed that from a code version that an author set, every run that reads the",
            "same makes the same one: then the Dagster run's id is behind it, after `@`. A code version equal to the run's id is one that nobody set.",
            "",
            "The version of an input is the one that was read. Where a record does not say it alone (equal versions of several runs, partitions, checks",
            "that ran by themselves), the sensor follows the record's pointer into Dagster's log; an import cannot. Several partitions read at once have one",
            "version each, in the facet `dagster_input`: of up to 99 neighbors in the order of their keys Dagster records a digest over their versions, and those are",
            "named that have it, if no others have. What stays unknown has no `version`, and `dagster_input` with `pinned: false`: partitions that are no",
            "neighbors or cannot be told apart, and upstreams that are wiped.",
            "",
            "## Releases",
            "",
            "The client says which protocol it speaks (header `Tracehold-Client`). A server that does not",
            "understand it, as either of them is too old, refuses with 409 `version-skew` before it takes",
            "anything; the sensor fails with what to upgrade, and sends everything again afterwards.",
            "",
            "## Records",
            "",
            "| record | becomes |",
            "|---|---|",
            *(f"| `{kind}` | {BECOMES[kind]} |" for kind in sorted(KINDS)),
            "",
            "A step that writes many outputs, or many partitions of one, tells them in RUNNING events before its end. What a failed step had written",
            "stays told. Records of other kinds are not read.",
            "",
            "## Metadata",
            "",
            "Of a materialization, else of the asset's definition. Other metadata is not read, and no text of it leaves Dagster.",
            "",
            "| label | becomes |",
            "|---|---|",
            *(f"| `{label}` | {becomes} |" for label, becomes in METADATA.items()),
            "",
            "## Tags",
            "",
            "| tag | becomes |",
            "|---|---|",
            *(f"| `{tag}` | {becomes} |" for tag, becomes in TAGS.items()),
            "",
            "Deps of the definitions are inputs too, where a record names no version of them.",
            "",
            "## Facets",
            "",
            "| facet | on | says |",
            "|---|---|---|",
            *(_row(key) for key in SCHEMAS),
            "",
        ]
    )


def _row(key: str) -> str:
    where, says = EMITTED[key]
    name = SCHEMAS[key].rpartition("/")[2]
    shown = "subset" if key.endswith("Subset") else "tags" if key.endswith("Tags") else key
    own = f" ([schema](facets/{name}.json))" if "tracehold.dev" in SCHEMAS[key] else ""
    return f"| `{shown}`{own} | {where.partition(',')[0] if ', as' in where else where} | {says} |"
