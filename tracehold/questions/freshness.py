"""Which of our own jobs missed a turn, and which evidence has grown old."""

from __future__ import annotations

from typing import Final

from lineage.clock import format_millis
from lineage.facts import Json
from tracehold.freshness import old_evidence, turns
from tracehold.questions.question import Body, Question, moment
from tracehold.services import Services

__all__ = ["FRESHNESS"]


class AskFreshness(Body, frozen=True, kw_only=True):
    """The moment to judge for; without one, now."""

    now: str = ""


def _freshness(services: Services, params: AskFreshness) -> Json:
    now = moment(services, params.now)
    name = services.settings.workspace.name
    jobs = turns(services.state, services.identity, name, now)
    return {
        "jobs": [one.as_dict() for one in jobs],
        "late": sum(one.late for one in jobs),
        "evidence": [one.as_dict() for one in old_evidence(services, now)],
        "now": format_millis(now),
        "known_at": services.state.position(),
    }


FRESHNESS: Final = (
    Question(
        "freshness", "Jobs that missed a turn, and evidence that is old.", AskFreshness, _freshness
    ),
)
"""The question."""
