"""Where a word stands in what was said: a cheap first look before anything is decoded."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

__all__ = ["saying"]


def saying(db: sqlite3.Connection, aspect: str, words: Sequence[str]) -> set[str]:
    """Keys of entities of whose aspect some value, as JSON, contains one of the words.

    Letters count as small ones. Former and withdrawn values count too: what holds now is for the
    caller to read.
    """
    if not words:
        return set()
    found = " or ".join(["instr(lower(value), ?) > 0"] * len(words))
    rows = db.execute(
        f"select distinct entity_key from point where aspect = ? and ({found})",  # noqa: S608
        (aspect, *(word.lower() for word in words)),
    )
    return {key for (key,) in rows}
