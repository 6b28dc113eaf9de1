"""Assets: what Dagster materializes, one per dataset and per version of a model."""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage.clock import system_clock
from lineage.errors import NotFound
from orchestration import emission, server_client, steps
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

__all__ = ["LICENSE_CHECK", "asset_for"]

LICENSE_CHECK = "license_gate"
if TYPE_CHECKING:
    Result = dg.MaterializeResult[Any]
else:
    Result = dg.MaterializeResult  # Dagster knows the bare class only
# A server that restarts is back within seconds; its clients must not lose a run over it.
_RETRIES = dg.RetryPolicy(max_retries=2, delay=3, backoff=dg.Backoff.EXPONENTIAL)


def asset_for(spec: Spec, place: Place) -> dg.AssetsDefinition:
    """The asset of one dataset or one version of a model."""
    match spec:
        case SourceSpec():
            return _source(spec, place)
        case DeidentifySpec():
            return _deidentified(spec, place)
        case TrainingSpec():
            return _training_set(spec, place)
        case ModelSpec():
            return _model(spec, place)


def _source(spec: SourceSpec, place: Place) -> dg.AssetsDefinition:
    @_dataset_asset(spec.governed, kind="source")
    def made(context: dg.AssetExecutionContext) -> Result:
        with _bench(context, place, f"{spec.governed.name}.ingest") as bench:
            done = steps.ingest(spec, bench)
        return _result(done)

    return made


def _deidentified(spec: DeidentifySpec, place: Place) -> dg.AssetsDefinition:
    @_dataset_asset(spec.governed, kind="deidentified", deps=[spec.upstream])
    def made(context: dg.AssetExecutionContext) -> Result:
        with _bench(context, place, f"{spec.governed.name}.deidentify") as bench:
            done = steps.deidentify(spec, _latest(context, spec.upstream), bench)
        return _result(done)

    return made


def _training_set(spec: TrainingSpec, place: Place) -> dg.AssetsDefinition:
    checks = [LICENSE_CHECK] if spec.models else []

    @_dataset_asset(spec.governed, kind="training_set", deps=spec.upstreams, checks=checks)
    def made(context: dg.AssetExecutionContext) -> Result:
        with _bench(context, place, f"{spec.governed.name}.join") as bench:
            upstreams = {name: _latest(context, name) for name in spec.upstreams}
            done = steps.join_training_set(spec, upstreams, bench)
        with guarded():
            gates = [_license_gate(spec, done.version, place)] if spec.models else []
        return _result(done, gates)

    return made


def _model(spec: ModelSpec, place: Place) -> dg.AssetsDefinition:
    @dg.asset(
        name=spec.asset,
        deps=[spec.training_set],
        description=spec.intended_use or None,
        kinds={"model", "scikitlearn"},
        retry_policy=_RETRIES,
    )
    def made(context: dg.AssetExecutionContext) -> Result:
        with _bench(context, place, f"{spec.name}-{spec.version}.train") as bench:
            sha256, metrics = steps.fit(spec, _latest(context, spec.training_set), bench)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(sha256),
            metadata={"model": f"{spec.name}@{spec.version}", **metrics},
        )

    return made


def _dataset_asset(
    governed: Governed, *, kind: str, deps: Sequence[str] = (), checks: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    names = [steps.PII_CHECK, *governed.check_names, *checks]
    return dg.asset(
        name=governed.name,
        deps=list(deps),
        description=governed.description or None,
        kinds={kind},
        tags={k: v for k, v, column in governed.tags if column is None and _taggable(v)},
        check_specs=[dg.AssetCheckSpec(name, asset=governed.name, blocking=True) for name in names],
        retry_policy=_RETRIES,
    )


def _taggable(value: str) -> bool:
    return len(value) <= 63 and all(c.isalnum() or c in "-_." for c in value)


@contextmanager
def _bench(context: dg.AssetExecutionContext, place: Place, job: str) -> Iterator[steps.Bench]:
    with guarded():
        step_key = context.asset_key.to_user_string()
        step = emission.Step(
            client=emission.connect(os.environ),
            clock=system_clock,
            namespace=place.name,
            job=job,
            run_id=emission.step_run_id(context.run_id, step_key, context.retry_number),
            parent=context.run_id,
        )
        server = server_client.connect(os.environ)
        with step.reported():
            yield steps.Bench(place, step, server, lambda: _secret(place), system_clock)


def _secret(place: Place) -> bytes:
    from lineage.journal.keys import load_keys

    return load_keys(place.keys).secret


def _license_gate(spec: TrainingSpec, version: Version, place: Place) -> CheckOutcome:
    """May any of the declared models train on this version?

    It blocks only when none may; one that may not is stopped by the guard in its own step.
    """
    server = server_client.connect(os.environ)
    reference = f"dataset:[{place.name}]{version.dataset}@{version.sha256}"
    refused = []
    for name, model_version in spec.models:
        verdict = server.may_train(model=name, version=model_version, training_set=reference)
        if not verdict.allowed:
            refused.append(f"{name}@{model_version}: {verdict.explain()}")
    return CheckOutcome(
        LICENSE_CHECK,
        passed=not refused,
        description=" | ".join(refused),
        error=len(refused) == len(spec.models),
    )


def _latest(context: dg.AssetExecutionContext, dataset: str) -> Version:
    event = context.instance.get_latest_materialization_event(dg.AssetKey(dataset))
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
        int(str(metadata["rows"].value)),
    )


def _result(made: steps.Made, gates: Sequence[CheckOutcome] = ()) -> Result:
    version = made.version
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version.sha256),
        metadata={"sha256": version.sha256, "path": version.path, "rows": version.rows},
        check_results=[_check_result(check) for check in [*made.checks, *gates]],
    )


def _check_result(check: CheckOutcome) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=check.passed,
        severity=dg.AssetCheckSeverity.ERROR if check.error else dg.AssetCheckSeverity.WARN,
        description=check.description or None,
    )
