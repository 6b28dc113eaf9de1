"""Names and run ids: the same whoever translates, and wherever."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracehold_dagster.places import is_database, place_of
from tracehold_dagster.records import AssetKey, Run

__all__ = [
    "Naming",
    "backfill_run_id",
    "dagster_job",
    "dataset_name",
    "op_of",
    "output_run_id",
    "physical_names",
    "run_id",
    "step_run_id",
]


@dataclass(frozen=True, slots=True)
class Naming:
    """How things are named.

    Attributes:
        namespace: Of jobs, and of datasets known only by their asset key.
        environment: ``dev``, ``test``, ``prod`` …; None where nobody says.
        stores: OpenLineage namespace of the tables of each kind of store, for example
            ``{"snowflake": "snowflake://org-account"}``: ``dagster/table_name`` alone does not say
            where a table lies.
    """

    namespace: str
    environment: str | None = None
    stores: Mapping[str, str] = field(default_factory=dict)

    def dataset(self, key: AssetKey) -> tuple[str, str]:
        """Namespace and name of the dataset that an asset is."""
        return self.namespace, dataset_name(key)

    def step_job(self, run: Run, step_key: str, *, of_assets: bool) -> str:
        """The job that a step is a run of.

        An op of an asset is known by its own name wherever it runs; an op of any other job belongs
        to that job.
        """
        op = op_of(step_key)
        return op if of_assets else f"{run.job}.{op}"


def dagster_job(run: Run) -> str:
    """The job that a Dagster run as a whole is a run of.

    It begins with ``dagster``, for a job may be named like one of its ops. The jobs that Dagster
    makes for whatever assets somebody picks are one.
    """
    return "dagster" if run.job.startswith("__") else f"dagster.{run.job}"


def dataset_name(key: AssetKey) -> str:
    """The parts of an asset key joined with ``/``, as Dagster shows it."""
    return "/".join(key)


def op_of(step_key: str) -> str:
    """The step's op, with the graphs around it: its key without what tells copies apart."""
    return step_key.partition("[")[0]


def run_id(dagster_run_id: str) -> str:
    """The OpenLineage run id of a Dagster run: its own, where that is a UUID."""
    try:
        return str(uuid.UUID(dagster_run_id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"dagster:{dagster_run_id}"))


def step_run_id(dagster_run_id: str, step_key: str, attempt: int) -> str:
    """The OpenLineage run id of one attempt (from 0) of one step."""
    return str(uuid.uuid5(uuid.UUID(run_id(dagster_run_id)), f"{step_key}/{attempt}"))


def output_run_id(dagster_run_id: str, step_key: str, attempt: int, output: str) -> str:
    """The OpenLineage run id of what one attempt of one step did for one of its outputs."""
    return str(uuid.uuid5(uuid.UUID(run_id(dagster_run_id)), f"{step_key}/{attempt}/{output}"))


def backfill_run_id(backfill: str) -> str:
    """The OpenLineage run id of a backfill."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"dagster-backfill:{backfill}"))


def physical_names(
    table: str | None, uri: str | None, kinds: tuple[str, ...], naming: Naming
) -> list[dict[str, Any]]:
    """Identifiers of the table and the place that an asset lies in, as ``symlinks`` lists them.

    Source: https://openlineage.io/docs/spec/naming.
    """
    found: list[dict[str, Any]] = []
    place = place_of(uri) if uri else None
    if table:
        namespace = place[0] if place and is_database(place[0]) else None
        namespace = namespace or next(
            (naming.stores[kind] for kind in kinds if kind in naming.stores), naming.namespace
        )
        found.append({"namespace": namespace, "name": table, "type": "TABLE"})
    if place and place[1] and not (table and is_database(place[0])):
        kind = "TABLE" if is_database(place[0]) else "LOCATION"
        found.append({"namespace": place[0], "name": place[1], "type": kind})
    return found
