"""The newest run of each of several jobs: for who draws a picture of many."""

from __future__ import annotations

from typing import Final

import msgspec

from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.refs import JobRef, parse_ref
from lineage.state.run_listing import RunListing
from tracehold.questions.entities import runs_json
from tracehold.questions.question import A_JOB, Body, Question, moment
from tracehold.services import Services

__all__ = ["NEWEST"]

MOST: Final = 100
"""Most jobs of one question."""


class AskNewest(Body, frozen=True, kw_only=True):
    """References of jobs as a JSON array, at most 100; ``as_of``: begun by that moment."""

    jobs: str
    as_of: str = ""


def _newest(services: Services, params: AskNewest) -> Json:
    keys = [_key(services, text) for text in _listed(params.jobs)]
    until = moment(services, params.as_of) if params.as_of else None
    found = RunListing(services.state).newest_runs(keys, until=until)
    return {
        "items": runs_json(services, [found[key] for key in dict.fromkeys(keys) if key in found]),
        "known_at": services.state.position(),
    }


def _listed(text: str) -> list[str]:
    try:
        listed = msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, ValueError):
        raise InvalidInput(
            "a list of jobs was expected", where="jobs", advice='write ["job:[NAMESPACE]NAME", …]'
        ) from None
    if len(listed) > MOST:
        raise InvalidInput(
            f"one question is about {MOST} jobs at most",
            where="jobs",
            advice="ask several times, each about a part of them",
        )
    return listed


def _key(services: Services, text: str) -> str:
    ref = parse_ref(text)
    if not isinstance(ref, JobRef):
        raise InvalidInput("a job was expected", where=text, advice=A_JOB)
    return ref.key(services.identity)


NEWEST: Final = (Question("newest", "The newest run of each of several jobs.", AskNewest, _newest),)
"""One question."""
