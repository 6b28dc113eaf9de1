"""The daily question of what must go: asked of the server, which records the answer."""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

import os

import dagster as dg

from lineage.errors import TraceholdError
from orchestration.server_client import connect

__all__ = ["retention_schedule"]


@dg.op(name="retention_due")
def _retention_due(context: dg.OpExecutionContext) -> None:
    try:
        answer = connect(os.environ).post("acts/retention.evaluate", {})
    except TraceholdError as error:
        raise dg.Failure(f"{error.what}; {error.advice}") from None
    due = answer.get("due", []) if isinstance(answer, dict) else []
    context.log.info("%d datasets are due", len(due))
    context.add_output_metadata({"due": len(due)})


@dg.job(name="retention", description="Decide what is due, and record the decision.")
def _retention_job() -> None:
    _retention_due()


def retention_schedule() -> dg.ScheduleDefinition:
    """Every day at 04:15 UTC; it decides and records, and never deletes."""
    return dg.ScheduleDefinition(
        name="retention_daily",
        job=_retention_job,
        cron_schedule="15 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
