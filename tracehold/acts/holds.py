"""Acts on holds: placed by one person, released by two."""

from __future__ import annotations

import secrets
from typing import Final

from catalog.people import Person
from lineage.facts import Json
from privacy.holds import agree_release, place_hold
from tracehold.acts.act import Act, Body
from tracehold.services import Services

__all__ = ["HOLDS"]


class PlaceHold(Body, frozen=True, kw_only=True):
    """Scope, matter and reason; without an id the hold gets one."""

    scope: list[str]
    matter: str
    reason: str
    hold: str = ""


class ReleaseHold(Body, frozen=True, kw_only=True):
    """Consent of one person; the second releases."""

    hold: str
    reason: str


def _place(services: Services, actor: Person, body: PlaceHold) -> Json:
    return place_hold(
        services.desk,
        actor.id,
        hold=body.hold or f"H-{secrets.token_hex(4)}",
        matter=body.matter,
        reason=body.reason,
        scope=[services.ref_text(text) for text in body.scope],
    ).as_dict()


def _release(services: Services, actor: Person, body: ReleaseHold) -> Json:
    return agree_release(services.desk, actor.id, hold=body.hold, reason=body.reason).as_dict()


HOLDS: Final = (
    Act("hold.place", "Hold datasets or models: nothing of them is deleted.", PlaceHold, _place),
    Act("hold.release", "Agree to release a hold; the second person does.", ReleaseHold, _release),
)
