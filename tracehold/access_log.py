"""Who was told where personal data is: on record before the answer goes out, or there is none.

A read is a fact of the stream ``access``: dense and signed, so that an auditor can prove that these
are all. The same question about the same thing by the same person counts as one read for an hour,
so that a page that renews itself does not flood the journal.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

import msgspec

from lineage.clock import Clock, format_millis
from lineage.facts import Draft, Json
from lineage.journal.envelope import decode
from lineage.journal.port import Journal
from privacy.events import FilesRead, PersonalDataRead, kind_of

__all__ = ["FILES", "STREAM", "WINDOW_MILLIS", "AccessLog", "about", "is_personal", "reads"]

STREAM: Final = "access"
"""The dense governance stream of all reads."""
WINDOW_MILLIS: Final = 60 * 60 * 1000
"""For so long the same read is not recorded again."""
FILES: Final = "files"
"""Stands for the person where somebody reads the workspace's files and has no token."""
MOST_TEXT: Final = 500
"""Characters kept of what was asked about."""

_ENTRIES: Final = 10_000
_ALWAYS: Final = frozenset({"pii.exposure", "reads", "evidence.build"})
_ABOUT: Final = ("ref", "model", "id", "nodeId")
# How findings are named in answers, be they ours or facets.
_SIGNS: Final = (b'"pii', b'"tracehold_pii', b'"PiiDatasetFacet', b'"scan":', b'"personal-data')


def is_personal(question: str, answer: bytes) -> bool:
    """Whether an answer, as JSON, says where personal data is, or that none was found."""
    return question in _ALWAYS or any(sign in answer for sign in _SIGNS)


def about(params: Mapping[str, Json]) -> str:
    """What a question is about, as it was written; empty for everything."""
    return next((str(params[name]) for name in _ABOUT if params.get(name)), "")


class AccessLog:
    """Records reads of one workspace. Safe to share between threads."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """``clock`` gives epoch milliseconds."""
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[tuple[str, ...], int] = {}

    def note(self, person: str, question: str, ref: str, user: str = "") -> None:
        """A person is about to be told.

        Args:
            person: Opaque id.
            question: Name of the question, or of the page.
            ref: What it is about, as it was written; empty for everything.
            user: The account under which the workspace's files are read; empty for a request.

        Raises:
            Unavailable: It cannot be recorded now; then nothing may be told.
        """
        now = self._clock()
        read = (person, question, ref[:MOST_TEXT], user)
        with self._lock:
            if self._until.get(read, 0) > now:
                return
        until = now + WINDOW_MILLIS
        body = (
            FilesRead(question, read[2], until, user)
            if user
            else PersonalDataRead(question, read[2], until)
        )
        self._journal.append(
            [Draft(kind_of(body), person, msgspec.json.encode(body), stream=STREAM)]
        )
        with self._lock:
            if len(self._until) >= _ENTRIES:
                self._until = {key: end for key, end in self._until.items() if end > now}
            if len(self._until) < _ENTRIES:
                self._until[read] = until


def reads(journal: Journal, *, after: int = 0, limit: int = 100) -> list[dict[str, Json]]:
    """The reads on record behind a position, oldest first."""
    found: list[dict[str, Json]] = []
    for position in journal.members(STREAM):
        if position <= after:
            continue
        if len(found) == limit:
            break
        stored = journal.at(position)
        envelope = decode(stored.envelope)
        said: PersonalDataRead | FilesRead = PersonalDataRead("", "", envelope.received)
        if stored.distilled is not None:
            said = msgspec.json.decode(stored.distilled, type=PersonalDataRead | FilesRead)
        found.append(
            {
                "position": position,
                "person": envelope.actor,
                "user": said.user if isinstance(said, FilesRead) else None,
                "question": said.question,
                "ref": said.ref,
                "at": format_millis(envelope.received),
                "until": format_millis(said.until),
                "fact": envelope.id,
            }
        )
    return found
