"""Full-text search: what somebody half remembers, over names, columns, texts, tags and owners."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

from catalog.search.searching import Hit, Outcome, search
from lineage.clock import format_millis
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.identity import Label
from lineage.refs import ColumnRef
from lineage.state.following import last_used
from lineage.trace.names import reference_text
from tracehold.questions.question import Body, Question, check_limit
from tracehold.services import Services

__all__ = ["FINDING", "Find"]

MOST: Final = 100
"""Most things of one answer."""
_LONGEST: Final = 200
"""Characters of a query that count."""
_COLUMNS: Final = 5
"""Columns shown of a thing found."""
_LOOKED_AT: Final = 20
"""Times that further candidates are taken where whoever asks may not see the first."""
_LABELS: Final[dict[str, Label]] = {
    "dataset": "Dataset", "column": "Dataset", "job": "Job", "model": "Model",
}  # fmt: skip


class Find(Body, frozen=True, kw_only=True):
    """What to look for: words or parts of words, typos allowed; of which kind, in which namespace.

    ``kind`` ``column`` answers with columns, any other with things and the columns that fit.
    """

    text: str
    kind: Literal["", "dataset", "column", "job", "model"] = ""
    namespace: str = ""
    limit: int = 20


def _find(services: Services, params: Find) -> Json:
    check_limit(params.limit, MOST)
    items: list[Json] = []
    more = False
    misspelled: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    with services.search.opened() as (index, position):
        outcomes = search(
            index,
            params.text[:_LONGEST],
            now=services.clock(),
            last_used=lambda keys: last_used(services.state.connection(), keys),
            label=_LABELS.get(params.kind),
            namespace=params.namespace or None,
        )
        for _, outcome in zip(range(_LOOKED_AT), outcomes, strict=False):
            more, misspelled, left_out = outcome.more, outcome.misspelled, outcome.left_out
            for item in _items(services, outcome, params):
                if len(items) == params.limit:
                    more = True
                    break
                items.append(item)
            if len(items) == params.limit:
                break
    answer: dict[str, Json] = {"items": items, "more": more, "known_at": position}
    if not services.seeing.limited:
        # What the index knows of words would tell of things that may not be seen.
        answer |= {"misspelled": list(misspelled), "left_out": list(left_out)}
    return answer


def _items(services: Services, outcome: Outcome, params: Find) -> Iterator[Json]:
    for start in range(0, len(outcome.hits), params.limit):
        hits = outcome.hits[start : start + params.limit]
        # What may not be seen, or is no more, has no node here.
        nodes = services.state.nodes([hit.key for hit in hits])
        for hit in hits:
            node = nodes.get(hit.key)
            if node is None:
                continue
            if params.kind == "column":
                yield from _columns(hit, node)
            else:
                yield _thing(hit, node) | ({} if services.seeing.limited else _use(hit))


def _thing(hit: Hit, node: Node) -> dict[str, Json]:
    props = node.props
    named = {n: props[n] for n in ("namespace", "name", "version") if props.get(n)}
    return {
        "ref": reference_text(node, node.key),
        "key": node.key,
        "kind": node.label.lower(),
        **named,
        "where": list(hit.where),
        "columns": list(islice(_columns(hit, node), _COLUMNS)),
    }


def _use(hit: Hit) -> dict[str, Json]:
    """How much and how lately it is used, by whomever: only for who may see them all."""
    last = None if hit.last_used is None else format_millis(hit.last_used)
    return {"uses": hit.uses, "last_used": last}


def _columns(hit: Hit, node: Node) -> Iterator[dict[str, Json]]:
    namespace, name = str(node.props["namespace"]), str(node.props["name"])
    for field in hit.fields:
        ref = ColumnRef(namespace, name, field)
        yield {"ref": str(ref), "kind": "column", "dataset": str(ref.dataset), "field": field}


FINDING: Final = (
    Question("find", "Full-text search: names, columns, texts, tags, owners.", Find, _find),
)
