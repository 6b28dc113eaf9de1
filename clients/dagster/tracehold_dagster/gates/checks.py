"""Checks of an asset that ask the server: blocking ones stop what comes after in the same run."""

# Annotations stay objects here: Dagster compares the one of `context` with its own classes.

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    AssetsDefinition,
    OpExecutionContext,
    RetryPolicy,
    asset_check,
)

from tracehold_dagster.errors import Misconfigured, TraceholdError
from tracehold_dagster.gates.asking import Asking, NoVerdict, naming_for
from tracehold_dagster.gates.inputs import Read, graph_of, name_of, newest, runs_of
from tracehold_dagster.gates.scanning import Load, as_file, record_scan, scan_file
from tracehold_dagster.gates.showing import shown
from tracehold_dagster.gates.verdicts import Demand, GateName, UseName, Verdict
from tracehold_dagster.settings import Settings
from tracehold_dagster.tailing import Reading, flush

__all__ = [
    "license_check",
    "pii_check",
    "purpose_check",
    "retention_check",
    "schema_contract_check",
    "verdict_check",
]

Asset = AssetsDefinition | AssetKey | str


def verdict_check(
    asset: Asset,
    *,
    gates: Sequence[GateName],
    name: str,
    use: UseName | None = None,
    purpose: str | None = None,
    model: str | Sequence[str] | None = None,
    checks: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    load: Load | None = None,
    scanner: Sequence[str] = ("tracehold",),
    blocking: bool = True,
    retry_policy: RetryPolicy | None = None,
    wait: float = 10.0,
    url: str | None = None,
    token: str | None = None,
    namespace: str | None = None,
    environment: str | None = None,
) -> AssetChecksDefinition:
    """A check that asks the server for the newest version of an asset, at any gates.

    Waivers of the asset's dataset count, or those of ``model``. Where no verdict can be had, the
    check's step fails, and with it whatever waits for it.

    Args:
        asset: What is checked.
        gates: ``license``, ``purpose``, ``pii``, ``quality``, ``retention``, ``schema``.
        name: Of the check.
        use: ``train-for-release``, ``train-internal`` or ``evaluate``, for the gate ``license``.
        purpose: DPV code, for the gate ``purpose``.
        model: ``NAME@VERSION`` of the model that the data are for; of several each is asked for.
            The check is an error where none of them may use the data, else a warning, which does
            not block: those that may not are stopped by a guard of their own.
        checks: Checks that must have a result, for the gate ``quality``.
        columns: Column → type relied on, for the gate ``schema``; an empty type stands for any.
        load: Gives what is to be scanned here before the server is asked: a path of a CSV or
            Parquet file, a pandas data frame or a pyarrow table. Types, places and counts are
            sent, never a value.
        scanner: The command of the scanner.
        blocking: Whether what depends on the asset must not run in the same run where it fails.
        retry_policy: For while the server cannot be reached.
        wait: Seconds to wait for the version to arrive at the server.
        url: As for ``lineage_for``.
        token: As for ``lineage_for``.
        namespace: As for ``lineage_for``.
        environment: As for ``lineage_for``.

    Raises:
        Misconfigured: An argument is wrong.
    """
    key = asset.key if isinstance(asset, AssetsDefinition) else AssetKey.from_coercible(asset)
    own = key.to_user_string()
    settings = Settings(url, token, namespace, environment)
    demand = Demand(
        tuple(gates), use, purpose, None,
        {own: checks} if checks else {}, {own: columns} if columns else {},
    )  # fmt: skip
    models = [model] if isinstance(model, str) or model is None else model
    if not models:
        raise Misconfigured("no model is named", where="model",
                            advice="name one, or leave the argument out")  # fmt: skip
    asking = [Asking(settings, replace(demand, model=one), wait) for one in models]
    what = f"The Tracehold server's verdict: {', '.join(gates)}."

    @asset_check(
        asset=key, name=name, description=what, blocking=blocking, retry_policy=retry_policy
    )
    def check(context: AssetCheckExecutionContext) -> AssetCheckResult:
        return _result(asking, context.op_execution_context, key, _scanner(load, scanner))

    return check


_Scan = Callable[[Asking, OpExecutionContext, Read, Reading], None]


def _scanner(load: Load | None, scanner: Sequence[str]) -> _Scan | None:
    """Scans what was read, and puts on record what was found, before the server is asked."""
    if load is None:
        return None

    def scan(asking: Asking, context: OpExecutionContext, read: Read, reading: Reading) -> None:
        with as_file(load) as path:
            found = scan_file(path, scanner)
        with closing(asking.settings.sender(os.environ)) as sender:
            runs = [*runs_of([read]), context.run_id]
            flush(context.instance, dict.fromkeys(runs), reading, sender.send)
            record_scan(
                sender, found, namespace=read.namespace, name=read.name, version=read.version
            )

    return scan


def _result(
    asked: Sequence[Asking], context: OpExecutionContext, key: AssetKey, scan: _Scan | None
) -> AssetCheckResult:
    settings = asked[0].settings
    graph, naming = graph_of(context), naming_for(context, settings)
    partition = context.partition_key if context.has_partition_key else None
    read = newest(context.instance, key, graph, naming, partition)
    subject = name_of(graph, naming, key)
    verdicts: list[tuple[str | None, Verdict]] = []
    try:
        if scan is not None:
            scan(asked[0], context, read, Reading(naming, graph))
        for asking in asked:
            question = asking.question(subject, [read], context.run_id)
            verdict = asking.verdict(
                context, question, [read], graph=graph, naming=naming, made=[key]
            )
            verdicts.append((asking.demand.model, verdict))
    except TraceholdError as error:
        raise NoVerdict(error) from None
    closed = [(model, one) for model, one in verdicts if not one.allowed]
    said = closed or verdicts
    several = len(verdicts) > 1
    every = len(closed) == len(verdicts)
    return AssetCheckResult(
        passed=not closed,
        severity=AssetCheckSeverity.ERROR if every or not closed else AssetCheckSeverity.WARN,
        description=" | ".join(
            f"{model}: {one.explain()}" if several else one.explain() for model, one in said
        ),
        metadata=shown(said[0][1], subject, settings.address(os.environ)),
    )


def license_check(
    asset: Asset, *, use: UseName | None = None, name: str = "tracehold_license", **more: Any
) -> AssetChecksDefinition:
    """May the asset be used so, by the licenses of all it was made from?

    Args:
        asset: What is checked.
        use: ``train-for-release``, ``train-internal`` or ``evaluate``; the first where None.
        name: Of the check.
        more: As for ``verdict_check``.
    """
    return verdict_check(asset, gates=["license"], name=name, use=use, **more)


def pii_check(
    asset: Asset, *, load: Load | None = None, name: str = "tracehold_pii", **more: Any
) -> AssetChecksDefinition:
    """Is the asset free of confirmed personal data, and was this version looked at?

    Args:
        asset: What is checked.
        load: Gives the data, which is scanned where it lies; without it what is on record counts.
        name: Of the check.
        more: As for ``verdict_check``.
    """
    return verdict_check(asset, gates=["pii"], name=name, load=load, **more)


def purpose_check(
    asset: Asset, *, purpose: str, name: str = "tracehold_purpose", **more: Any
) -> AssetChecksDefinition:
    """Do all sources of the asset allow this purpose?

    Args:
        asset: What is checked.
        purpose: DPV code, for example ``dpv:ServiceProvision``, or one of your own.
        name: Of the check.
        more: As for ``verdict_check``.
    """
    return verdict_check(asset, gates=["purpose"], name=name, purpose=purpose, **more)


def retention_check(
    asset: Asset, *, name: str = "tracehold_retention", **more: Any
) -> AssetChecksDefinition:
    """May the asset still be kept, and does a retention class say so?

    Args:
        asset: What is checked.
        name: Of the check.
        more: As for ``verdict_check``.
    """
    return verdict_check(asset, gates=["retention"], name=name, **more)


def schema_contract_check(
    asset: Asset, *, columns: Mapping[str, str], name: str = "tracehold_schema", **more: Any
) -> AssetChecksDefinition:
    """Are the columns there that others rely on, of the types they rely on?

    Args:
        asset: What is checked; it must record ``dagster/column_schema``.
        columns: Column → type; an empty type stands for any.
        name: Of the check.
        more: As for ``verdict_check``.
    """
    return verdict_check(asset, gates=["schema"], name=name, columns=columns, **more)
