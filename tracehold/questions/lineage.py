"""The trace, and the difference of two."""

from __future__ import annotations

import sys
from typing import Final, Literal

import msgspec

from catalog.annotate import annotator as catalog_annotator
from catalog.annotate import schema_and_quality
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.graph.port import Direction
from lineage.refs import ModelRef
from lineage.trace import diff_render
from lineage.trace.diff import Difference, compare
from lineage.trace.model import Trace
from lineage.trace.paging import Cursor, Page
from lineage.trace.render import as_answer
from lineage.trace.walk import trace
from privacy.annotate import annotator as privacy_annotator
from tracehold.judging import view_of
from tracehold.questions.breaking import breaking
from tracehold.questions.knowing import limits_of, position_of
from tracehold.questions.question import Body, Question, check_limit, moment
from tracehold.services import Services

__all__ = ["ANNOTATORS", "LINEAGE", "AskDiff", "AskTrace", "differ", "walk"]

ANNOTATORS: Final = (catalog_annotator, privacy_annotator)
"""Who says something beside each node of a trace."""
MOST_ON_PAGE: Final = 10_000
WEEK: Final = 7 * 24 * 60 * 60 * 1000
"""Milliseconds that a difference looks back where nobody says how far."""


class AskTrace(Body, frozen=True, kw_only=True):
    """What to trace, which way, along what, as of when, how far.

    ``direction`` is ``up`` unless told otherwise; with ``to``, whichever way leads there.
    ``detail`` ``names`` leaves out what is said beside the nodes, which is most of the work.
    """

    ref: str
    direction: Literal["up", "down", ""] = ""
    to: str = ""
    columns: bool = False
    view: Literal["structural", "content"] = "structural"
    as_of: str = ""
    known_at: str = ""
    depth: int | None = None
    limit: int | None = None
    after: str = ""
    rollup: bool = False
    detail: Literal["full", "names"] = "full"


class AskDiff(Body, frozen=True, kw_only=True):
    """What to compare: one thing at two moments, or two versions of a model.

    ``from`` is seven days before ``to``, which is now, unless told otherwise; two versions are
    both taken as they are now.
    """

    ref: str
    other: str = ""
    from_: str = msgspec.field(default="", name="from")
    to: str = ""
    known_at: str = ""
    view: Literal["structural", "content"] = "structural"
    depth: int | None = None


def walk(services: Services, params: AskTrace) -> Trace:
    """The trace that was asked for.

    Raises:
        InvalidInput: A parameter is wrong.
        NotFound: What is asked about is not known, or was not known then.
        StaleCursor: The answer is not the one that the page before was of.
    """
    page = _page(services, params)
    if params.direction or not params.to or page.after is not None:
        usual: Direction = "up" if page.after is None else page.after.direction
        return _walk(services, params, params.direction or usual, page)
    # Few remember which way data flows; whichever way leads there is meant.
    down = _walk(services, params, "down", page)
    up = None if down.nodes else _walk(services, params, "up", page)
    return up if up is not None and up.nodes else down


def _walk(services: Services, params: AskTrace, direction: Direction, page: Page) -> Trace:
    limits = limits_of(services, params.depth)
    ref, key = services.resolve(params.ref)
    to, end = None, ""
    if params.to:
        to, end = services.resolve(params.to)
    as_of = moment(services, params.as_of)
    if page.after is not None and not params.as_of:
        as_of = page.after.as_of
    known_at = position_of(services, params.known_at)
    with view_of(
        services, [key, *([end] if end else [])], known_at, limits=limits,
        directions=("up", "down") if end else (direction,),
    ) as stands_on:  # fmt: skip
        return trace(
            stands_on.reader,
            stands_on.state,
            services.identity,
            ref,
            direction=direction,
            to=to,
            columns=params.columns,
            view=params.view,
            rollup=params.rollup,
            as_of=as_of,
            limits=limits,
            annotators=ANNOTATORS if params.detail == "full" else (),
            coverage=services.coverage.at(services.state),
            allowed=services.seeing.allowed,
            page=page,
            truncated=stands_on.truncated,
        )


def _page(services: Services, params: AskTrace) -> Page:
    if params.limit is not None:
        check_limit(params.limit, MOST_ON_PAGE)
    after = Cursor.read(params.after) if params.after else None
    return Page(params.limit, after, services.settings.limits.trace_bytes)


def differ(services: Services, params: AskDiff) -> Difference:
    """What changed.

    Raises:
        InvalidInput: A parameter is wrong, or the two are not versions of one model.
        NotFound: What is asked about is not known, or was not known then.
    """
    limits = limits_of(services, params.depth)
    to_time = moment(services, params.to)
    sides = [services.resolve(params.ref)]
    if params.other:
        sides.append(services.resolve(params.other))
        one, two = sides[0][0], sides[1][0]
        if not (isinstance(one, ModelRef) and isinstance(two, ModelRef) and one.name == two.name):
            raise InvalidInput(
                "two references can be compared where they are versions of one model",
                where=f"{one}, {two}",
                advice="compare one reference at two moments: --from TIME --to TIME",
            )
    from_time = to_time if params.other else to_time - WEEK
    if params.from_:
        from_time = moment(services, params.from_)
    if from_time > to_time and not params.other:
        raise InvalidInput(
            "the beginning lies behind the end",
            where="from",
            advice="exchange the two, or leave the end out: it is now then",
        )
    known_at = position_of(services, params.known_at)
    with view_of(services, [key for _, key in sides], known_at, limits=limits) as stands_on:
        coverage = services.coverage.at(services.state)
        before, after = (
            trace(
                stands_on.reader,
                stands_on.state,
                services.identity,
                ref,
                direction="up",
                view=params.view,
                as_of=as_of,
                limits=limits,
                annotators=(*ANNOTATORS, schema_and_quality),
                coverage=coverage,
                allowed=services.seeing.allowed,
                page=Page(most_bytes=sys.maxsize),
                truncated=stands_on.truncated,
            )
            for (ref, _), as_of in ((sides[0], from_time), (sides[-1], to_time))
        )
    return compare(before, after)


def _trace(services: Services, params: AskTrace) -> Json:
    return as_answer(walk(services, params))


def _diff(services: Services, params: AskDiff) -> Json:
    found = differ(services, params)
    return diff_render.as_json(found, breaking(services, found))


LINEAGE: Final = (
    Question("trace", "Where data comes from, or where it goes.", AskTrace, _trace),
    Question("diff", "What changed in lineage and terms.", AskDiff, _diff),
)
