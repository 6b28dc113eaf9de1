"""Questions: everything that can be asked, by name. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from lineage.errors import NotFound
from lineage.facts import Json
from tracehold.access import Looker, authorize
from tracehold.acts.act import read_fields
from tracehold.questions.aliases import ALIASES
from tracehold.questions.changes import CHANGES
from tracehold.questions.decisions import DECISIONS
from tracehold.questions.entities import ENTITIES
from tracehold.questions.events import EVENTS
from tracehold.questions.finding import FINDING
from tracehold.questions.freshness import FRESHNESS
from tracehold.questions.governance import GOVERNANCE
from tracehold.questions.graph import GRAPH
from tracehold.questions.health import HEALTH
from tracehold.questions.impact import IMPACT
from tracehold.questions.inputs import INPUTS
from tracehold.questions.journal import JOURNAL
from tracehold.questions.lineage import LINEAGE
from tracehold.questions.marquez import MARQUEZ
from tracehold.questions.newest import NEWEST
from tracehold.questions.proofs import PROOFS
from tracehold.questions.question import Question
from tracehold.questions.skew import SKEW
from tracehold.services import Services

__all__ = ["QUESTIONS", "Question", "answer", "ask"]

QUESTIONS: Final[Mapping[str, Question]] = {
    question.name: question
    for question in (
        *ENTITIES,
        *ALIASES,
        *EVENTS,
        *FINDING,
        *LINEAGE,
        *IMPACT,
        *CHANGES,
        *SKEW,
        *INPUTS,
        *NEWEST,
        *GRAPH,
        *GOVERNANCE,
        *DECISIONS,
        *HEALTH,
        *FRESHNESS,
        *JOURNAL,
        *PROOFS,
        *MARQUEZ,
    )
}


def ask(services: Services, person: Looker, name: str, params: Mapping[str, Json]) -> Json:
    """Answer a person's question, as far as the person may see what it is about.

    Returns:
        What ``msgspec.json`` encodes; structures among it are not taken apart.

    Raises:
        Denied: No role of the person may ask.
        NotFound: There is no such question, or what it is about is not known.
        InvalidInput: A parameter is wrong.
    """
    authorize(person, "question")
    seen = services.seen_by(person)
    found = _answer(seen, name, params)
    if not seen.seeing.limited:
        return found
    return seen.seeing.masked(msgspec.to_builtins(found, str_keys=True))


def answer(services: Services, name: str, params: Mapping[str, Json]) -> Json:
    """Answer a question of who reads the workspace's own files, as plain JSON values."""
    return msgspec.to_builtins(_answer(services, name, params), str_keys=True)


def _answer(services: Services, name: str, params: Mapping[str, Json]) -> Json:
    question = QUESTIONS.get(name)
    if question is None:
        raise NotFound("there is no such question", where=name)
    return question.answer(services, read_fields(params, question.params, loose=True))
