"""Tombstones: deleted content must not come back unseen.

A tombstone is a keyed token of the content's SHA-256. It is kept for ever and says nothing to
anybody without the workspace secret. Content that matches is refused and raises an incident, also
when it returns with a restored backup.
"""

from __future__ import annotations

from dataclasses import dataclass

from lineage.errors import InvalidInput
from lineage.identity import Identity
from lineage.state.port import StateReader
from privacy.desk import Desk
from privacy.errors import ContentReturned
from privacy.events import IncidentRaised, kind_of

__all__ = ["STREAM", "Tombstone", "check", "content_token", "refuse_return"]

STREAM = "incident"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A tombstone that matched: the case that deleted the content, and the fact that says so."""

    token: str
    case: str
    fact_id: str


def content_token(identity: Identity, sha256: str) -> str:
    """The keyed token of a content, 64 digits.

    Raises:
        InvalidInput: ``sha256`` is not 64 hexadecimal digits.
    """
    try:
        raw = bytes.fromhex(sha256)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise InvalidInput("a SHA-256 has 64 hexadecimal digits", where="sha256")
    return identity.token("tombstone", raw)


def check(state: StateReader, identity: Identity, sha256: str) -> Tombstone | None:
    """The tombstone of a content, or None where it was never deleted."""
    token = content_token(identity, sha256)
    key = identity.key("Tombstone", token)
    values = state.aspects([key], ("tombstone",)).get(key, {}).get("tombstone", [])
    if not values:
        return None
    return Tombstone(token, str(values[0].value["case"]), values[0].fact_id)


def refuse_return(desk: Desk, actor: str, *, ref: str, sha256: str) -> None:
    """Refuse content that was deleted, and raise one incident per dataset and content.

    Args:
        desk: The outside.
        actor: Who brings the content.
        ref: Reference of the dataset that it would become.
        sha256: Of the content.

    Raises:
        ContentReturned: The content was deleted.
    """
    with desk.lock:
        found = check(desk.state, desk.identity, sha256)
        if found is None:
            return
        incident = desk.identity.token("incident", f"{ref}\0{found.token}".encode())[:16]
        key = desk.identity.key("Incident", incident)
        if not desk.state.aspects([key], ("incident",)).get(key):
            body = IncidentRaised(
                incident, "deleted content came back", ref, found.case, "refused at ingest"
            )
            desk.record(actor, kind_of(body), body, STREAM)
    raise ContentReturned(
        "this content was deleted and must not come back",
        where=f"{ref}, deletion case {found.case}",
        advice=f"incident {incident} was raised; remove the content from its source",
    )
