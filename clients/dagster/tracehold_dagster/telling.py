"""Events of one Dagster run, as they are put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from tracehold_dagster import environment, keys
from tracehold_dagster.carried import OpenStep
from tracehold_dagster.code_location import source_code
from tracehold_dagster.datasets import Dataset, key_of
from tracehold_dagster.facets import EVENT_SCHEMA, PRODUCER, facet
from tracehold_dagster.names import (
    Naming,
    backfill_run_id,
    dagster_job,
    output_run_id,
    run_id,
    step_run_id,
)
from tracehold_dagster.records import Asset, Record, Run

__all__ = ["Telling"]

_NOTHING: Final = OpenStep()


class Telling:
    """Collects the events of one run.

    Attributes:
        events: Those told so far.
    """

    def __init__(self, run: Run, naming: Naming) -> None:
        self.events: list[dict[str, Any]] = []
        self._run = run
        self._naming = naming

    def run(self, state: str, record: Record) -> None:
        """The Dagster run as a whole came to a state."""
        facets: Dataset = environment.run_facets(self._run, self._naming)
        if (parent := self._backfill()) is not None:
            facets["parent"] = facet("parent", **parent)
        job = dagster_job(self._run)
        self._tell(
            state, record, run_id(self._run.run_id), facets | _error(record), job=job, kind="JOB"
        )

    def step(
        self,
        state: str,
        record: Record,
        attempt: tuple[str, int],
        makes: Sequence[Asset],
        *,
        of_assets: bool,
        said: OpenStep = _NOTHING,
        apart: bool = False,
    ) -> None:
        """An attempt of a step came to a state.

        Args:
            state: Of the attempt.
            record: That says so.
            attempt: The key of the step, and which attempt of it.
            makes: The assets that the op of the step makes.
            of_assets: Whether it is a step of assets.
            said: What is told of it now.
            apart: Whether to tell of each output with a job of its own, inside that of the step:
                what a job did last is how its outputs are wired, also those that it left out.
        """
        step_key, number = attempt
        skipped = True if record.kind == "STEP_SKIPPED" else None
        own = facet("dagster_step", stepKey=step_key, attempt=number, skipped=skipped)
        names = (asset.metadata[keys.JOB].value for asset in makes if keys.JOB in asset.metadata)
        named = next(names, None)
        job = self._naming.step_job(self._run, step_key, of_assets=of_assets)
        job = named if isinstance(named, str) else job
        of_run = step_run_id(self._run.run_id, step_key, number)
        kind = "ASSET" if of_assets else "OP"
        parent, code = self._parent(), source_code(makes)
        if apart:
            around = _inside(parent, of_run, {"namespace": self._naming.namespace, "name": job})
            for name, inputs, outputs in _one_by_one(said):
                self._tell(
                    "COMPLETE",
                    record,
                    output_run_id(self._run.run_id, step_key, number, name),
                    {"parent": around, "dagster_step": own},
                    job=f"{job}.{name}",
                    kind=kind,
                    job_facets=code,
                    inputs=inputs,
                    outputs=outputs,
                )
            said = OpenStep(facets=said.facets)
        self._tell(
            state,
            record,
            of_run,
            {"parent": parent, "dagster_step": own, **said.facets, **_error(record)},
            job=job,
            kind=kind,
            job_facets=code,
            inputs=[said.inputs[key] for key in sorted(said.inputs)],
            outputs=_outputs(said, several=len(makes) > 1),
        )

    def wipe(self, wiped: Dataset, record: Record) -> None:
        """Somebody wiped an asset or partitions of it."""
        of_run = step_run_id(record.run_id or "wipe", f"{key_of(wiped)}/{record.at}", 0)
        self._tell("COMPLETE", record, of_run, {}, job="dagster.wipe", kind="WIPE", outputs=[wiped])

    def dataset(self, dataset: Dataset, record: Record) -> None:
        """What was reported outside a step: something is known of a dataset, and of no job."""
        dataset = {name: dataset[name] for name in ("namespace", "name", "facets")}
        self.events.append(
            {
                "eventTime": _time(record.at),
                "producer": PRODUCER,
                "schemaURL": EVENT_SCHEMA["Dataset"],
                "dataset": dataset,
            }
        )

    def _backfill(self) -> Dataset | None:
        backfill = self._run.tags.get(keys.BACKFILL)
        if not backfill:
            return None
        job = f"{dagster_job(self._run)}.backfill"
        return {
            "run": {"runId": backfill_run_id(backfill)},
            "job": {"namespace": self._naming.namespace, "name": job},
        }

    def _parent(self) -> Dataset:
        job = {"namespace": self._naming.namespace, "name": dagster_job(self._run)}
        root = self._backfill()
        if root is None and self._run.root_run_id:
            root = {"run": {"runId": run_id(self._run.root_run_id)}, "job": job}
        return facet("parent", run={"runId": run_id(self._run.run_id)}, job=job, root=root)

    def _tell(
        self,
        state: str,
        record: Record,
        of_run: str,
        facets: Dataset,
        *,
        job: str,
        kind: str,
        job_facets: Mapping[str, Dataset] = MappingProxyType({}),
        inputs: Iterable[Dataset] = (),
        outputs: Iterable[Dataset] = (),
    ) -> None:
        of_kind = facet("jobType", processingType="BATCH", integration="DAGSTER", jobType=kind)
        self.events.append(
            {
                "eventType": state,
                "eventTime": _time(record.at),
                "producer": PRODUCER,
                "schemaURL": EVENT_SCHEMA["Run"],
                "run": {"runId": of_run, "facets": facets},
                "job": {
                    "namespace": self._naming.namespace,
                    "name": job,
                    "facets": {
                        "jobType": of_kind,
                        **environment.job_facets(self._naming),
                        **job_facets,
                    },
                },
                "inputs": list(inputs),
                "outputs": list(outputs),
            }
        )


def _inside(parent: Dataset, of_run: str, job: Dataset) -> Dataset:
    root = parent.get("root") or {name: parent[name] for name in ("run", "job")}
    return facet("parent", run={"runId": of_run}, job=job, root=root)


def _one_by_one(step: OpenStep) -> Iterator[tuple[str, list[Dataset], list[Dataset]]]:
    """Name, inputs and outputs for each output of a step, and for each input that no output has."""
    used: set[str] = set()
    for key in sorted(step.outputs):
        output = dict(step.outputs[key])
        sources = sorted(set(output.pop("sources")))
        used.update(sources)
        yield output["name"], [_as_input(step, source) for source in sources], [output]
    for key in sorted(step.inputs.keys() - used):
        yield step.inputs[key]["name"], [step.inputs[key]], []


def _as_input(step: OpenStep, key: str) -> Dataset:
    if key in step.inputs:
        return dict(step.inputs[key])
    namespace, _, name = key.partition("\n")
    made = step.outputs.get(key, {"facets": {}})["facets"]
    facets = {"version": made["version"]} if "version" in made else {}
    return {"namespace": namespace, "name": name, "facets": facets}


def _outputs(step: OpenStep, *, several: bool) -> list[Dataset]:
    """The outputs of a step; of several each says what it was made from."""
    told = []
    for key in sorted(step.outputs):
        output = dict(step.outputs[key])
        sources = output.pop("sources")
        if several or len(step.outputs) > 1:
            lineage = _lineage(sources, output["facets"].get("columnLineage"))
            output["facets"] = {**output["facets"], "lineage": lineage}
        told.append(output)
    return told


def _lineage(sources: Iterable[str], columns: Dataset | None) -> Dataset:
    inputs = []
    for source in sorted(set(sources)):
        namespace, _, name = source.partition("\n")
        inputs.append({"type": "DATASET", "namespace": namespace, "name": name})
    fields = {
        column: {"inputs": [{"type": "DATASET", **one} for one in made["inputFields"]]}
        for column, made in (columns or {"fields": {}})["fields"].items()
    }
    return facet("lineage", inputs=inputs, fields=fields or None)


def _error(record: Record) -> Dataset:
    if record.failure is None:
        return {}
    message = record.failure.class_name
    return {"errorMessage": facet("errorMessage", message=message, programmingLanguage="PYTHON")}


def _time(at: int) -> str:
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"
