"""What the scenarios of OpenLineage/compatibility-tests must show: written out by hand from
their events."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["EXPECTED", "SCENARIOS", "Expected", "sent"]

SCENARIOS = (
    Path(__file__).resolve().parents[3] / "shared" / "corpus" / "compat" / "consumer" / "scenarios"
)


@dataclass(frozen=True)
class Expected:
    """A scenario; datasets are written ``namespace name``, columns ``dataset column``.

    Attributes:
        jobs: Jobs by name.
        inside: (job, the job around it).
        datasets: That are read or written.
        feeds: (source, destination, kind).
        columns: (source, destination) → whether values pass.
        names: (dataset, other name) by symlinks.
        runs: How many; all of them completed.
    """

    namespace: str
    jobs: frozenset[str]
    inside: frozenset[tuple[str, str]]
    datasets: frozenset[str]
    feeds: frozenset[tuple[str, str, str]]
    columns: dict[tuple[str, str], bool] = field(default_factory=dict)
    names: frozenset[tuple[str, str]] = frozenset()
    runs: int = 0


def children(parent: str, *tasks: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    jobs = [f"{parent}.{task}" for task in tasks]
    return frozenset([parent, *jobs]), frozenset((job, parent) for job in jobs)


def same(source: str, target: str, columns: str) -> dict[tuple[str, str], bool]:
    return {(f"{source} {one}", f"{target} {one}"): True for one in columns}


SOURCE1, SOURCE2 = "file /tmp/cll_test/cll_source1", "file /tmp/cll_test/cll_source2"
TBL1 = "file /tmp/cll_test/tbl1"
_CLL_JOBS = children(
    "open_lineage_integration_create_table",
    "execute_create_table_command.cll_test_cll_source1",
    "execute_create_table_command.cll_test_cll_source2",
    "execute_create_hive_table_as_select_command.default_tbl1",
)
CLL = Expected(
    "testColumnLevelLineage",
    *_CLL_JOBS,
    datasets=frozenset({SOURCE1, SOURCE2, TBL1}),
    feeds=frozenset({(SOURCE1, TBL1, "columns"), (SOURCE2, TBL1, "columns")}),
    columns={
        (f"{SOURCE1} a", f"{TBL1} ident"): True,
        (f"{SOURCE1} b", f"{TBL1} ident"): False,
        (f"{SOURCE2} a", f"{TBL1} ident"): False,
        (f"{SOURCE1} a", f"{TBL1} trans"): False,
        (f"{SOURCE1} b", f"{TBL1} trans"): True,
        (f"{SOURCE2} a", f"{TBL1} trans"): False,
        (f"{SOURCE1} a", f"{TBL1} agg"): False,
        (f"{SOURCE1} b", f"{TBL1} agg"): False,
        (f"{SOURCE2} c", f"{TBL1} agg"): True,
        (f"{SOURCE2} a", f"{TBL1} agg"): False,
    },
    names=frozenset(
        {
            (SOURCE1, "file:/tmp/cll_test default.cll_source1"),
            (SOURCE2, "file:/tmp/cll_test default.cll_source2"),
            (TBL1, "file:/tmp/cll_test default.tbl1"),
        }
    ),
    runs=4,
)

_BQ = children("BQ", "upload", "copy", "download")
_DAG = children("dag", "task_0")
_GCS = children(
    "gcs_hook", "upload_for_deletion", "upload_from_file", "delete", "upload_from_data",
    "rewrite_task", "copy_task", "download_to_file", "download_to_data", "compose_task",
)  # fmt: skip
BUCKET, TABLE = "gs://mock-bucket", "bigquery mock-project.test.upload"
AIRFLOW = Expected(
    "airflow",
    _BQ[0] | _DAG[0] | _GCS[0],
    _BQ[1] | _DAG[1] | _GCS[1],
    datasets=frozenset(
        {
            TABLE, f"{TABLE}_cp", "file /files/temp/data.txt",
            "file /files/temp/downloaded_file.txt",
            *(
                f"{BUCKET} {name}"
                for name in (
                    "copied.csv", "test.csv", "result.csv", "uploaded_file.txt",
                    "to_be_deleted.txt", "uploaded_data.txt", "copy_of_uploaded_file.txt",
                    "copy_of_uploaded_data.txt", "compose_result.txt",
                )
            ),
        }
    ),
    feeds=frozenset(
        {
            (f"{BUCKET} copied.csv", TABLE, "columns"),
            (f"{BUCKET} test.csv", TABLE, "columns"),
            (TABLE, f"{TABLE}_cp", "columns"),
            (f"{TABLE}_cp", f"{BUCKET} result.csv", "columns"),
            ("file /files/temp/data.txt", f"{BUCKET} uploaded_file.txt", "product"),
            (f"{BUCKET} uploaded_file.txt", f"{BUCKET} copy_of_uploaded_file.txt", "product"),
            (f"{BUCKET} uploaded_data.txt", f"{BUCKET} copy_of_uploaded_data.txt", "product"),
            (f"{BUCKET} uploaded_file.txt", "file /files/temp/downloaded_file.txt", "product"),
            (f"{BUCKET} uploaded_file.txt", f"{BUCKET} compose_result.txt", "product"),
            (f"{BUCKET} uploaded_data.txt", f"{BUCKET} compose_result.txt", "product"),
            (f"{BUCKET} copy_of_uploaded_data.txt", f"{BUCKET} compose_result.txt", "product"),
            (f"{BUCKET} copy_of_uploaded_file.txt", f"{BUCKET} compose_result.txt", "product"),
        }
    ),
    columns={
        **same(f"{BUCKET} copied.csv", TABLE, "abcd"),
        **same(f"{BUCKET} test.csv", TABLE, "abcd"),
        **same(TABLE, f"{TABLE}_cp", "abcd"),
        **same(f"{TABLE}_cp", f"{BUCKET} result.csv", "abcd"),
    },
    runs=16,
)  # fmt: skip

SIMPLE = Expected(
    "job_namespace",
    frozenset({"job_name"}),
    frozenset(),
    datasets=frozenset({"bigquery test.table.input", "bigquery test.table.output"}),
    feeds=frozenset({("bigquery test.table.input", "bigquery test.table.output", "product")}),
    runs=1,
)

PLAYS, OUTPUT = (
    "bigquery bigquery-public-data.samples.shakespeare",
    "file /tmp/outputs/1729097570970",
)
SHAKESPEARE = Expected(
    "default",
    *children(
        "shakespeare_on_spark", "adaptive_spark_plan", "adaptive_spark_plan.outputs_1729097570970"
    ),
    datasets=frozenset({PLAYS, OUTPUT}),
    feeds=frozenset({(PLAYS, OUTPUT, "columns")}),
    columns={
        (f"{PLAYS} word", f"{OUTPUT} word"): True,
        (f"{PLAYS} word_count", f"{OUTPUT} word"): False,
        (f"{PLAYS} word_count", f"{OUTPUT} sum(word_count)"): True,
        (f"{PLAYS} word", f"{OUTPUT} sum(word_count)"): False,
    },
    runs=3,
)

HDFS, HIVE = "hdfs://dataproc-producer-test-m", "hive://dataproc-producer-test-m:9083"
T1, T2 = f"{HDFS} /user/hive/warehouse/t1", f"{HDFS} /user/hive/warehouse/t2"
HIVE_NAMES = frozenset({(T1, f"{HIVE} default.t1"), (T2, f"{HIVE} default.t2")})
INSERT_T2 = "execute_insert_into_hive_table.warehouse_t2"
PRODUCER = Expected(
    "default",
    *children("cl_i_test_application", INSERT_T2),
    datasets=frozenset({T1, T2}),
    feeds=frozenset({(T1, T2, "columns")}),
    columns=same(T1, T2, "ab"),
    names=HIVE_NAMES,
    runs=1,
)
COMPLETE = Expected(
    "default",
    *children(
        "cl_i_test_application", INSERT_T2, "drop_table",
        "execute_create_table_command.warehouse_t1",
        "execute_insert_into_hive_table.warehouse_t1",
        "execute_create_hive_table_as_select_command.default_t2",
    ),
    datasets=frozenset({T1, T2}),
    feeds=frozenset({(T1, T2, "columns")}),
    columns=same(T1, T2, "ab"),
    names=HIVE_NAMES
    | {(T1, f"{HDFS}/user/hive/warehouse default.t1")}
    | {(T2, f"{HDFS}/user/hive/warehouse default.t2")},
    runs=7,
)  # fmt: skip

EXPECTED = {
    "CLL": CLL,
    "airflow": AIRFLOW,
    "simple_run_event": SIMPLE,
    "spark_dataproc_bigquery_shakespare": SHAKESPEARE,
    "spark_dataproc_simple_producer_test": PRODUCER,
    "spark_dataproc_simple_producer_test_complete": COMPLETE,
}


def sent(scenario: str) -> list[bytes]:
    """The events, sorted by file name as the suite's harness does: 1, 10, 11 … 2."""
    files = (SCENARIOS / scenario / "events").iterdir()
    return [path.read_bytes() for path in sorted(files, key=lambda path: path.name)]
