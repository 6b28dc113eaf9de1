"""What a person sees of a run: one line per asset made, check failed and step failed."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from dagster import DagsterEvent

__all__ = ["PROGRESS", "line_of"]


def line_of(event: DagsterEvent) -> str | None:
    """The line for an event, or None where a person need not see it."""
    kind, data = event.event_type, event.event_specific_data
    if kind is dg.DagsterEventType.ASSET_MATERIALIZATION:
        materialization = event.step_materialization_data.materialization
        rows = materialization.metadata.get("dagster/row_count")
        count = f", {rows.value:,} rows" if rows is not None else ""
        return f"  made     {materialization.asset_key.to_user_string()}{count}"
    if kind is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if evaluation.passed:
            return None
        name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
        word = "blocked" if evaluation.blocking else "warned "
        return f"  {word}  {name}{_because(evaluation.description)}"
    if kind is dg.DagsterEventType.STEP_FAILURE:
        error: Any = getattr(data, "error", None)
        if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
            return None
        failure = getattr(data, "user_failure_data", None)
        return f"  failed   {event.step_key}{_because(getattr(failure, 'description', None))}"
    if kind is dg.DagsterEventType.STEP_SKIPPED:
        return f"  skipped  {event.step_key}"
    return None


def _because(description: str | None) -> str:
    return f": {description.strip()}" if description else ""


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        line = line_of(event) if event is not None else None
        if line is not None:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the face of a run


def _logger(context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger(f"tracehold.run.{context.run_id}", logging.DEBUG)
    logger.addHandler(_Lines())
    return logger


PROGRESS = dg.LoggerDefinition(
    _logger, description="One line per asset made, check failed and step failed."
)
"""The logger of our runs; texts of exceptions never pass through it."""
