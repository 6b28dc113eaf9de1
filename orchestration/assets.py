"""Assets: what Dagster materializes, one per dataset and per version of a model.

Each records as metadata what it read and wrote; ``telling`` brings that to the server.
"""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage.clock import system_clock
from lineage.errors import NotFound
from orchestration import server_client, steps
from orchestration.guarding import guarded
from orchestration.specs import (
    CheckOutcome,
    DeidentifySpec,
    Governed,
    ModelSpec,
    Place,
    SourceSpec,
    Spec,
    TrainingSpec,
    Version,
)
from orchestration.telling import reading_of, tell_runs

__all__ = ["LICENSE_CHECK", "assets_of"]

LICENSE_CHECK = "license_gate"
if TYPE_CHECKING:
    Result = dg.MaterializeResult[Any]
else:
    Result = dg.MaterializeResult  # Dagster knows the bare class only
# A server that restarts is back within seconds; its clients must not lose a run over it.
_RETRIES = dg.RetryPolicy(max_retries=2, delay=3, backoff=dg.Backoff.EXPONENTIAL)


def assets_of(specs: Sequence[Spec], place: Place) -> list[dg.AssetsDefinition]:
    """The assets of an estate: one per dataset and per version of a model, and their gates."""
    made: list[dg.AssetsDefinition] = []
    # What is told of one asset takes its neighbors into account, so a step needs all of them.
    told = _Telling(place, lambda: dg.Definitions(assets=made))
    for spec in specs:
        match spec:
            case SourceSpec():
                made.append(_source(spec, place))
            case DeidentifySpec():
                made.append(_deidentified(spec, place))
            case TrainingSpec():
                made.append(_training_set(spec, place))
                if spec.models:
                    made.append(_license_gate(spec, told))
            case ModelSpec():
                made.append(_model(spec, told))
    return made


@dataclass(frozen=True, slots=True)
class _Telling:
    """How a step brings to the server what it is going to ask about.

    Attributes:
        place: The workspace.
        definitions: All assets of the workspace.
    """

    place: Place
    definitions: Callable[[], dg.Definitions]

    def latest(self, instance: dg.DagsterInstance, dataset: str) -> Version:
        """The latest version of a dataset, with the run that made it on record."""
        version = _latest(instance, dataset)
        tell_runs(instance, [version.run_id], reading_of(self.definitions(), self.place.name))
        return version


def _source(spec: SourceSpec, place: Place) -> dg.AssetsDefinition:
    @_dataset_asset(spec.governed, job="ingest", kind="source")
    def made() -> Result:
        with guarded():
            return _result(steps.ingest(spec, _bench(place)))

    return made


def _deidentified(spec: DeidentifySpec, place: Place) -> dg.AssetsDefinition:
    @_dataset_asset(spec.governed, job="deidentify", kind="deidentified", deps=[spec.upstream])
    def made(context: dg.AssetExecutionContext) -> Result:
        with guarded():
            upstream = _latest(context.instance, spec.upstream)
            return _result(steps.deidentify(spec, upstream, _bench(place)))

    return made


def _training_set(spec: TrainingSpec, place: Place) -> dg.AssetsDefinition:
    @_dataset_asset(spec.governed, job="join", kind="training_set", deps=spec.upstreams)
    def made(context: dg.AssetExecutionContext) -> Result:
        with guarded():
            upstreams = {name: _latest(context.instance, name) for name in spec.upstreams}
            return _result(steps.join_training_set(spec, upstreams, _bench(place)))

    return made


def _model(spec: ModelSpec, telling: _Telling) -> dg.AssetsDefinition:
    @dg.asset(
        name=spec.asset,
        deps=[spec.training_set],
        description=spec.intended_use or None,
        kinds={"model", "scikitlearn"},
        metadata={"tracehold/job": f"{spec.name}-{spec.version}.train"},
        retry_policy=_RETRIES,
    )
    def made(context: dg.AssetExecutionContext) -> Result:
        with guarded():
            upstream = telling.latest(context.instance, spec.training_set)
            fitted = steps.fit(spec, upstream, _bench(telling.place))
            return dg.MaterializeResult(
                data_version=dg.DataVersion(fitted.sha256),
                metadata={
                    "model": f"{spec.name}@{spec.version}",
                    **fitted.metrics,
                    **fitted.recorded.metadata(),
                },
            )

    return made


def _dataset_asset(
    governed: Governed, *, job: str, kind: str, deps: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    names = [steps.PII_CHECK, *governed.check_names]
    return dg.asset(
        name=governed.name,
        deps=list(deps),
        description=governed.description or None,
        kinds={kind},
        metadata={"tracehold/job": f"{governed.name}.{job}"},
        tags={k: v for k, v, column in governed.tags if column is None and _taggable(v)},
        check_specs=[dg.AssetCheckSpec(name, asset=governed.name, blocking=True) for name in names],
        retry_policy=_RETRIES,
    )


def _taggable(value: str) -> bool:
    return len(value) <= 63 and all(c.isalnum() or c in "-_." for c in value)


def _bench(place: Place) -> steps.Bench:
    server = server_client.connect(os.environ)
    return steps.Bench(place, server, lambda: _secret(place), system_clock)


def _secret(place: Place) -> bytes:
    from lineage.journal.keys import load_keys

    return load_keys(place.keys).secret


def _license_gate(spec: TrainingSpec, telling: _Telling) -> dg.AssetChecksDefinition:
    """May any of the declared models train on this version?

    It blocks only when none may; one that may not is stopped by the guard in its own step. It is a
    step of its own, for the server judges what is on record, and nothing of a step is before it
    has ended.
    """

    @dg.asset_check(
        name=LICENSE_CHECK, asset=spec.governed.name, blocking=True, retry_policy=_RETRIES
    )
    def asked(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with guarded():
            version = telling.latest(context.op_execution_context.instance, spec.governed.name)
            server = server_client.connect(os.environ)
            reference = f"dataset:[{telling.place.name}]{version.dataset}@{version.sha256}"
            refused = []
            for name, model_version in spec.models:
                verdict = server.may_train(
                    model=name, version=model_version, training_set=reference
                )
                if not verdict.allowed:
                    refused.append(f"{name}@{model_version}: {verdict.explain()}")
        none = len(refused) == len(spec.models)
        gate = {
            "gate": "train", "outcome": "failed" if refused else "passed",
            "checks": len(spec.models), "failed": len(refused),
        }  # fmt: skip
        return dg.AssetCheckResult(
            passed=not refused,
            severity=dg.AssetCheckSeverity.ERROR if none else dg.AssetCheckSeverity.WARN,
            description=" | ".join(refused) or None,
            metadata={"tracehold/gate": dg.MetadataValue.json(gate)},
        )

    return asked


def _latest(instance: dg.DagsterInstance, dataset: str) -> Version:
    event = instance.get_latest_materialization_event(dg.AssetKey(dataset))
    if event is None or event.asset_materialization is None:
        raise NotFound(
            "an input was never materialized",
            where=dataset,
            advice="run it first, or name nothing to run everything",
        )
    metadata = event.asset_materialization.metadata
    return Version(
        dataset,
        str(metadata["sha256"].value),
        str(metadata["path"].value),
        int(str(metadata["dagster/row_count"].value)),
        event.run_id,
    )


def _result(made: steps.Made) -> Result:
    version = made.version
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version.sha256),
        metadata={
            "sha256": version.sha256,
            "path": version.path,
            "dagster/row_count": version.rows,
            **made.recorded.metadata(),
        },
        check_results=[_check_result(check) for check in made.checks],
    )


def _check_result(check: CheckOutcome) -> dg.AssetCheckResult:
    more = {"column": check.column, "expected": check.expected, "actual": check.actual}
    said = {name: value for name, value in more.items() if value is not None}
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=check.passed,
        severity=dg.AssetCheckSeverity.ERROR if check.error else dg.AssetCheckSeverity.WARN,
        description=check.description or None,
        metadata={"tracehold/assertion": dg.MetadataValue.json(said)} if said else None,
    )
