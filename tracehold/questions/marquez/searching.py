"""Marquez' search: datasets and jobs by a part of their name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, Literal

from lineage.clock import format_millis, parse_millis
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.identity import Label
from tracehold.questions.marquez.node_ids import node_id
from tracehold.questions.marquez.seen import listing_of
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["SEARCHES"]

MOST: Final = 1000
LOOKED_AT: Final = 20_000
"""Names of each kind that a search looks at."""
_PAGE: Final = 200


class AskSearch(Body, frozen=True, kw_only=True):
    """A part of a name; ``%`` stands for anything, ``_`` for one sign."""

    q: str
    filter: Literal["", "dataset", "job", "DATASET", "JOB"] = ""
    sort: Literal["name", "updated_at", "NAME", "UPDATED_AT"] = "name"
    limit: int = 10
    namespace: str = ""
    before: str = ""
    after: str = ""


def _search(services: Services, params: AskSearch) -> Json:
    if not 0 <= params.limit <= MOST:
        raise InvalidInput(
            f"a search gives at most {MOST} things",
            where="limit",
            advice="ask for fewer, and narrow the search: q, filter, namespace",
        )
    before, after = _day(params.before, "before"), _day(params.after, "after")
    wanted = params.filter.lower()
    labels: list[Label] = [] if wanted == "job" else ["Dataset"]
    labels += [] if wanted == "dataset" else ["Job"]
    newest = params.sort.lower() == "updated_at"
    every = newest or before is not None or after is not None
    found: list[Node] = []
    for label in labels:
        named = _named(services, label, params.q.strip(), params.namespace)
        found += named if every else islice(named, params.limit)
    if every:
        times = _times(services, found)
        found = [node for node in found if _between(times.get(node.key), after, before)]
    if newest:
        found.sort(key=lambda node: (-(times.get(node.key) or 0), node.key))
    else:
        found.sort(key=lambda node: (str(node.props["name"]), node.key))
    shown = found[: params.limit]
    times = _times(services, shown)
    return {
        "totalCount": len(shown),
        "results": [
            {
                "type": node.label.upper(),
                "name": node.props["name"],
                "updatedAt": _text(times.get(node.key)),
                "namespace": node.props["namespace"],
                "nodeId": node_id(node),
            }
            for node in shown
        ],
    }


def _named(services: Services, label: Label, text: str, namespace: str) -> Iterator[Node]:
    """Nodes whose name fits, by name, from as many as are looked at."""
    pieces = [_piece(piece) for piece in text.lower().split("%") if piece]
    # The longest piece without a placeholder narrows the look-up.
    piece = max(re.split("[%_]", text), key=len, default="")
    after, seen = "", 0
    while seen < LOOKED_AT:
        page = services.state.list_nodes(label, text=piece, after=after, limit=_PAGE)
        for node in page:
            fits = _fits(str(node.props["name"]).lower(), pieces)
            if fits and namespace in ("", node.props.get("namespace")):
                yield node
        if len(page) < _PAGE:
            return
        after, seen = page[-1].key, seen + len(page)


def _piece(text: str) -> re.Pattern[str]:
    """What stands between two ``%``."""
    return re.compile("".join("." if char == "_" else re.escape(char) for char in text), re.DOTALL)


def _fits(name: str, pieces: Sequence[re.Pattern[str]]) -> bool:
    """Whether the pieces stand in the name one behind the other; the first place of each will do.

    One expression with a ``.*`` for each ``%`` would try every way to part a name.
    """
    place = 0
    for piece in pieces:
        found = piece.search(name, place)
        if found is None:
            return False
        place = found.end()
    return True


def _times(services: Services, nodes: list[Node]) -> dict[str, int | None]:
    listing = listing_of(services)
    spans = listing.spans([n.key for n in nodes if n.label == "Dataset"])
    spans |= listing.job_spans([n.key for n in nodes if n.label == "Job"])
    return {key: span.last for key, span in spans.items()}


def _between(moment: int | None, after: int | None, before: int | None) -> bool:
    if moment is None:
        return after is None and before is None
    return (after is None or moment > after) and (before is None or moment < before)


def _day(text: str, where: str) -> int | None:
    if not text:
        return None
    try:
        return parse_millis(text)
    except (ValueError, OverflowError):
        raise InvalidInput("this is no date", where=where, advice="write 2026-03-01") from None


def _text(millis: int | None) -> str | None:
    return None if millis is None else format_millis(millis)


SEARCHES: Final = (Question("search", "Marquez: search by name.", AskSearch, _search),)
