"""Acts of a deletion case, from request to certificate."""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec

from catalog.people import Person
from lineage.errors import Conflict
from lineage.facts import Json
from lineage.refs import ModelRef
from privacy.deletion import execute, protocol
from privacy.deletion.case import Case, find_case, load_case
from privacy.deletion.draft import Choice, Erasure
from privacy.deletion.files import FileEraser
from tracehold.acts.act import Act, Body
from tracehold.services import Services

__all__ = ["DELETION", "erasure_policy"]


class RequestDeletion(Body, frozen=True, kw_only=True):
    """What to delete, on which ground, and why; without an id the case gets one."""

    targets: list[str]
    legal_ground: str
    reason: str
    quarantine_days: int = 7
    case: str = ""


class Decide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of one derived thing; ``keep`` needs a reason."""

    decision: str
    reason: str = ""


class PlanDeletion(Body, frozen=True, kw_only=True):
    """A case, and a decision per derived dataset or model where policy has none."""

    case: str
    choices: dict[str, Decide] = msgspec.field(default_factory=dict)


class ApproveDeletion(Body, frozen=True, kw_only=True):
    """Consent to exactly the plan with this hash."""

    case: str
    plan_hash: str


class ApplyDeletion(Body, frozen=True, kw_only=True):
    """Carry the approved plan out, or on."""

    case: str


class CancelDeletion(Body, frozen=True, kw_only=True):
    """End a case without a deletion."""

    case: str
    reason: str


def erasure_policy(services: Services) -> Erasure:
    """What the manifests say should become of derived things."""
    policy = services.policy()
    decisions = {
        str(ModelRef(model.name, model.version)): model.on_erasure
        for model in policy.models.values()
    }
    return Erasure(decisions, policy.digest)


def _eraser(services: Services) -> FileEraser:
    return FileEraser(services.settings.storage.root)


def _request(services: Services, actor: Person, body: RequestDeletion) -> Json:
    return protocol.request(
        services.desk,
        actor.id,
        case=body.case or f"D-{secrets.token_hex(4)}",
        targets=[services.ref_text(text) for text in body.targets],
        legal_ground=body.legal_ground,
        reason=body.reason,
        quarantine_days=body.quarantine_days,
    ).as_dict()


def _plan(services: Services, actor: Person, body: PlanDeletion) -> Json:
    choices = {
        services.ref_text(ref): Choice(one.decision, one.reason)
        for ref, one in body.choices.items()
    }
    return protocol.make_plan(
        services.desk,
        actor.id,
        body.case,
        eraser=_eraser(services),
        policy=erasure_policy(services),
        choices=choices,
    ).as_dict()


def _approve(services: Services, actor: Person, body: ApproveDeletion) -> Json:
    done = protocol.approve(services.desk, actor.id, body.case, plan_hash=body.plan_hash)
    return done.as_dict()


def _apply(services: Services, actor: Person, body: ApplyDeletion) -> Json:
    # `execute` is a generator that says each step before it is taken; here nobody needs to hear.
    case = execute.resume(
        services.desk,
        actor.id,
        body.case,
        eraser=_eraser(services),
        signer=services.journal.signer,
        policy=erasure_policy(services),
    )
    return _outcome(services, case)


def _resume(services: Services, actor: Person, body: ApplyDeletion) -> Json:
    current = load_case(services.state, services.identity, body.case)
    if not current.quarantined and "verified" not in current.slots:
        raise Conflict(
            "there is nothing to resume: the case has not begun",
            where=body.case,
            advice="apply it: tracehold retention apply CASE",
        )
    return _apply(services, actor, body)


def _cancel(services: Services, actor: Person, body: CancelDeletion) -> Json:
    return protocol.cancel(
        services.desk, actor.id, body.case, eraser=_eraser(services), reason=body.reason
    ).as_dict()


def _outcome(services: Services, case: Case) -> dict[str, Any]:
    """The case, with its certificate once there is one."""
    found = find_case(services.state, services.identity, case.case) or case
    certified = found.slots.get("certified")
    answer = found.as_dict()
    answer["certificate"] = None if certified is None else certified.value["certificate"]
    return answer


DELETION: Final = (
    Act("deletion.request", "Open a deletion case.", RequestDeletion, _request),
    Act("deletion.plan", "Draw up the plan of a case.", PlanDeletion, _plan),
    Act("deletion.approve", "Agree to exactly one plan.", ApproveDeletion, _approve),
    Act("deletion.apply", "Carry the approved plan out.", ApplyDeletion, _apply),
    Act("deletion.resume", "Go on after an interruption or a quarantine.", ApplyDeletion, _resume),
    Act("deletion.cancel", "End a case; quarantined files go back.", CancelDeletion, _cancel),
)
