"""Judgements as this workspace makes them: with its policy, its state, its clock.

Each is made of a *view*: the state as it is, or as it was known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from catalog.judgement import Judgement
from catalog.licenses.ancestry import Ancestry, ancestry
from catalog.licenses.verdict import license_verdict
from lineage.errors import InvalidInput
from lineage.graph.content import Passages
from lineage.graph.port import Direction, Limits
from lineage.graph.router import Engine
from lineage.refs import DatasetRef, ModelRef
from lineage.state.port import StateReader
from privacy.exposure import Exposure, exposure
from privacy.retention.due import DueRow, due_list
from tracehold.seeing import Seeing
from tracehold.services import Services

__all__ = ["View", "due_rows", "license_judgement", "license_of", "pii_exposure", "view_of"]

WIDE: Final = Limits(depth=1000, nodes=100_000, seconds=30.0)
"""What making the state of then may cost a judgement."""


@dataclass(frozen=True, slots=True)
class View:
    """What a judgement looks at.

    Attributes:
        reader: The graph.
        state: The state beside it.
        truncated: Limits that were met while the state of then was made.
    """

    reader: Engine
    state: StateReader
    truncated: tuple[str, ...] = ()


@contextmanager
def view_of(
    services: Services,
    starts: Sequence[str],
    known_at: int | None,
    *,
    limits: Limits = WIDE,
    directions: Sequence[Direction] = ("up",),
) -> Iterator[View]:
    """The state as it is, or as far as it was known at a position; whole, whoever asks.

    Args:
        services: The workspace.
        starts: Keys that the judgement starts from.
        known_at: Facts behind this position are left out; None takes all.
        limits: What making the state of then may cost.
        directions: Where the judgement looks.

    Raises:
        InvalidInput: There is no such position.
    """
    if known_at is None:
        yield View(services.router, services.whole.state)
        return
    from lineage.state.known_at import known_at as remembered

    with remembered(
        services.journal,
        services.whole.state,
        services.registry,
        services.identity,
        starts=starts,
        position=known_at,
        limits=limits,
        directions=directions,
    ) as then:
        yield View(then.graph, then.state, then.truncated)


def license_judgement(
    services: Services,
    text: str,
    *,
    use: str = "",
    as_of: int | None = None,
    known_at: int | None = None,
    passages: Passages | None = None,
) -> Judgement:
    """Whether a model, or a dataset, may be used so by its licenses.

    Args:
        services: The workspace.
        text: A reference or a short name.
        use: The use; empty for the one that the model's manifest declares.
        as_of: Moment in epoch milliseconds; None for now.
        known_at: Facts behind this position are left out; None takes all.
        passages: Of the state as it is, for whoever judges many things one after the other: they
            are made from much the same data.

    Raises:
        NotFound, InvalidInput: The text names no model or dataset.
    """
    ref, key = services.resolve(text)
    if not isinstance(ref, ModelRef | DatasetRef):
        raise InvalidInput("a license is judged of a model or a dataset", where=text)
    moment = services.clock() if as_of is None else as_of
    with view_of(services, [key], known_at) as view:
        reached = None
        if passages is not None and known_at is None:
            reached = ancestry(view.reader, view.state, [key], as_of=moment, passages=passages)
        return license_of(services, view, ref, use=use, as_of=moment, reached=reached)


def license_of(
    services: Services,
    view: View,
    ref: ModelRef | DatasetRef,
    *,
    use: str,
    as_of: int,
    reached: Ancestry | None = None,
) -> Judgement:
    """The license verdict on a model or a dataset by what a view knows.

    Args:
        services: The workspace.
        view: What is known.
        ref: The model or dataset.
        use: The use; empty for the one that the model's manifest declares.
        as_of: Moment in epoch milliseconds.
        reached: What it was made from, where that is known.
    """
    key = ref.key(services.identity)
    return license_verdict(
        view.reader,
        view.state,
        services.identity,
        key,
        use=use,
        as_of=as_of,
        policy=services.policy(),
        known_at=view.state.position(),
        subject="" if view.state.node(key) is not None else str(ref),
        truncated=view.truncated,
        reached=reached,
    )


def pii_exposure(
    services: Services, text: str = "", *, as_of: int | None = None, known_at: int | None = None
) -> Exposure:
    """Where personal data is, of everything or of one model.

    Args:
        services: The workspace.
        text: A model, or empty for everything.
        as_of: Moment in epoch milliseconds; None for now.
        known_at: Facts behind this position are left out; None takes all. Of one model only: what
            was known of everything is a whole state.

    Raises:
        InvalidInput: The text names no model, or nothing where ``known_at`` is given.
    """
    key = None
    if known_at is not None and not text:
        raise InvalidInput(
            "what was known of everything cannot be asked at once",
            where="known_at",
            advice="name a model",
        )
    if text:
        ref, key = services.resolve(text)
        if not isinstance(ref, ModelRef):
            raise InvalidInput(
                "exposure is asked of a model, or of everything",
                where=text,
                advice="name it as model:NAME@VERSION, or name nothing",
            )
    with view_of(services, [key] if key else [], known_at) as view:
        found = exposure(
            view.reader,
            view.state,
            services.identity,
            as_of=services.clock() if as_of is None else as_of,
            model_key=key,
            policy_digest=services.policy().digest,
        )
    if services.seeing.limited:
        found = _seen(found, services.seeing)
    if not view.truncated:
        return found
    reasons = tuple(sorted({*found.reasons, *view.truncated}))
    return replace(found, complete=False, reasons=reasons)


def _seen(found: Exposure, seeing: Seeing) -> Exposure:
    """The exposure of what may be seen, whatever it came through."""
    return replace(
        found,
        rows=tuple(row for row in found.rows if seeing.sees_ref(row.dataset)),
        stopped=tuple(one for one in found.stopped if seeing.sees_ref(one.ref)),
        models=tuple(
            replace(model, via=tuple(ref for ref in model.via if seeing.sees_ref(ref)))
            for model in found.models
            if seeing.sees_ref(model.ref)
        ),
    )


def due_rows(services: Services, *, now: int | None = None) -> list[DueRow]:
    """The retention decision for everything that is kept, as far as it may be seen.

    Args:
        services: The workspace.
        now: Moment of the decision; None for the workspace's judgement clock.
    """
    policy = services.policy()
    rows = due_list(
        services.sql_graph(),
        services.whole.state,
        policy.retention_classes,
        now=services.judgement_now() if now is None else now,
        policy_digest=policy.digest,
    )
    return [row for row in rows if services.seeing.sees_ref(row.ref)]
