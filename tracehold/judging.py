"""Judgements as this workspace makes them: with its policy, its state, its clock."""

from __future__ import annotations

from catalog.judgement import Judgement
from catalog.licenses.verdict import license_verdict
from lineage.errors import InvalidInput
from lineage.refs import DatasetRef, ModelRef
from lineage.trace.resolve import resolve
from privacy.exposure import Exposure, exposure
from privacy.retention.due import DueRow, due_list
from tracehold.bootstrap import Services

__all__ = ["due_rows", "license_judgement", "pii_exposure"]


def license_judgement(
    services: Services, text: str, *, use: str = "", as_of: int | None = None
) -> Judgement:
    """Whether a model, or a dataset, may be used so by its licenses.

    Args:
        services: The workspace.
        text: A reference or a short name.
        use: The use; empty for the one that the model's manifest declares.
        as_of: Moment in epoch milliseconds; None for now.

    Raises:
        NotFound, InvalidInput: The text names no model or dataset.
    """
    ref, key = resolve(services.state, services.identity, text)
    if not isinstance(ref, ModelRef | DatasetRef):
        raise InvalidInput("a license is judged of a model or a dataset", where=text)
    return license_verdict(
        services.router,
        services.state,
        services.identity,
        key,
        use=use,
        as_of=services.clock() if as_of is None else as_of,
        policy=services.policy(),
        known_at=services.state.position(),
    )


def pii_exposure(services: Services, text: str = "", *, as_of: int | None = None) -> Exposure:
    """Where personal data is, of everything or of one model.

    Args:
        services: The workspace.
        text: A model, or empty for everything.
        as_of: Moment in epoch milliseconds; None for now.
    """
    key = None
    if text:
        ref, key = resolve(services.state, services.identity, text)
        if not isinstance(ref, ModelRef):
            raise InvalidInput(
                "exposure is asked of a model, or of everything",
                where=text,
                advice="name it as model:NAME@VERSION, or name nothing",
            )
    return exposure(
        services.router,
        services.state,
        services.identity,
        as_of=services.clock() if as_of is None else as_of,
        model_key=key,
        policy_digest=services.policy().digest,
    )


def due_rows(services: Services, *, now: int | None = None) -> list[DueRow]:
    """The retention decision for everything that is kept.

    Args:
        services: The workspace.
        now: Moment of the decision; None for the workspace's judgement clock.
    """
    policy = services.policy()
    return due_list(
        services.sql_graph(),
        services.state,
        policy.retention_classes,
        now=services.judgement_now() if now is None else now,
        policy_digest=policy.digest,
    )
