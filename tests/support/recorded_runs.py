"""Real Dagster runs, and records made by hand, for tests of the translator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from tracehold_dagster.reading import read_graph, read_record, read_run
from tracehold_dagster.records import AssetGraph, Record, Run
from tracehold_dagster.translate import Carried, Naming, translate

__all__ = ["NAMING", "RUN_ID", "Recorded", "Story", "events_of", "instance_in", "record", "run_all"]

NAMING = Naming("warehouse")
RUN_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


@dataclass(frozen=True)
class Recorded:
    """One run as Dagster recorded it.

    Attributes:
        run: The run.
        records: All of its records.
        graph: Of the definitions that it ran.
    """

    run: Run
    records: list[Record]
    graph: AssetGraph | None

    def events(self, naming: Naming = NAMING, *, graph: bool = True) -> list[dict[str, Any]]:
        """Everything as events."""
        return events_of(self.run, self.records, self.graph if graph else None, naming)

    def ended(self, job: str) -> list[dict[str, Any]]:
        """The last event of each run of a job."""
        last: dict[str, dict[str, Any]] = {}
        for event in self.events():
            if event.get("job", {}).get("name") == job:
                last[event["run"]["runId"]] = event
        return list(last.values())


def events_of(
    run: Run, records: Iterable[Record], graph: AssetGraph | None = None, naming: Naming = NAMING
) -> list[dict[str, Any]]:
    """Records of a run as events, read in one go."""
    return translate(run, records, Carried(), graph, naming)[0]


@contextmanager
def instance_in(folder: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that keeps everything in a folder."""
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        yield instance


def run_all(
    instance: dg.DagsterInstance, definitions: dg.Definitions, job: str | None = None, **how: Any
) -> Recorded:
    """Run a job of definitions, by default all of its assets, and read what was recorded."""
    of = definitions.resolve_implicit_global_asset_job_def() if job is None else None
    resolved = of or definitions.resolve_job_def(str(job))
    result = resolved.execute_in_process(instance=instance, raise_on_error=False, **how)
    return recorded(instance, result.run_id, definitions)


def recorded(
    instance: dg.DagsterInstance, run_id: str, definitions: dg.Definitions | None = None
) -> Recorded:
    """What an instance has recorded of a run."""
    found = instance.get_run_record_by_id(run_id)
    assert found is not None
    entries = instance.get_records_for_run(run_id).records
    graph = None if definitions is None else read_graph(definitions)
    return Recorded(read_run(found), [read_record(entry) for entry in entries], graph)


def record(kind: str, at: int = 1_000, step: str | None = None, **said: Any) -> Record:
    """A record of ``RUN_ID`` made by hand; ``asset`` is its key as a text."""
    if "asset" in said:
        said["asset"] = tuple(said["asset"].split("/"))
    said.setdefault("run_id", RUN_ID)
    return Record(kind=kind, at=at, step_key=step, **said)


@dataclass
class Story:
    """Records of one run, one after another, a second apart."""

    records: list[Record] = field(default_factory=list)

    def add(self, kind: str, step: str | None = None, **said: Any) -> Story:
        """One more record."""
        at = 1_700_000_000_000 + 1_000 * len(self.records)
        self.records.append(record(kind, at, step, **said))
        return self

    def made(
        self,
        step: str,
        asset: str,
        version: str,
        reads: Mapping[str, str] | None = None,
        **said: Any,
    ) -> Story:
        """A materialization with its data version and those of what it read."""
        tags = {"dagster/data_version": version, "dagster/code_version": RUN_ID}
        for name, read in (reads or {}).items():
            tags[f"dagster/input_data_version/{name}"] = read
        tags.update(said.pop("tags", {}))
        return self.add("ASSET_MATERIALIZATION", step, asset=asset, tags=tags, **said)

    def step(
        self, step: str, asset: str, version: str, reads: Mapping[str, str] | None = None
    ) -> Story:
        """A whole step that makes one asset."""
        self.add("STEP_START", step).made(step, asset, version, reads)
        return self.add("STEP_SUCCESS", step)
