"""Dagster's records as OpenLineage events: pure, and the same bytes whoever calls."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tracehold_dagster import datasets
from tracehold_dagster.carried import Carried, OpenStep
from tracehold_dagster.datasets import Describing, key_of
from tracehold_dagster.facets import facet
from tracehold_dagster.names import Naming, op_of
from tracehold_dagster.records import Asset, AssetGraph, AssetKey, Record, Run, Source
from tracehold_dagster.telling import Telling

__all__ = ["Carried", "Naming", "translate"]

_OUTPUTS_AT_ONCE: Final = 100
_INPUTS_AT_ONCE: Final = 500
"""How much of one step waits for its end; more is told while it runs."""
_CHECK_FAILED: Final = "DagsterAssetCheckFailedError"
_VERSIONS_KEPT: Final = 500
_RUN_STATES: Final = {
    "PIPELINE_START": "START",
    "PIPELINE_SUCCESS": "COMPLETE",
    "PIPELINE_FAILURE": "FAIL",
    "PIPELINE_CANCELED": "ABORT",
}


def translate(
    run: Run,
    records: Iterable[Record],
    carried: Carried,
    graph: AssetGraph | None,
    settings: Naming,
) -> tuple[list[dict[str, Any]], Carried]:
    """The OpenLineage events that records of one run stand for.

    Args:
        run: The run; one with an empty id for what was recorded outside runs.
        records: Of this run, in the order of the event log, after those that came before.
        carried: What the call before returned; an empty one at first. It is not changed.
        graph: What the definitions say; None where they cannot be had.
        settings: Names of what Dagster does not name.

    Returns:
        The events, ready to be sent, and what to carry to the next call. However the records of a
        run are split into calls, the events are the same.
    """
    work = _Translation(run, copy.deepcopy(carried), graph, settings)
    for record in records:
        work.take(record)
    return work.events, work.carried


class _Translation:
    def __init__(
        self, run: Run, carried: Carried, graph: AssetGraph | None, naming: Naming
    ) -> None:
        self.carried = carried
        self._kept = sum(map(len, carried.made.values()))
        self._run = run
        self._describing = Describing(graph, naming)
        self._telling = Telling(run, naming)
        self._taking: Mapping[str, Callable[[Record], None]] = {
            "ASSET_CHECK_EVALUATION": self._checked,
            "ASSET_CHECK_EVALUATION_PLANNED": self._planned,
            "ASSET_MATERIALIZATION": self._materialized,
            "ASSET_MATERIALIZATION_PLANNED": self._planned,
            "ASSET_OBSERVATION": self._observed,
            "ASSET_WIPED": self._wiped,
            "STEP_FAILURE": self._failed,
            "STEP_OUTPUT": self._put_out,
            "STEP_RESTARTED": self._restarted,
            "STEP_SKIPPED": self._skipped,
            "STEP_START": self._started,
            "STEP_SUCCESS": self._succeeded,
            "STEP_UP_FOR_RETRY": self._failed,
        }

    @property
    def events(self) -> list[dict[str, Any]]:
        return self._telling.events

    def take(self, record: Record) -> None:
        if record.kind in _RUN_STATES:
            self._run_changed(record)
        elif (taking := self._taking.get(record.kind)) is not None:
            taking(record)

    # The run as a whole.

    def _planned(self, record: Record) -> None:
        self.carried.of_assets = True
        step_key = record.step_key
        if step_key is None or record.kind != "ASSET_MATERIALIZATION_PLANNED":
            return
        if len(self._describing.made_by(op_of(step_key))) > 1:
            planned = self.carried.planned
            planned[step_key] = planned.get(step_key, 0) + 1

    def _run_changed(self, record: Record) -> None:
        state = _RUN_STATES[record.kind]
        if state != "START":
            for step_key in list(self.carried.steps):
                self._end(step_key, state, record)
        self._telling.run(state, record)

    # Steps.

    def _started(self, record: Record) -> None:
        if record.step_key is not None:
            self.carried.steps[record.step_key] = OpenStep()
            self._tell_step("START", record, record.step_key)

    def _restarted(self, record: Record) -> None:
        if record.step_key is not None:
            attempts = self.carried.attempts
            attempts[record.step_key] = attempts.get(record.step_key, 0) + 1
            self._started(record)

    def _succeeded(self, record: Record) -> None:
        if record.step_key is not None:
            self._end(record.step_key, "COMPLETE", record)

    def _put_out(self, record: Record) -> None:
        if record.step_key is not None and (facets := datasets.run_facets(record)):
            self._step(record.step_key).facets.update(facets)

    def _failed(self, record: Record) -> None:
        if record.step_key is None:
            return
        self._put_out(record)
        if record.failure is not None and record.failure.class_name == _CHECK_FAILED:
            # The step did all its work, and wrote what it wrote: a check of that came out badly.
            self._end(record.step_key, "COMPLETE", replace(record, failure=None))
        else:
            self._end(record.step_key, "FAIL", record)

    def _skipped(self, record: Record) -> None:
        if record.step_key is not None:
            self._end(record.step_key, "ABORT", record)

    def _end(self, step_key: str, state: str, record: Record) -> None:
        step = self.carried.steps.pop(step_key, None) or OpenStep()
        if state == "FAIL":
            # What it would have read: it failed before it could say.
            for asset in self._describing.made_by(op_of(step_key)):
                self._read(step, dict.fromkeys(asset.deps), record)
        self._tell_step(state, record, step_key, step)

    def _tell_step(
        self, state: str, record: Record, step_key: str, step: OpenStep | None = None
    ) -> None:
        makes = self._describing.made_by(op_of(step_key))
        said = step or OpenStep()
        self._telling.step(
            state,
            record,
            (step_key, self.carried.attempts.get(step_key, 0)),
            makes,
            of_assets=self._run.of_assets or self.carried.of_assets or bool(makes),
            said=said,
            apart=self._makes_some(step_key, state, said, makes),
        )

    def _makes_some(
        self, step_key: str, state: str, said: OpenStep, makes: Sequence[Asset]
    ) -> bool:
        """Whether a step makes some of its op's assets: what it says is then not of the others."""
        many = len(makes)
        # An op in a graph makes the same of the graph's assets each time.
        if many < 2 or makes[0].op != op_of(step_key) or state not in ("RUNNING", "COMPLETE"):
            return False
        planned = self.carried.planned.get(step_key, many)
        return planned < many or (state == "COMPLETE" and said.told + len(said.outputs) < many)

    def _step(self, step_key: str) -> OpenStep:
        return self.carried.steps.setdefault(step_key, OpenStep())

    # What steps say of assets.

    def _materialized(self, record: Record) -> None:
        if record.asset is None:
            return
        output = self._describing.output(record.asset, record)
        version = datasets.version_of(record.tags, record.run_id)
        if record.step_key is None:
            self._telling.dataset(output, record)
            return
        step = self._step(record.step_key)
        self._make_room(step, record, record.step_key, again=key_of(output) in step.outputs)
        asset = self._describing.asset(record.asset)
        versions = datasets.input_versions(record.tags)
        sources = self._read(step, dict.fromkeys(asset.deps) | versions, record)
        for extra in self._describing.extra_inputs(record):
            step.inputs[key_of(extra)] = extra
            sources.append(key_of(extra))
        judged = step.inputs.get(key_of(output), {}).get("inputFacets", {})
        if record.asset not in versions and "dataQualityAssertions" in judged:
            # Dagster 1.11 records a step's checks of what it writes before it records that it did.
            del step.inputs[key_of(output)]
            output["facets"]["dataQualityAssertions"] = judged["dataQualityAssertions"]
        output["sources"] = sources
        step.outputs[key_of(output)] = output
        step.facets.update(datasets.run_facets(record))
        if version is not None:
            self._remember(record.asset, record.partition or "", version)

    def _make_room(
        self, step: OpenStep, record: Record, step_key: str, *, again: bool = False
    ) -> None:
        """Tell what waits, where it is much or an output comes again: one event names it once."""
        tests = step.facets.get("test", {"tests": ()})["tests"]
        waiting = max(len(step.inputs), len(tests))
        if again or waiting >= _INPUTS_AT_ONCE or len(step.outputs) >= _OUTPUTS_AT_ONCE:
            facets = {"test": step.facets.pop("test")} if tests else {}
            self._tell_step(
                "RUNNING", record, step_key, OpenStep(step.inputs, step.outputs, facets)
            )
            step.told += len(step.outputs)
            step.inputs, step.outputs = {}, {}

    def _read(
        self, step: OpenStep, versions: Mapping[AssetKey, str | None], record: Record
    ) -> list[str]:
        """Note what was read; what the step itself has made is a source and no input."""
        sources = []
        for key, version in versions.items():
            source = None if version is None else self._source(key, version, record)
            unpinned = version if source is None else None
            made = self._describing.input(key, source, unpinned)
            name = key_of(made)
            sources.append(name)
            if name in step.outputs or (key != record.asset and self._own(key, record)):
                continue
            if name not in step.inputs or version is not None:
                step.inputs[name] = made
        return sources

    def _own(self, key: AssetKey, record: Record) -> bool:
        """Whether the step made an asset before, and an event has told so."""
        op = op_of(record.step_key or "")
        maker = self._describing.asset(key).op
        if maker is None or not f"{op}.".startswith(f"{maker}."):
            return False
        planned = self.carried.planned.get(record.step_key or "", 0)
        whole = planned >= len(self._describing.made_by(op))
        return whole or "/".join(key) in self.carried.made

    def _source(self, key: AssetKey, version: str, record: Record) -> Source | None:
        """What was read, where the record names a version that somebody made.

        Of partitions Dagster records a digest over the versions of all partitions that were read.
        """
        if (looked_up := record.sources.get(key)) is not None:
            return looked_up
        made = self.carried.made.get("/".join(key), {})
        mine = record.partition or ""
        for partition, one in sorted(made.items(), key=lambda pair: pair[0] != mine):
            own = one.removesuffix(f"@{record.run_id}")
            if version in (own, hashlib.sha256(own.encode()).hexdigest()):
                return Source(one, partition or None)
        asset = self._describing.asset(key)
        doubtful = asset.partitions is not None or asset.code_version is not None or any(made)
        return None if doubtful else Source(version)

    def _remember(self, key: AssetKey, partition: str, version: str) -> None:
        made = self.carried.made
        name = "/".join(key)
        before = len(made.get(name, ()))
        made.setdefault(name, {})[partition] = version
        self._kept += len(made[name]) - before
        if self._kept > _VERSIONS_KEPT:
            oldest = next(iter(made))
            made[oldest].pop(next(iter(made[oldest])))
            self._kept -= 1
            if not made[oldest]:
                del made[oldest]

    def _observed(self, record: Record) -> None:
        if record.asset is None:
            return
        seen = self._describing.observed(record.asset, record)
        if record.step_key is None:
            self._telling.dataset(seen, record)
            return
        step = self._step(record.step_key)
        if key_of(seen) not in step.outputs:
            step.inputs[key_of(seen)] = seen

    def _checked(self, record: Record) -> None:
        if record.asset is None or record.check is None:
            return
        self.carried.of_assets = True
        judged = self._describing.name(record.asset)
        if record.step_key is None:
            judged["facets"] = {}
            datasets.add_assertion(judged, record, record.check, as_input=False)
            if judged["facets"]:
                self._telling.dataset(judged, record)
            return
        step = self._step(record.step_key)
        self._make_room(step, record, record.step_key)
        written = step.outputs.get(key_of(judged))
        if written is not None:
            datasets.add_assertion(written, record, record.check, as_input=False)
        else:
            read = step.inputs.get(key_of(judged))
            if read is None:
                made = self.carried.made.get("/".join(record.asset), {})
                version = made.get(record.partition or "")
                source = record.sources.get(record.asset)
                if source is None and version is not None:
                    source = Source(version, record.partition)
                read = self._describing.input(record.asset, source)
                step.inputs[key_of(judged)] = read
            datasets.add_assertion(read, record, record.check, as_input=True)
        tests = step.facets.setdefault("test", facet("test", tests=[]))
        tests["tests"].append(
            {
                "name": record.check.name,
                "status": "pass" if record.check.passed else "fail",
                "severity": record.check.severity,
            }
        )

    def _wiped(self, record: Record) -> None:
        if record.asset is not None:
            self._telling.wipe(self._describing.wiped(record.asset, record), record)
