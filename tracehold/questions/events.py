"""What was recorded, fact by fact, and what is odd about the events that came in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from catalog.people import find_person
from lineage.clock import format_millis
from lineage.errors import InvalidInput
from lineage.facts import Json
from lineage.journal.envelope import decode
from lineage.journal.port import StoredFact
from lineage.openlineage.codes import CODES
from lineage.refs import DatasetRef, JobRef
from lineage.state.finding_table import FindingRow
from tracehold.questions.entities import MOST, ref_of_key
from tracehold.questions.question import Body, Question, check_limit
from tracehold.services import Services

__all__ = ["EVENTS", "masked_places"]

_FACT_ID: Final = re.compile(r"[0-9a-f]{32}")
_MASKED: Final = 1000
"""Most places listed of one event."""


class AskFact(Body, frozen=True, kw_only=True):
    """Id of a fact, as a receipt gives it."""

    id: str


class AskFindings(Body, frozen=True, kw_only=True):
    """Of one job or dataset or of all, and the page: ``after`` is ``next`` of the page before.

    ``producer`` is the name or id of a person or machine: what its own events have shown.
    """

    ref: str = ""
    producer: str = ""
    after: str = ""
    limit: int = 100


def _fact(services: Services, params: AskFact) -> Json:
    if not _FACT_ID.fullmatch(params.id):
        raise InvalidInput(
            "this is no id of a fact", where="id", advice="give a receipt: 32 digits, 0 to f"
        )
    stored = services.journal.get(params.id)
    envelope = decode(stored.envelope)
    answer: dict[str, Json] = {
        "fact": envelope.id,
        "position": stored.position,
        "kind": envelope.kind,
        "actor": envelope.actor,
        "stream": envelope.stream,
        "recorded": format_millis(envelope.received),
        "valid": None if envelope.valid is None else format_millis(envelope.valid),
        "parts": {
            "distilled": "erased" if stored.distilled is None else "kept",
            "raw": _part(envelope.raw, stored.raw),
        },
    }
    if stored.distilled is None:
        return answer | {"body": None}
    body = msgspec.json.decode(stored.distilled)
    if not envelope.kind.startswith("openlineage.received/"):
        return answer | ({"hidden": True} if _hides(services, body) else {"body": body})
    if any(_hides(services, body["event"].get(owner)) for owner in ("job", "dataset")):
        return answer | {"hidden": True}
    return answer | {
        "event": body["event"],
        "findings": [_explained(one["code"], {"at": one["at"]}) for one in body["findings"]],
        "masked": _masked(stored, body["event"]),
    }


def _hides(services: Services, said: Json) -> bool:
    """Whether something is named that may not be seen; then all that is said of it stays out."""
    return services.seeing.limited and services.seeing.masked(said) != said


def _part(digest: str | None, content: bytes | None) -> str:
    if digest is None:
        return "none"
    return "erased" if content is None else "kept"


def _masked(stored: StoredFact, event: Json) -> list[str] | None:
    """Where the event differs from what was received; None where that is gone."""
    if stored.raw is None:
        return None
    found: list[str] = []
    for place in masked_places(msgspec.json.decode(stored.raw), event):
        if len(found) == _MASKED:
            break
        found.append(place)
    return found


def masked_places(received: Json, kept: Json, at: str = "") -> Iterator[str]:
    """JSON pointers (RFC 6901) to the values that were masked."""
    if isinstance(received, dict) and isinstance(kept, dict):
        for name, value in received.items():
            step = name.replace("~", "~0").replace("/", "~1")
            yield from masked_places(value, kept.get(name), f"{at}/{step}")
    elif isinstance(received, list) and isinstance(kept, list):
        for number, (one, other) in enumerate(zip(received, kept, strict=True)):
            yield from masked_places(one, other, f"{at}/{number}")
    elif received != kept:
        yield at


def _findings(services: Services, params: AskFindings) -> Json:
    check_limit(params.limit, MOST)
    owner = None
    if params.ref:
        ref, owner = services.resolve(params.ref)
        if not isinstance(ref, JobRef | DatasetRef):
            raise InvalidInput(
                "a job or a dataset was expected",
                where=params.ref,
                advice="write job:[NAMESPACE]NAME or dataset:[NAMESPACE]NAME",
            )
    after = tuple(params.after.split(" ", 2)) if params.after else ("", "", "")
    if len(after) != 3:
        raise InvalidInput("this is no place in the list", where="after", advice="give `next`")
    sender = find_person(services.state, params.producer).id if params.producer else None
    rows = services.state.findings(owner, after=after, limit=params.limit + 1, sender=sender)
    shown = rows[: params.limit]
    held = services.state.aspects([row.owner for row in shown], ["ownership"])
    items = []
    for row in shown:
        owners = held.get(row.owner, {}).get("ownership", ())
        names = [one.get("name") for value in owners for one in value.value.get("owners", ())]
        items.append(_finding(services, row) | {"owners": names})
    last = shown[-1] if len(rows) > len(shown) else None
    every, owners_hit = services.state.count_findings([c for c in CODES if CODES[c].breaks])
    return {
        "items": items,
        "next": None if last is None else f"{last.owner} {last.code} {last.place}",
        "breaking": {"findings": every, "sources": owners_hit},
        "known_at": services.state.position(),
    }


def _finding(services: Services, row: FindingRow) -> dict[str, Json]:
    sender = services.person(row.actor)
    return {
        "ref": ref_of_key(services, row.owner),
        **_explained(row.code, {"at": row.place}),
        "first": format_millis(row.first) if row.first else None,
        "last": format_millis(row.last) if row.last else None,
        "fact": row.fact_id,
        "sent_by": row.actor if sender is None else sender.name,
    }


def _explained(code: str, place: dict[str, Json]) -> dict[str, Json]:
    known = CODES.get(code)
    if known is None:
        # Found by another release; what it meant is in that release's pages.
        return {"code": code, **place, "breaks_schema": None, "meaning": "", "advice": ""}
    return {
        "code": code,
        **place,
        "breaks_schema": known.breaks,
        "meaning": known.meaning,
        "advice": known.advice,
    }


EVENTS: Final = (
    Question("fact", "One fact as recorded; of an event, what was masked.", AskFact, _fact),
    Question("findings", "What is odd about the events received.", AskFindings, _findings),
)
"""Questions about facts and events."""
