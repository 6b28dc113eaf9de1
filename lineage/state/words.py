"""Where a word stands in what was said: a cheap first look before anything is decoded."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

__all__ = ["said_of", "saying"]


def said_of(db: sqlite3.Connection, aspects: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """How many points there are of some aspects: another number where something was said."""
    marks = ",".join("?" * len(aspects))
    rows = db.execute(
        f"select aspect, count(*) from point where aspect in ({marks})"  # noqa: S608
        " group by aspect order by aspect",
        tuple(aspects),
    )
    return tuple((aspect, number) for aspect, number in rows)


def saying(
    db: sqlite3.Connection, aspect: str, words: Sequence[str], unless: str = "\0"
) -> set[str]:
    """Keys of entities of whose aspect some value, as JSON, contains one of the words.

    Letters count as small ones. Former and withdrawn values count too: what holds now is for the
    caller to read. A value that contains ``unless`` is passed over.
    """
    if not words:
        return set()
    found = " or ".join(["instr(lower(value), ?) > 0"] * len(words))
    rows = db.execute(
        f"select distinct entity_key from point where aspect = ?"  # noqa: S608
        f" and instr(value, ?) = 0 and ({found})",
        (aspect, unless, *(word.lower() for word in words)),
    )
    return {key for (key,) in rows}
