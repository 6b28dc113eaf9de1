"""``guarded``: an asset that asks the server before its code runs, in every run."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from dagster import (
    AssetsDefinition,
    DagsterError,
    DagsterInvariantViolationError,
    Failure,
    GraphDefinition,
    OpDefinition,
    OpExecutionContext,
)
from dagster._check import CheckError

from tracehold_dagster.errors import Misconfigured, TraceholdError
from tracehold_dagster.gates.asking import Asking, GateClosed, NoVerdict, naming_for
from tracehold_dagster.gates.inputs import Read, graph_of, name_of, read_by
from tracehold_dagster.gates.showing import noted, shown
from tracehold_dagster.gates.verdicts import Demand, GateName, UseName, Verdict
from tracehold_dagster.settings import Settings

__all__ = ["Passed", "guarded", "passed"]


@dataclass(frozen=True, slots=True)
class Passed:
    """What let a guarded step begin.

    Attributes:
        verdict: What the server said.
        reads: The versions that it was asked about.
    """

    verdict: Verdict
    reads: tuple[Read, ...]


_PASSED: Final[MutableMapping[Any, Passed]] = WeakKeyDictionary()


def passed() -> Passed | None:
    """What let the step begin in which this is called; None where no guard stands before it.

    For code that reads exactly what was judged, or that keeps the waivers with what it makes.
    """
    try:
        context = OpExecutionContext.get()
    except DagsterInvariantViolationError:
        return None
    return _PASSED.get(context.get_step_execution_context())


def guarded(
    asset: AssetsDefinition,
    *,
    gates: Sequence[GateName],
    use: UseName | None = None,
    purpose: str | None = None,
    model: str | None = None,
    checks: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    wait: float = 10.0,
    grace: float = 0.0,
    url: str | None = None,
    token: str | None = None,
    namespace: str | None = None,
    environment: str | None = None,
) -> AssetsDefinition:
    """An asset that does not run unless the server allows what it reads to be used for it.

    At the start of every run, for exactly the versions that are about to be read, before the
    asset's own code. A verdict that is negative or cannot be had is a ``dagster.Failure``; only
    one that could not be had is retried where the asset has a retry policy.

    Args:
        asset: Of one op, of several assets, of a graph; it must have dependencies.
        gates: ``license``, ``purpose``, ``pii``, ``quality``, ``retention``, ``schema``.
        use: ``train-for-release``, ``train-internal`` or ``evaluate``, for the gate ``license``.
        purpose: DPV code, for the gate ``purpose``.
        model: ``NAME@VERSION`` where the asset is that version of a model; its waivers count then,
            else those of the asset's dataset.
        checks: Asset → checks that must have a result for the version read.
        columns: Asset → column → type relied on, for the gate ``schema``.
        wait: Seconds to wait for what was read to arrive at the server.
        grace: Seconds during which the last positive verdict on the same versions holds while the
            server cannot be reached; 0 for none.
        url: As for ``lineage_for``.
        token: As for ``lineage_for``.
        namespace: As for ``lineage_for``.
        environment: As for ``lineage_for``.

    Raises:
        Misconfigured: The asset cannot be guarded, or an argument is wrong.
    """
    demand = Demand(
        tuple(gates), use, purpose, model, dict(checks or {}), dict(columns or {})
    )  # fmt: skip
    asking = Asking(Settings(url, token, namespace, environment), demand, wait, grace)
    return _Guard(asking).around(asset)


class _Guard:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def around(self, asset: AssetsDefinition) -> AssetsDefinition:
        where = ", ".join(sorted(key.to_user_string() for key in asset.keys))
        if not asset.is_executable:
            raise Misconfigured(
                "this asset runs nothing that could be guarded", where=where,
                advice="guard the assets that read it",
            )  # fmt: skip
        if not {dep for key in asset.keys for dep in asset.asset_deps.get(key, ())} - asset.keys:
            raise Misconfigured(
                "this asset reads nothing that a gate could judge", where=where,
                advice="declare its deps, or check what it makes",
            )  # fmt: skip
        node = self._node(asset.node_def)
        return AssetsDefinition.dagster_internal_init(
            **{**asset.get_attributes_dict(), "node_def": node}
        )

    def _node(self, node: Any) -> Any:
        if isinstance(node, OpDefinition):
            return self._op(node)
        if isinstance(node, GraphDefinition):
            # Whatever stands first in it must not begin; what follows cannot then.
            first = {
                one.definition.name
                for one in node.nodes
                if not node.dependency_structure.input_to_upstream_outputs_for_node(one.name)
            }
            return GraphDefinition(
                node.name,
                description=node.description,
                node_defs=[self._node(one) if one.name in first else one for one in node.node_defs],
                dependencies=node.dependencies,
                input_mappings=node.input_mappings,
                output_mappings=node.output_mappings,
                config=node.config_mapping,
                tags=node.tags,
            )
        raise Misconfigured(f"a {type(node).__name__} cannot be guarded", where=str(node.name))

    def _op(self, op: OpDefinition) -> OpDefinition:
        compute: Any = op.compute_fn
        if op.is_from_decorator():
            compute = compute._replace(decorated_fn=self._first(compute.decorated_fn))
        else:
            compute = self._first(compute)
        return OpDefinition(
            compute_fn=compute,
            name=op.name,
            ins=op.ins,
            outs=op.outs,
            description=op.description,
            config_schema=op.config_schema,
            required_resource_keys=set(op.required_resource_keys),
            tags=op.tags,
            retry_policy=op.retry_policy,
            code_version=op._version,  # noqa: SLF001 - the public name is deprecated
            pool=op.pool,
        )

    def _first(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function behind the guard; of the kind it was, for Dagster looks at that."""
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def behind_async(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
                self._pass()
                async for one in function(*args, **kwargs):
                    yield one

            return behind_async
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def behind_coroutine(*args: Any, **kwargs: Any) -> Any:
                self._pass()
                return await function(*args, **kwargs)

            return behind_coroutine
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def behind_generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
                self._pass()
                yield from function(*args, **kwargs)

            return behind_generator

        @functools.wraps(function)
        def behind(*args: Any, **kwargs: Any) -> Any:
            self._pass()
            return function(*args, **kwargs)

        return behind

    def _pass(self) -> None:
        try:
            context = OpExecutionContext.get()
        except DagsterInvariantViolationError:
            return  # called as a plain function, in a test of it: no run, nothing to guard
        asset = _asset_of(context)
        try:
            self._ask(context, asset)
        except TraceholdError as error:
            raise NoVerdict(error) from None

    def _ask(self, context: OpExecutionContext, asset: AssetsDefinition) -> None:
        asking = self._asking
        graph, naming = graph_of(context), naming_for(context, asking.settings)
        try:
            reads = read_by(context, asset, graph, naming)
        except (DagsterError, CheckError):
            raise Misconfigured(
                "it cannot be told which partitions are read",
                where=context.op_def.name,
                advice="guard a single op, or an asset without partitions",
            ) from None
        if not reads:
            raise Misconfigured("nothing of what it reads was ever made", where=context.op_def.name)
        made = sorted(asset.keys)
        subject = name_of(graph, naming, made[0])
        question = asking.question(subject, reads, context.run_id)
        verdict = asking.verdict(context, question, reads, graph=graph, naming=naming, made=made)
        url = asking.settings.address(os.environ)
        if not verdict.allowed:
            raise GateClosed(
                "\n- ".join(("Not allowed, so this does not run:", *verdict.reasons())),
                metadata=shown(verdict, subject, url),
                allow_retries=bool(verdict.unseen),
            )
        _PASSED[context.get_step_execution_context()] = Passed(verdict, tuple(reads))
        if verdict.waivers:
            context.log.warning("Allowed by waiver %s.", ", ".join(verdict.waivers))
        if context.op_def.name == asset.node_def.name:
            for output in asset.keys_by_output_name:
                if output in context.selected_output_names:
                    context.add_output_metadata(noted(question, verdict, url), output)


def _asset_of(context: OpExecutionContext) -> AssetsDefinition:
    layer = context.job_def.asset_layer
    handle: Any = context.node_handle
    while handle is not None:
        found = layer.get_assets_def_for_node(handle)
        if found is not None:
            return found
        handle = handle.parent
    raise Failure("A guarded op runs outside its asset.", allow_retries=False)
