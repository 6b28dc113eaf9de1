"""The daily question of what must go: decided from the state, reported as a run, never acted on."""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage.clock import format_millis, system_clock
from orchestration import emission
from orchestration.guarding import guarded

if TYPE_CHECKING:
    from privacy.retention.due import DueRow

__all__ = ["due_facet", "retention_job", "retention_schedule"]

_SCHEMA = (
    "https://tracehold.dev/spec/facets/1-0-0/RetentionDueRunFacet.json#/$defs/RetentionDueRunFacet"
)


def due_facet(rows: "list[DueRow]", now: int) -> dict[str, Any]:
    """``tracehold_retention_due`` of a run: what is due, held or unclear, and why.

    Args:
        rows: The decisions.
        now: Moment of the decisions, epoch milliseconds.
    """
    return {
        "_producer": emission.PRODUCER,
        "_schemaURL": _SCHEMA,
        "now": format_millis(now),
        "policyDigest": rows[0].policy_digest if rows else "",
        "knownAt": rows[0].known_at if rows else 0,
        "kept": sum(row.decision.outcome == "keep" for row in rows),
        "items": [
            {
                "ref": row.ref,
                "outcome": row.decision.outcome,
                "classes": list(row.classes),
                "reasons": list(row.decision.reasons),
            }
            for row in rows
            if row.decision.outcome != "keep"
        ],
    }


@dg.op(name="retention_due")
def _retention_due(context: dg.OpExecutionContext) -> None:
    from tracehold.bootstrap import open_services
    from tracehold.judging import due_rows
    from tracehold.settings import load

    with guarded():
        settings = load(Path(os.environ.get("TRACEHOLD_WORKSPACE") or Path.cwd()))
        step = emission.Step(
            client=emission.connect(os.environ),
            clock=system_clock,
            namespace=settings.workspace.name,
            job="retention.due",
            run_id=emission.step_run_id(context.run_id, "retention_due", context.retry_number),
            parent=context.run_id,
        )
        with step.reported(), open_services(settings, write=False) as services:
            now = services.judgement_now()
            facet = due_facet(due_rows(services, now=now), now)
            step.run_facets["tracehold_retention_due"] = facet
    outcomes = [item["outcome"] for item in facet["items"]]
    context.add_output_metadata({one: outcomes.count(one) for one in sorted(set(outcomes))})


@dg.job(name="retention", description="Decide what is due and report it; nothing is deleted.")
def retention_job() -> None:
    """What the schedule runs."""
    _retention_due()


def retention_schedule() -> dg.ScheduleDefinition:
    """Every day at 04:15 UTC."""
    return dg.ScheduleDefinition(
        name="retention_daily",
        job=retention_job,
        cron_schedule="15 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
