"""Repeatable OpenLineage load in the shape of a warehouse: levels of tables, each made from a few.

Level 0 holds sources. A job of level *n* reads a few neighboring tables of level *n* and writes one
of level *n* + 1. A run is a START and a COMPLETE event, each with the schema of every dataset; the
output carries column lineage (each column from the column of that name in every input); the job has
its SQL and an owner. The same specification gives the same bytes on every machine.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

__all__ = ["Estate", "LoadSpec", "events", "large_event"]

_PRODUCER = "https://tracehold.dev/bench"
_SPEC = "https://openlineage.io/spec"
_FIRST_RUN = datetime(2026, 1, 1, tzinfo=UTC)
_COLUMN_TYPES = ("BIGINT", "VARCHAR", "DOUBLE", "TIMESTAMP", "BOOLEAN")
_TEAMS = 7


@dataclass(frozen=True)
class LoadSpec:
    """The numbers that a load is made from.

    Attributes:
        jobs: Jobs of the estate, spread evenly over the levels.
        levels: Depth of the estate.
        fan_in: Tables that a job reads.
        reach: How far left and right of itself a job reads; 0 means anywhere on its level.
        columns: Columns of every table.
        runs: Runs; job after job, level by level, then from the first again.
        with_start: Whether a run begins with a START event; without it a large graph fills faster.
        namespace: Namespace of jobs and tables.
        seed: What the choices are drawn from.
    """

    jobs: int = 1_000
    levels: int = 12
    fan_in: int = 2
    reach: int = 3
    columns: int = 20
    runs: int = 1_000
    with_start: bool = True
    namespace: str = "bench"
    seed: int = 1


class Estate:
    """The tables and jobs of a specification, and who reads what."""

    def __init__(self, spec: LoadSpec) -> None:
        self.spec = spec
        self.levels = min(spec.levels, spec.jobs)
        self.width = -(-spec.jobs // self.levels)

    @cached_property
    def _reads(self) -> list[tuple[str, ...]]:
        draw = random.Random(f"{self.spec.seed} reads")
        return [self._choose(draw, job) for job in range(self.spec.jobs)]

    def _choose(self, draw: random.Random, job: int) -> tuple[str, ...]:
        level, place = divmod(job, self.width)
        near: Sequence[int] = range(self.width)
        if 0 < self.spec.reach < self.width / 2:
            steps = range(-self.spec.reach, self.spec.reach + 1)
            near = [(place + step) % self.width for step in steps]
        chosen = draw.sample(near, min(self.spec.fan_in, len(near)))
        return tuple(self.table(level, at) for at in chosen)

    def table(self, level: int, place: int) -> str:
        """Name of a table; level 0 holds the sources."""
        return f"warehouse.level_{level:02d}.table_{place:05d}"

    def job(self, number: int) -> str:
        """Name of a job."""
        level, place = divmod(number, self.width)
        return f"load.level_{level:02d}.job_{place:05d}"

    def reads(self, number: int) -> tuple[str, ...]:
        """The tables that a job reads."""
        return self._reads[number]

    def writes(self, number: int) -> str:
        """The table that a job writes."""
        level, place = divmod(number, self.width)
        return self.table(level + 1, place)

    def upstream(self, number: int) -> set[str]:
        """Every table that a job's output comes from, near and far; the oracle of a trace."""
        found: set[str] = set()
        waiting = list(self.reads(number))
        while waiting:
            table = waiting.pop()
            if table in found:
                continue
            found.add(table)
            level, place = int(table[16:18]), int(table[-5:])
            maker = (level - 1) * self.width + place
            if level and maker < self.spec.jobs:
                waiting += self.reads(maker)
        return found


def events(spec: LoadSpec) -> Iterator[bytes]:
    """The events of a load, in the order in which a scheduler would send them."""
    estate = Estate(spec)
    draw = random.Random(f"{spec.seed} {spec.namespace} runs")
    for run in range(spec.runs):
        run_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        began = _FIRST_RUN + timedelta(seconds=run)
        number = run % spec.jobs
        if spec.with_start:
            yield _event(estate, number, run_id, began, "START", rows=None)
        ended = began + timedelta(milliseconds=500)
        yield _event(estate, number, run_id, ended, "COMPLETE", rows=1_000 + run)


def large_event(size: int) -> bytes:
    """A Spark event of a wide plan: what makes such events large is the plan."""
    step = {
        "class": "org.apache.spark.sql.catalyst.plans.logical.Project",
        "num-children": 1,
        "projectList": [
            [{"class": "AttributeReference", "name": f"column_{number}", "nullable": True}]
            for number in range(20)
        ],
    }
    count = size // len(json.dumps(step, separators=(",", ":")))
    producer = "https://github.com/OpenLineage/OpenLineage/tree/1.53.0/integration/spark"
    schema = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"
    plan: dict[str, Any] = {
        "_producer": producer,
        "_schemaURL": f"{schema}/RunFacet",
        "plan": [step] * count,
    }
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T12:00:00Z",
        "producer": producer,
        "schemaURL": f"{schema}/RunEvent",
        "run": {
            "runId": "00000000-0000-4000-8000-000000000001",
            "facets": {"spark.logicalPlan": plan},
        },
        "job": {"namespace": "bench", "name": "wide"},
        "inputs": [{"namespace": "bench", "name": "raw"}],
        "outputs": [{"namespace": "bench", "name": "clean"}],
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _event(
    estate: Estate, number: int, run_id: str, when: datetime, kind: str, *, rows: int | None
) -> bytes:
    spec = estate.spec
    output = _dataset(spec, estate.writes(number))
    output["facets"]["columnLineage"] = _column_lineage(spec, estate.reads(number))
    if rows is not None:
        statistics = _facet("1-0-2", "OutputStatisticsOutputDatasetFacet", rowCount=rows)
        output["outputFacets"] = {"outputStatistics": statistics}
    query = (
        f"INSERT INTO {estate.writes(number)} SELECT * FROM {' JOIN '.join(estate.reads(number))}"
    )
    owners = [{"name": f"team:{number % _TEAMS}", "type": "MAINTAINER"}]
    nominal = _text(when.replace(microsecond=0))
    event = {
        "eventType": kind,
        "eventTime": _text(when),
        "producer": _PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": run_id,
            "facets": {
                "nominalTime": _facet("1-0-1", "NominalTimeRunFacet", nominalStartTime=nominal)
            },
        },
        "job": {
            "namespace": spec.namespace,
            "name": estate.job(number),
            "facets": {
                "sql": _facet("1-0-1", "SQLJobFacet", query=query),
                "ownership": _facet("1-0-1", "OwnershipJobFacet", owners=owners),
            },
        },
        "inputs": [_dataset(spec, name) for name in estate.reads(number)],
        "outputs": [output],
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _dataset(spec: LoadSpec, name: str) -> dict[str, Any]:
    fields = [
        {
            "name": _column(place),
            "type": _COLUMN_TYPES[place % len(_COLUMN_TYPES)],
            "description": f"column {place} of the table",
        }
        for place in range(spec.columns)
    ]
    schema = _facet("1-1-1", "SchemaDatasetFacet", fields=fields)
    return {"namespace": spec.namespace, "name": name, "facets": {"schema": schema}}


def _column_lineage(spec: LoadSpec, reads: Sequence[str]) -> dict[str, Any]:
    same = {"type": "DIRECT", "subtype": "IDENTITY", "description": "", "masking": False}
    fields = {
        _column(place): {
            "inputFields": [
                {
                    "namespace": spec.namespace,
                    "name": name,
                    "field": _column(place),
                    "transformations": [same],
                }
                for name in reads
            ]
        }
        for place in range(spec.columns)
    }
    return _facet("1-2-0", "ColumnLineageDatasetFacet", fields=fields)


def _column(place: int) -> str:
    return f"column_{place:02d}"


def _facet(version: str, name: str, **content: Any) -> dict[str, Any]:
    url = f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": _PRODUCER, "_schemaURL": url, **content}


def _text(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
