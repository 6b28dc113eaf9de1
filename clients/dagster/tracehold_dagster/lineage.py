"""The one line: ``Definitions.merge(defs, lineage_for())``."""

from __future__ import annotations

from collections.abc import Mapping

from dagster import Definitions

from tracehold_dagster.sensor import lineage_sensor
from tracehold_dagster.settings import Settings

__all__ = ["lineage_for"]


def lineage_for(
    defs: Definitions | None = None,
    *,
    url: str | None = None,
    token: str | None = None,
    namespace: str | None = None,
    environment: str | None = None,
    stores: Mapping[str, str] | None = None,
    interval_seconds: int = 10,
    all_locations: bool = False,
    name: str = "tracehold_lineage",
) -> Definitions:
    """What reports the lineage of a code location: a sensor that is on, to be merged with the rest.

    A setting that is not given is read from the environment when the sensor runs, so that a
    location loads, and its jobs run, whether or not a server is there. Each text may be a
    ``dagster.EnvVar``.

    Args:
        defs: Whose assets describe what is recorded; None for all of the code location.
        url: Address of the Tracehold server; else ``TRACEHOLD_URL``.
        token: A token with the role producer; else ``TRACEHOLD_TOKEN``.
        namespace: Of jobs and assets; else ``TRACEHOLD_NAMESPACE``, else the location's name, with
            ``-`` and the environment behind it where one is set.
        environment: ``dev``, ``test``, ``prod`` …; else ``TRACEHOLD_ENVIRONMENT``.
        stores: OpenLineage namespace of the tables of each kind of store, for example
            ``{"snowflake": "snowflake://org-account"}``.
        interval_seconds: Seconds between two readings of the event log.
        all_locations: Whether runs of every code location are sent, under the one namespace; else
            those of this location, and those that were started without one.
        name: Of the sensor.
    """
    sensor = lineage_sensor(
        Settings(url, token, namespace, environment, dict(stores or {})),
        name=name,
        interval_seconds=interval_seconds,
        all_locations=all_locations,
        definitions=defs,
    )
    return Definitions(sensors=[sensor])
