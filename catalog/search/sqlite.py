"""Full text in SQLite (FTS5), in a file of its own beside the state.

Documents are numbered so that what is used more comes first (``_PLACES``): a word that half of the
estate has is then answered with the first of its documents, without looking at all of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import Final, Literal

import msgspec

from catalog.search.document import Document
from catalog.search.port import Found, Wanted
from catalog.search.words import grams, words
from lineage.graph.rows import listed
from lineage.identity import Label

__all__ = ["FORMAT", "SqliteText"]

FORMAT: Final = 1
"""Raised with every change of a table or of how words are made: part of the file's name."""

_DDL: Final = """
create table if not exists meta (key text primary key, value integer not null) without rowid;
create table if not exists document (
    place integer primary key, key text not null unique, label text not null,
    uses integer not null, fields text not null
);
-- every word of every document; what is gone from all of them may stay
create table if not exists word (text text primary key) without rowid;
-- those that are no whole names, to be found by what is inside them
create table if not exists part (id integer primary key, text text not null unique);
-- words are taken apart before they come here: no tokenizer's own idea of them counts
create virtual table if not exists texts using fts5(
    name, columns, tags, owners, notes, namespace, marks,
    tokenize = 'ascii', columnsize = 0
);
create virtual table if not exists spelling using fts5(
    text, content = 'part', content_rowid = 'id', tokenize = 'trigram'
);
"""
_GREATEST: Final = 40
_PLACES: Final = 1 << 40
"""Documents of one grade of use; grades are powers of two, the most used first."""
_NEAREST_READ: Final = 2_000
"""Words looked at for the shortest of them."""
_SPELLED: Final = 40
"""Longest word that is looked for by its parts; longer ones are identifiers, not words."""

_BETWEEN: Final = " \ue002\n"
"""Between two lines stands a word that no text has, so that no phrase reaches over the end."""
_REMEMBERED: Final = 200_000

_KNOWN: Final = (
    "select word.text from json_each(?) as wanted cross join word on word.text = wanted.value"
)
_BEGINNING: Final = (
    "select text from (select text from word where text > ? and text < ? limit ?)"
    " order by length(text), text limit ?"
)
_HOLDING: Final = (
    "select text from (select text from spelling where spelling match ? limit ?)"
    " order by length(text), text limit ?"
)
_RESEMBLING: Final = "select text from spelling where spelling match ? order by rank limit ?"
_FIND: Final = (
    "select document.place, document.key, document.label, document.fields, document.uses,"
    " texts.name, texts.columns, texts.tags, texts.owners, texts.notes, texts.namespace"
    " from texts cross join document on document.place = texts.rowid"
    " where texts match ? and texts.rowid > ? order by texts.rowid limit ?"
)
_PUT: Final = (
    "insert into texts (rowid, name, columns, tags, owners, notes, namespace, marks)"
    " values (?, ?, ?, ?, ?, ?, ?, ?)"
)
_fields = msgspec.json.Decoder(list[str])


class SqliteText:
    """Implements ``catalog.search.port.FullText`` on one connection; discarded after an error."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._seen: dict[str, set[str]] = {"word": set(), "part": set()}

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    # What it knows of itself

    def position(self) -> int | None:
        """Fact up to which it follows; None where it was never filled to the end."""
        try:
            row = self.db.execute("select value from meta where key = 'position'").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_ERROR":
                raise
            return None  # not even a table
        return None if row is None else int(row[0])

    def reached(self, position: int) -> None:
        """Everything up to a fact is in."""
        self._set("position", position)

    def create(self) -> None:
        """Make the tables that are not there yet."""
        self.db.executescript(_DDL)

    # Asking

    def known(self, wanted: Collection[str]) -> list[str]:
        """Those of the words that some document has."""
        return self._words(_KNOWN, listed(sorted(wanted)))

    def beginning(self, text: str, limit: int) -> list[str]:
        """Longer words that begin with a text, the shortest first."""
        return self._words(_BEGINNING, text, f"{text}\U0010ffff", _NEAREST_READ, limit)

    def holding(self, text: str, limit: int) -> list[str]:
        """Words that have a text of three characters or more inside, the shortest first."""
        return self._words(_HOLDING, f'"{text}"', _NEAREST_READ, limit)

    def resembling(self, text: str, limit: int) -> list[str]:
        """Words that share runs of three characters with a text, the likeliest first."""
        runs = sorted(run for run in grams(text) if run.isalnum())
        return self._words(_RESEMBLING, _any(runs), limit) if runs else []

    def find(self, wanted: Wanted, *, after: int, limit: int) -> list[Found]:
        """Documents that have what is wanted, by place, behind a place."""
        if not (wanted.every or wanted.phrase or wanted.whole):
            return []
        rows = self.db.execute(_FIND, (_expression(wanted), after, limit))
        return [
            Found(
                place,
                key,
                label,
                _fields.decode(fields),
                uses,
                *(text.replace(_BETWEEN, "\n") for text in texts),
            )
            for place, key, label, fields, uses, *texts in rows
        ]

    def _words(self, sql: str, *values: str | int) -> list[str]:
        return [text for (text,) in self.db.execute(sql, values)]

    # Filling

    def put(self, documents: Iterable[Document]) -> None:
        """Take documents, each in the place of the one of its key, in one transaction."""
        self.db.execute("begin immediate")
        try:
            self._put_all(documents)
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    def _put_all(self, documents: Iterable[Document]) -> None:
        number = self._meta("number")
        for one in documents:
            number += 1
            self._put(one, number)
        self._set("number", number)
        self.db.execute(
            "insert into spelling (rowid, text) select id, text from part where id > ?",
            (self._meta("spelled"),),
        )
        row = self.db.execute("select max(id) from part").fetchone()
        self._set("spelled", row[0] or 0)

    def _put(self, one: Document, number: int) -> None:
        lists = ((one.name,), one.fields, one.tags, one.owners, one.notes, (one.namespace,))
        said = [[words(text) for text in texts] for texts in lists]
        texts = [_BETWEEN.join(line for _, line in lines) for lines in said]
        fields = listed(one.fields)
        row = self.db.execute("select place from document where key = ?", (one.key,)).fetchone()
        if row is not None:
            self.db.execute("delete from texts where rowid = ?", row)
            self.db.execute("delete from document where place = ?", row)
        place = (_GREATEST - min(one.uses.bit_length(), _GREATEST)) * _PLACES + number
        self.db.execute(
            "insert into document (place, key, label, uses, fields) values (?, ?, ?, ?, ?)",
            (place, one.key, one.label, one.uses, fields),
        )
        self.db.execute(_PUT, (place, *texts, " ".join(_marks(one.label, one.namespace))))
        self._learn("word", {word for lines in said for _, line in lines for word in line.split()})
        parts = {part for lines in said for own, _ in lines for part in own}
        self._learn("part", {part for part in parts if 2 < len(part) <= _SPELLED})

    def _learn(self, table: Literal["word", "part"], found: set[str]) -> None:
        seen = self._seen[table]
        if len(seen) > _REMEMBERED:
            seen.clear()
        fresh = found - seen
        seen |= fresh
        self.db.executemany(
            f"insert or ignore into {table} (text) values (?)",  # noqa: S608 - one of two words
            [(word,) for word in sorted(fresh) if table == "word" or not word.isdigit()],
        )

    def _meta(self, key: str) -> int:
        row = self.db.execute("select value from meta where key = ?", (key,)).fetchone()
        return 0 if row is None else int(row[0])

    def _set(self, key: str, value: int) -> None:
        self.db.execute("insert or replace into meta values (?, ?)", (key, value))


def _marks(label: Label | None, namespace: str | None) -> Iterator[str]:
    """Words that no text can have, for what narrows a search down."""
    # Characters of private use separate words everywhere else.
    if label is not None:
        yield f"\ue000{label.lower()}"
    if namespace is not None:
        yield f"\ue001{namespace.encode('utf-8', 'replace').hex()}"


def _expression(wanted: Wanted) -> str:
    every = " AND ".join(f"({_any(some)})" for some in wanted.every)
    ways = [f"({every})"] if every else []
    if wanted.phrase:
        ways.append('"' + " ".join(wanted.phrase) + '"')
    if wanted.whole:
        ways.append(f"({_any(wanted.whole)})")
    marks = [f'"{mark}"' for mark in _marks(wanted.label, wanted.namespace)]
    return " AND ".join([*marks, f"({' OR '.join(ways)})"])


def _any(some: Iterable[str]) -> str:
    # Words are letters, digits and what lies beyond ASCII: nothing that a quote could end.
    return " OR ".join(f'"{word}"' for word in some)
