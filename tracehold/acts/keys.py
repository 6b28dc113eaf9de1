"""The act on the signing key: put a new one in its place."""

from __future__ import annotations

from typing import Final

from catalog.people import Person
from lineage.facts import Json
from tracehold.acts.act import Act, Body
from tracehold.services import Services

__all__ = ["KEYS"]


class RotateKey(Body, frozen=True, kw_only=True):
    """Whether to only say what would be done."""

    dry_run: bool = False


def _rotate(services: Services, actor: Person, body: RotateKey) -> Json:
    answer: dict[str, Json] = {
        "former": services.journal.verifier_key,
        "verifier_key": services.journal.verifier_key,
        "position": None,
        "dry_run": body.dry_run,
    }
    if not body.dry_run:
        receipt = services.journal.rotate_key(actor=actor.id)
        services.catch_up()
        answer |= {
            "verifier_key": services.journal.verifier_key,
            "position": receipt.position,
        }
    return answer


KEYS: Final = (
    Act("key.rotate", "Sign with a new key; the present one signs for it.", RotateKey, _rotate),
)
