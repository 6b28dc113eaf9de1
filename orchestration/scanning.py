"""Looking for personal data again, dataset by dataset, where the last look has grown old."""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from lineage.errors import NotFound
from lineage.refs import DatasetRef
from orchestration.files import intact
from orchestration.guarding import guarded
from orchestration.jobs import RETRIES, facet, looking, reported, scheduled, settings_here
from orchestration.server_client import connect

__all__ = ["scans_job", "scans_schedule"]


@dg.op(name="scan", retry_policy=RETRIES)
def _scan(context: dg.OpExecutionContext) -> None:
    from lineage.journal.keys import load_keys
    from privacy.facets import pii_columns
    from privacy.scan import scan_path

    settings = settings_here()
    dataset = context.partition_key
    with reported(context) as facets:
        storage = settings.storage
        ref = DatasetRef(settings.workspace.name, dataset)
        with looking(settings) as services:
            newest = next(iter(services.state.versions(ref.key(services.identity), limit=1)), None)
        if newest is None:
            raise NotFound(
                "the dataset has no version yet",
                where=dataset,
                advice="materialize it first: tracehold run",
            )
        copy = Path(dataset) / f"{newest.version[:12]}.parquet"
        path = intact(copy, storage.root, dataset=dataset, sha256=newest.version)
        found = scan_path(path, secret=load_keys(storage.keys).secret)
        body = {
            "dataset": str(ref), "version": newest.version, "rows": found.rows,
            "engine": found.engine, "config_digest": found.config_digest,
            "columns": pii_columns(found),
        }  # fmt: skip
        connect(os.environ).post("acts/pii.record", body)
        confirmed = sum(one.tier == "confirmed" for one in found.findings)
        facets["tracehold_scan"] = facet(
            "ScanRunFacet",
            dataset=str(ref),
            version=newest.version,
            engine=found.engine,
            configDigest=found.config_digest,
            rows=found.rows,
            confirmed=confirmed,
        )
    context.add_output_metadata({"rows": found.rows, "confirmed": confirmed})


def scans_job(datasets: Sequence[str]) -> dg.JobDefinition:
    """A partition per dataset: each is looked at, and tried again, by itself.

    Args:
        datasets: Names of the governed datasets.
    """

    @dg.job(
        name="scans",
        description="Look for personal data in the newest version of a dataset.",
        partitions_def=dg.StaticPartitionsDefinition(sorted(datasets)),
        executor_def=dg.in_process_executor,
    )
    def scans() -> None:
        _scan()

    return scans


def scans_schedule(job: dg.JobDefinition, datasets: Sequence[str]) -> dg.ScheduleDefinition:
    """Every day at 03:05 UTC: a run per dataset whose last look is old.

    Args:
        job: The job that looks.
        datasets: Names of the governed datasets.
    """

    def evaluate(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from tracehold.freshness import old_evidence

        with guarded():
            settings = settings_here()
            refs = {str(DatasetRef(settings.workspace.name, name)): name for name in datasets}
            with looking(settings) as services:
                old = old_evidence(services, services.clock())
        due = [refs[one.ref] for one in old if one.kind == "scan" and one.ref in refs]
        if not due:
            yield dg.SkipReason("every look is recent, of the newest version, by this detector")
        for name in due:
            yield dg.RunRequest(
                run_key=f"{name} {context.scheduled_execution_time:%Y-%m-%d}", partition_key=name
            )

    return scheduled("scans_daily", job, "5 3 * * *", evaluate)
