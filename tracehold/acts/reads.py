"""The act of a command that read the workspace's files: say so, before anything is told."""

from __future__ import annotations

from typing import Final

from catalog.people import Person
from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.access_log import MOST_TEXT
from tracehold.acts.act import Act, Body
from tracehold.services import Services

__all__ = ["READS"]


class NoteRead(Body, frozen=True, kw_only=True):
    """What was asked, about what, and under which account of the operating system."""

    question: str
    ref: str = ""
    user: str


def _note(services: Services, actor: Person, body: NoteRead) -> Json:
    for name in ("question", "user"):
        text = getattr(body, name)
        if not 0 < len(text) <= MOST_TEXT:
            raise InvalidInput(f"1 to {MOST_TEXT} letters are expected", where=name)
    services.told(actor.id, body.question, body.ref, body.user)
    return {"recorded": True}


READS: Final = (
    Act("read.note", "Record that where personal data is was read from files.", NoteRead, _note),
)
