"""Decisions on record: which still stand by what is known today, and which are stale, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lineage.clock import format_millis
from lineage.errors import TraceholdError
from lineage.facts import Json
from lineage.refs import parse_ref
from lineage.state.port import AspectValue
from tracehold.decisions import Decision, Reviewer, decisions
from tracehold.questions.question import Body, Question, check_limit
from tracehold.records import streams_hidden
from tracehold.services import Services

__all__ = ["DECISIONS"]

MOST: Final = 1000


class AskDecisions(Body, frozen=True, kw_only=True):
    """A dataset or a model, or everything; ``check`` looks at every decision again, now.

    Without ``check`` the answer is what the server found when facts came late.
    """

    ref: str = ""
    check: bool = False
    limit: int = MOST


def _decisions(services: Services, params: AskDecisions) -> Json:
    check_limit(params.limit, MOST)
    wanted = str(services.resolve(params.ref)[0]) if params.ref else ""
    hidden = {stream.replace("/", " ", 1) for stream in streams_hidden(services)}
    found = [
        one
        for one in decisions(services.whole.state)
        if wanted in ("", one.ref, str(one.value.get("subject", "")))
        and services.seeing.sees_all([one.ref, str(one.value.get("subject", ""))])
        and one.question not in hidden
    ]
    shown = found[: params.limit]
    reviewer = Reviewer(services.whole)
    findings = services.state.with_aspect("stale")
    items = [
        _checked(reviewer, one) if params.check else _found(services, one, findings)
        for one in shown
    ]
    stale = sum(item["state"] == "stale" for item in items)
    return {
        "items": items,
        "stale": stale,
        "count": len(found),
        "checked": params.check,
        "known_at": services.state.position(),
    }


def _checked(reviewer: Reviewer, decision: Decision) -> dict[str, Json]:
    try:
        review = reviewer.review(decision)
    except TraceholdError as error:
        item = _item(decision, stale=False, then=(), now=())
        return {**item, "state": "unknown", "why": [f"it cannot be made again: {error.what}"]}
    return _item(decision, stale=review.stale, then=review.then, now=review.now)


def _found(
    services: Services, decision: Decision, findings: Mapping[str, list[AspectValue]]
) -> dict[str, Json]:
    key = parse_ref(decision.ref).key(services.identity)
    for one in findings.get(key, ()):
        if one.slot == decision.question and one.value["decision"] == decision.fact:
            then, now = one.value["then"], one.value["now"]
            return _item(decision, stale=bool(then or now), then=then, now=now)
    return _item(decision, stale=False, then=(), now=())


def _item(decision: Decision, *, stale: bool, then: Json, now: Json) -> dict[str, Json]:
    return {
        "ref": decision.ref,
        "question": decision.question,
        "outcome": decision.outcome,
        "state": "stale" if stale else "current",
        "why": [*(f"no longer: {line}" for line in then), *(f"now: {line}" for line in now)],
        "as_of": format_millis(decision.as_of),
        "known_at": decision.known_at,
        "policy_digest": decision.policy_digest,
        "fold_version": decision.fold_version,
        "fact": decision.fact,
    }


DECISIONS: Final = (
    Question(
        "decisions", "Decisions on record, current or stale, and why.", AskDecisions, _decisions
    ),
)
