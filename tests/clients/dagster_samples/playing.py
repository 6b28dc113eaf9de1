"""Play the stories of samples, and note what is reported of them: ``playing.py FOLDER SAMPLE...``.

Each sample runs on an instance of its own, ``FOLDER/SAMPLE``; its events lie beside it, one per
line, in ``FOLDER/SAMPLE.ndjson``, under the sample's name as namespace. This runs under every
supported Dagster, with ``tracehold_dagster`` on the path. Where ``DAGSTER_HOME`` is set, the
samples run on that instance, which reports by itself.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterEventType, DagsterInstance, Definitions

from tracehold_dagster.names import Naming
from tracehold_dagster.reading import read_graph, read_record
from tracehold_dagster.records import KINDS
from tracehold_dagster.sending import Delivery, encode
from tracehold_dagster.stored import page_of_run
from tracehold_dagster.tailing import Reading, follow

__all__ = ["Playing"]


@dataclass(frozen=True)
class Playing:
    """A sample on an instance.

    Attributes:
        defs: What the sample defines.
        instance: Where it runs.
    """

    defs: Definitions
    instance: DagsterInstance

    def run(
        self,
        *assets: str,
        job: str = "__ASSET_JOB",
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
        fails: bool = False,
    ) -> str:
        """Run a job, or some assets of one; returns the id of the run.

        Args:
            assets: Their keys, parts joined by ``/``; none for the whole job.
            job: The job; by default the one of all assets.
            partition: Its key.
            tags: Of the run.
            fails: Whether the run is to fail.
        """
        selected: Sequence[AssetKey] | None = [AssetKey(one.split("/")) for one in assets] or None
        done = (
            self.defs.get_repository_def()
            .get_job(job)
            .execute_in_process(
                instance=self.instance,
                asset_selection=selected,
                partition_key=partition,
                tags=dict(tags or {}),
                raise_on_error=False,
            )
        )
        assert done.success is not fails, f"{job} {assets}: {done.success}"
        return done.run_id


def _play(sample: str, folder: Path) -> None:
    home = folder / sample
    home.mkdir(parents=True)
    instance = DagsterInstance.local_temp(str(home), overrides={"telemetry": {"enabled": False}})
    module = importlib.import_module(sample)
    module.story(Playing(module.defs, instance))
    graph = read_graph(module.defs.get_repository_def())
    stores = {"duckdb": f"duckdb:///srv/{sample}.duckdb"}
    reading = Reading(Naming(sample, stores=stores), graph)
    with (folder / f"{sample}.ndjson").open("wb") as out:

        def deliver(events: Sequence[dict[str, Any]]) -> Delivery:
            out.writelines(encode(event) + b"\n" for event in events)
            return Delivery(len(events))

        done = follow(instance, None, reading, deliver)
    assert done.error is None
    assert not done.behind
    _compare_rows(instance)


def _compare_rows(instance: DagsterInstance) -> None:
    """Make sure that rows of the log say what Dagster's own objects say."""
    kinds = {kind for kind in DagsterEventType if kind.value in KINDS}
    for run in instance.get_runs():
        page = instance.get_records_for_run(run.run_id, None, kinds)
        found = page_of_run(instance.event_log_storage, run.run_id, None, kinds, 100_000)
        assert found == ([read_record(one) for one in page.records], page.cursor)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        if "DAGSTER_HOME" in os.environ:
            shop = importlib.import_module(name)
            shop.story(Playing(shop.defs, DagsterInstance.get()))
        else:
            _play(name, Path(sys.argv[1]))
