"""The trace."""

from __future__ import annotations

from typing import Final, Literal

from catalog.annotate import annotator as catalog_annotator
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.trace.model import Trace
from lineage.trace.render import as_json
from lineage.trace.resolve import resolve
from lineage.trace.walk import trace
from privacy.annotate import annotator as privacy_annotator
from tracehold.bootstrap import Services
from tracehold.questions.question import Body, Question, moment

__all__ = ["ANNOTATORS", "LINEAGE", "AskTrace", "walk"]

ANNOTATORS: Final = (catalog_annotator, privacy_annotator)
"""Who says something beside each node of a trace."""


class AskTrace(Body, frozen=True, kw_only=True):
    """What to trace, which way, along what, as of when, how far."""

    ref: str
    direction: Literal["up", "down"] = "up"
    columns: bool = False
    view: Literal["structural", "content"] = "structural"
    as_of: str = ""
    depth: int | None = None


def walk(services: Services, params: AskTrace) -> Trace:
    """The trace that was asked for."""
    if params.depth is not None and params.depth < 1:
        raise InvalidInput("a trace has a depth of at least 1", where="depth")
    ref, _ = resolve(services.state, services.identity, params.ref)
    return trace(
        services.router,
        services.state,
        services.identity,
        ref,
        direction=params.direction,
        columns=params.columns,
        view=params.view,
        as_of=moment(services, params.as_of),
        limits=services.settings.limits.walk(params.depth),
        annotators=ANNOTATORS,
        coverage=services.coverage.at(services.state),
    )


def _trace(services: Services, params: AskTrace) -> Json:
    return as_json(walk(services, params))


LINEAGE: Final = (Question("trace", "Where data comes from, or where it goes.", AskTrace, _trace),)
