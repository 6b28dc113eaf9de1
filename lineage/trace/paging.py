"""Pages of an answer: every node once, every edge once, and nothing moves in between.

Nothing is kept between two pages: the walk is done again, and the cursor holds a digest of all
that it found. Where that differs, the pages would not fit together and the cursor is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from lineage.errors import Conflict, InvalidInput
from lineage.graph.port import Direction
from lineage.trace.model import TraceEdge

__all__ = ["ANSWER_BYTES", "Cursor", "Page", "StaleCursor", "edges_of_page", "fingerprint"]

ANSWER_BYTES: Final = 16 * 1024 * 1024
"""JSON of one answer at most, roughly; what is beyond is on the next page."""


class StaleCursor(Conflict):
    """The answer differs from the one that the page before was of."""

    code = "stale-cursor"


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ends.

    Attributes:
        as_of: Moment of the answer, epoch milliseconds.
        known_at: Number of facts known when the first page was made.
        digest: Of the whole answer.
        seen: Nodes on the pages so far.
        direction: Which way the answer leads.
    """

    as_of: int
    known_at: int
    digest: str
    seen: int
    direction: Direction

    def __str__(self) -> str:
        """As a caller hands it back."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")

    @staticmethod
    def read(text: str) -> Cursor:
        """The cursor that a text is.

        Raises:
            InvalidInput: It is none.
        """
        try:
            raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
            return msgspec.msgpack.decode(raw, type=Cursor)
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            raise InvalidInput(
                "this is no cursor",
                where="after",
                advice="hand back `next` of the page before as it was given",
            ) from None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of an answer is wanted.

    Attributes:
        limit: Nodes of a page; None for as many as fit.
        after: The cursor of the page before; None for the first.
        most_bytes: JSON of the page at most, roughly.
    """

    limit: int | None = None
    after: Cursor | None = None
    most_bytes: int = ANSWER_BYTES

    def begin(self, digest: str, size: int) -> int:
        """The place of the first node of the page.

        Raises:
            StaleCursor: The answer is not the one that the cursor was given for.
        """
        if self.after is None:
            return 0
        if self.after.digest != digest or not 0 < self.after.seen < size:
            raise StaleCursor(
                f"the answer has changed since fact {self.after.known_at}, where its pages began",
                where="after",
                advice="ask for the first page again; known_at keeps the answer as it was then",
            )
        return self.after.seen


def fingerprint(asked: Sequence[str], order: Sequence[str], edges: Sequence[TraceEdge]) -> str:
    """A digest of what was asked and of all that was found, in its order."""
    found = hashlib.blake2b(digest_size=12)
    found.update(msgspec.msgpack.encode((asked, order)))
    found.update(
        msgspec.msgpack.encode([(e.src, e.dst, e.type, e.job, e.kind, e.role) for e in edges])
    )
    return found.hexdigest()


def edges_of_page(
    edges: Sequence[TraceEdge], places: Mapping[str, int], begin: int, end: int
) -> tuple[TraceEdge, ...]:
    """The edges whose later end stands on the page; so each is on one page, with both ends seen."""
    if not begin and end >= len(places):
        return tuple(edges)
    return tuple(edge for edge in edges if begin <= max(places[edge.src], places[edge.dst]) < end)
