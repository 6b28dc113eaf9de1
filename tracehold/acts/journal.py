"""Acts on the journal and its state: erase parts, fold the state anew."""

from __future__ import annotations

from typing import Final

from catalog.people import Person
from lineage.errors import Unavailable
from lineage.facts import Json
from tracehold.acts.act import Act, Body
from tracehold.acts.erasing import Choice, check_reason, erase, plan_erasure
from tracehold.services import Services

__all__ = ["JOURNAL"]


class EraseParts(Body, frozen=True, kw_only=True):
    """Facts by id, or all events that mention something; which part of them, and why (a code)."""

    facts: tuple[str, ...] = ()
    mentioning: tuple[str, ...] = ()
    part: Choice = "both"
    reason: str
    dry_run: bool = False


class RebuildState(Body, frozen=True, kw_only=True):
    """Nothing to say."""


def _erase(services: Services, actor: Person, body: EraseParts) -> Json:
    check_reason(body.reason)
    with services.desk.lock:
        plan = plan_erasure(services, body.facts, body.mentioning, body.part)
        answer = {**plan.as_dict(), "dry_run": body.dry_run, "position": None, "refold": None}
        if not body.dry_run:
            answer["position"] = erase(services, actor.id, plan, body.reason)
            if services.refolder is not None and services.state.standing().erased_inside:
                answer["refold"] = services.refolder.ask("erasure")
    return answer


def _rebuild(services: Services, _: Person, __: RebuildState) -> Json:
    if services.refolder is None:
        raise Unavailable("the workspace is open for reading only", where="state")
    return {"refold": services.refolder.ask("rebuild")}


JOURNAL: Final = (
    Act("journal.erase", "Erase parts of facts for good; the fact itself stays.",
        EraseParts, _erase),
    Act("journal.rebuild", "Fold the whole journal anew, compare, and take the result.",
        RebuildState, _rebuild),
)  # fmt: skip
