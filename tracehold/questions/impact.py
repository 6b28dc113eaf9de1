"""The impact list: everything downstream of something, with owners, terms and models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.trace.model import Trace, TraceNode
from tracehold.questions.lineage import ANNOTATORS, AskTrace, walk
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["IMPACT"]


class AskImpact(Body, frozen=True, kw_only=True):
    """What would change, and how far to look.

    With ``to`` only what lies on a way to it; ``items`` is empty where none leads there.
    """

    ref: str
    to: str = ""
    columns: bool = False
    view: Literal["structural", "content"] = "structural"
    as_of: str = ""
    known_at: str = ""
    depth: int | None = None
    limit: int | None = None
    after: str = ""


def _impact(services: Services, params: AskImpact) -> Json:
    asked = AskTrace(direction="down", **msgspec.structs.asdict(params))
    found = walk(services, asked)
    through: dict[str, set[str]] = {}
    for edge in found.edges:
        if edge.job:
            through.setdefault(edge.dst, set()).add(edge.job)
    notes = _notes_of_homes(services, found)
    items = [
        {
            "ref": node.ref,
            "kind": node.label.lower(),
            "depth": node.depth,
            "jobs": sorted(through.get(node.key, ())),
            **_told({**notes.get(node.key, {}), **node.annotations}),
        }
        for node in found.nodes
        if node.depth or params.after
    ]
    owners = Counter(str(one["owner"] or "") for one in items if one["kind"] != "hidden")
    return {
        "ref": found.ref,
        "to": found.to,
        "items": items,
        "count": len(items),
        "models": sum(one["kind"] == "model" for one in items),
        "owners": [{"owner": name, "count": count} for name, count in sorted(owners.items())],
        "complete": found.complete,
        "reasons": found.reasons,
        "hidden": found.hidden,
        "as_of": format_millis(found.as_of),
        "known_at": found.known_at,
        "answered_by": found.answered_by,
        "next": found.next,
    }


def _told(notes: Mapping[str, Json]) -> dict[str, Json]:
    told = {
        name: notes.get(name)
        for name in ("owner", "license", "purposes", "retention", "stale_decisions")
    }
    # Only where there is some: an answer that speaks of personal data is put on record.
    return told | ({"pii": notes["pii"]} if "pii" in notes else {})


def _notes_of_homes(services: Services, found: Trace) -> dict[str, dict[str, Json]]:
    """What is known of the dataset of each column; nothing where no column was reached."""
    homes = {node.key: _home(services, node) for node in found.nodes if node.label == "Column"}
    nodes = list(services.state.nodes(sorted(set(homes.values()))).values())
    said: dict[str, dict[str, Json]] = {}
    for annotator in ANNOTATORS if nodes else ():
        for key, notes in annotator(services.state, nodes, found.as_of).items():
            said.setdefault(key, {}).update(notes)
    return {key: said.get(home, {}) for key, home in homes.items()}


def _home(services: Services, column: TraceNode) -> str:
    return services.identity.key("Dataset", column.namespace, column.name)


IMPACT: Final[Sequence[Question]] = (
    Question("impact", "Everything downstream, with owners, terms, models.", AskImpact, _impact),
)
