"""The sensor that sends what the instance records: afterwards, so that runs do no more work."""

from __future__ import annotations

import os
from contextlib import closing

from dagster import (
    DefaultSensorStatus,
    Definitions,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
)

from tracehold_dagster.reading import read_graph
from tracehold_dagster.records import AssetGraph, Run
from tracehold_dagster.settings import Settings
from tracehold_dagster.tailing import Followed, Reading, follow

__all__ = ["lineage_sensor"]

_SECONDS = 20.0
"""Dagster gives a sensor 60 seconds; what is left over is for the answers still awaited."""


def lineage_sensor(
    settings: Settings,
    *,
    name: str = "tracehold_lineage",
    interval_seconds: int = 10,
    all_locations: bool = False,
    definitions: Definitions | None = None,
) -> SensorDefinition:
    """A sensor that tails the event log.

    Args:
        settings: Where the server is, and how things are named.
        name: Of the sensor.
        interval_seconds: Seconds between two evaluations.
        all_locations: Whether it sends the runs of every code location, under one namespace; else
            those of its own, and those that were started without any.
        definitions: Whose assets describe the records; None for those of its own location.
    """
    described: dict[int, AssetGraph] = {}

    def evaluate(context: SensorEvaluationContext) -> SkipReason:
        described_by = definitions or context.repository_def
        # A location that is loaded anew is a new process, so there is one graph to make.
        if described_by is not None and id(described_by) not in described:
            described[id(described_by)] = read_graph(described_by)
        location = _location(context)

        def wanted(run: Run) -> bool:
            return all_locations or run.location in {None, location}

        reading = Reading(
            settings.naming(os.environ, location=location),
            described.get(id(described_by)),
            wanted,
        )
        with closing(settings.sender(os.environ)) as sender:
            followed = follow(
                context.instance, context.cursor, reading, sender.send, seconds=_SECONDS
            )
        for refusal in followed.delivery.refused:
            context.log.error("event of %s refused: %s", refusal.job, refusal.reason)
        if followed.error is not None and not followed.records:
            raise followed.error
        context.update_cursor(followed.cursor)
        return SkipReason(_summary(followed))

    return SensorDefinition(
        name=name,
        evaluation_fn=evaluate,
        minimum_interval_seconds=interval_seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Sends lineage to a Tracehold server.",
    )


def _location(context: SensorEvaluationContext) -> str:
    origin = context.code_location_origin
    return (origin.location_name if origin else None) or context.repository_name or "dagster"


def _summary(followed: Followed) -> str:
    delivery = followed.delivery
    told = f"{delivery.taken} events of {followed.records} records sent"
    if delivery.duplicates:
        told += f", {delivery.duplicates} of them known before"
    if delivery.refused:
        told += f", {len(delivery.refused)} refused for good"
    if followed.error is not None:
        return f"{told}; then: {followed.error}"
    return f"{told}; more follow" if followed.behind else told
