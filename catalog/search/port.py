"""What search needs of an engine for full text: SQLite today, PostgreSQL can follow.

An engine keeps words and documents. What a query means and which hit is the better one is decided
above it, so that every engine answers alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from catalog.search.document import Document
from lineage.identity import Label

__all__ = ["Found", "FullText", "Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents to give.

    Attributes:
        every: Per word of the query the words of the index that stand for it; of each some one must
            be in the document.
        phrase: Words that are enough instead, where they stand side by side in this order.
        whole: Words of the index that stand for all of the query; one of them is enough instead.
        label: Only of this kind; None for any.
        namespace: Only of this namespace; None for any.
    """

    every: Sequence[Collection[str]] = ()
    phrase: Sequence[str] = ()
    whole: Collection[str] = ()
    label: Label | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A document that has what is wanted; its texts as lines of indexed words.

    Attributes:
        place: Where it stands; what is used more stands before what is used less.
        key: Its key in the graph.
        label: What it is.
        fields: Names of its columns, one per line of ``columns``.
        uses: How many ways data takes through it.
        name: Words of its name.
        columns: Words of its columns.
        tags: Words of its tags.
        owners: Words of its owners.
        notes: Words of its descriptions.
        namespace: Words of its namespace.
    """

    place: int
    key: str
    label: Label
    fields: Sequence[str]
    uses: int
    name: str
    columns: str
    tags: str
    owners: str
    notes: str
    namespace: str


class FullText(Protocol):
    """Words and documents."""

    def known(self, wanted: Collection[str]) -> list[str]:
        """Those of the words that some document has."""
        ...

    def beginning(self, text: str, limit: int) -> list[str]:
        """Longer words that begin with a text, the shortest first."""
        ...

    def holding(self, text: str, limit: int) -> list[str]:
        """Words that have a text of three characters or more inside, the shortest first."""
        ...

    def resembling(self, text: str, limit: int) -> list[str]:
        """Words that share runs of three characters with a text, the likeliest first."""
        ...

    def find(self, wanted: Wanted, *, after: int, limit: int) -> list[Found]:
        """Documents that have what is wanted, by place, behind a place."""
        ...

    def put(self, documents: Iterable[Document]) -> None:
        """Take documents, each in the place of the one of its key."""
        ...
