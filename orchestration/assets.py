"""Assets: what Dagster materializes, one per dataset and per version of a model.

Each records as metadata what it read and wrote; ``telling`` brings that to the server. What trains
stands behind the gates of ``tracehold_dagster``, as anybody's asset may.
"""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from lineage.clock import system_clock
from lineage.errors import NotFound, Unavailable
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
from tracehold_dagster import gates
from tracehold_dagster.gates.verdicts import GateName

__all__ = ["LICENSE_CHECK", "assets_of"]

LICENSE_CHECK = "license_gate"
_TRAINING_GATES: Final[tuple[GateName, ...]] = ("license", "pii", "quality")
if TYPE_CHECKING:
    Result = dg.MaterializeResult[Any]
else:
    Result = dg.MaterializeResult  # Dagster knows the bare class only
# A server that restarts is back within seconds; its clients must not lose a run over it.
_RETRIES = dg.RetryPolicy(max_retries=2, delay=3, backoff=dg.Backoff.EXPONENTIAL)


def assets_of(specs: Sequence[Spec], place: Place) -> list[dg.AssetsDefinition]:
    """The assets of an estate: one per dataset and per version of a model, and their gates."""
    made: list[dg.AssetsDefinition] = []
    for spec in specs:
        match spec:
            case SourceSpec():
                made.append(_source(spec, place))
            case DeidentifySpec():
                made.append(_deidentified(spec, place))
            case TrainingSpec():
                made.append(_training_set(spec, place))
                if spec.models:
                    made.append(_license_gate(spec, place))
            case ModelSpec():
                made.append(_model(spec, place))
    return made


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


def _model(spec: ModelSpec, place: Place) -> dg.AssetsDefinition:
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
            upstream = _latest(context.instance, spec.training_set)
            fitted = steps.fit(spec, upstream, _waivers(upstream), _bench(place))
            return dg.MaterializeResult(
                data_version=dg.DataVersion(fitted.sha256),
                metadata={
                    "model": f"{spec.name}@{spec.version}",
                    **fitted.metrics,
                    **fitted.recorded.metadata(),
                },
            )

    model = f"{spec.name}@{spec.version}"
    return gates.guarded(made, gates=_TRAINING_GATES, model=model, namespace=place.name)


def _waivers(upstream: Version) -> tuple[str, ...]:
    """The waivers by which a step may use a version.

    Raises:
        Unavailable: The gate was asked about another version: one came in between.
    """
    let = gates.passed()
    if let is None or {one.version for one in let.reads} != {upstream.sha256}:
        raise Unavailable(
            "a newer version came while the gate was asked",
            where=upstream.dataset,
            advice="it is asked again; if it stays so, run it alone",
        )
    return let.verdict.waivers


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


def _license_gate(spec: TrainingSpec, place: Place) -> dg.AssetChecksDefinition:
    """May any of the declared models train on this version?

    It blocks only when none may; one that may not is stopped by the guard in its own step. It is a
    step of its own, for the server judges what is on record, and nothing of a step is before it
    has ended.
    """
    return gates.verdict_check(
        spec.governed.name,
        gates=_TRAINING_GATES,
        name=LICENSE_CHECK,
        model=[f"{name}@{version}" for name, version in spec.models],
        retry_policy=_RETRIES,
        namespace=place.name,
    )


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
