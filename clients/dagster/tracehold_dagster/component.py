"""Lineage of a project as a component: ``dg scaffold defs`` adds it, ``defs.yaml`` sets it."""

from __future__ import annotations

import dagster as dg

from tracehold_dagster.lineage import lineage_for

__all__ = ["TraceholdLineageComponent"]


class TraceholdLineageScaffolder(dg.Scaffolder):
    """Writes a ``defs.yaml`` that takes address and token from the environment."""

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Write it."""
        attributes = {
            "url": "{{ env.TRACEHOLD_URL }}",
            "token": "{{ env.TRACEHOLD_TOKEN }}",
        }
        dg.scaffold_component(request, attributes)


@dg.scaffold_with(TraceholdLineageScaffolder)
class TraceholdLineageComponent(dg.Component, dg.Model, dg.Resolvable):
    """Reports the lineage of a code location to a Tracehold server.

    Attributes:
        url: Address of the server; else ``TRACEHOLD_URL``, when the sensor runs.
        token: A token with the role producer; else ``TRACEHOLD_TOKEN``.
        namespace: Of jobs and assets; else ``TRACEHOLD_NAMESPACE``, else the location's name, with
            ``-`` and the environment behind it where one is set.
        environment: ``dev``, ``test``, ``prod`` …; else ``TRACEHOLD_ENVIRONMENT``.
        stores: OpenLineage namespace of the tables of each kind of store.
        interval_seconds: Seconds between two readings of the event log.
        all_locations: Whether runs of every code location are sent, under the one namespace.
    """

    url: str | None = None
    token: str | None = None
    namespace: str | None = None
    environment: str | None = None
    stores: dict[str, str] | None = None
    interval_seconds: int = 10
    all_locations: bool = False

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        """The sensor that reports."""
        return lineage_for(
            url=self.url,
            token=self.token,
            namespace=self.namespace,
            environment=self.environment,
            stores=self.stores,
            interval_seconds=self.interval_seconds,
            all_locations=self.all_locations,
        )
