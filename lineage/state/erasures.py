"""What the fold does without an erased part: nothing, and it is not stuck.

A fact whose distilled part is gone contributes nothing. Where an erasure says so, that is how it
should be; where none does, the fact is listed with a cause. The erasure stands behind the fact in
the journal, so the list is put right when it is met. If the fact had been folded with its part by
then, the contribution is still inside, and the state says so until it is folded anew: what was
merged cannot be taken apart, and SQLite would keep the bytes in free pages.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from lineage.facts import Fact
from lineage.journal.erasure import ERASED, PartErased

__all__ = ["ERASED", "INSIDE", "MISSING", "Erasures"]

MISSING: Final = "distilled part missing, and no erasure says why"
INSIDE: Final = "erased_inside"
"""Key in ``meta``, there while the state holds what was erased after it had been folded."""


class Erasures:
    """Erasures and missing parts as the fold meets them, in any order."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """``db`` is the fold's connection."""
        self._db = db

    def explained(self, fact_id: str) -> bool:
        """Whether an erasure says that the distilled part of a fact is gone."""
        row = self._db.execute(
            "select 1 from erased where fact_id = ? and part = 'distilled'", (fact_id,)
        ).fetchone()
        return row is not None

    def take(self, fact: Fact) -> str:
        """Note an erasure; returns why it cannot be taken, empty where it was."""
        try:
            said = msgspec.json.decode(fact.body or b"", type=PartErased)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "body does not fit its kind"
        new = self._db.execute(
            "insert or ignore into erased (fact_id, part, position, reason) values (?, ?, ?, ?)",
            (said.fact, said.part, fact.position, said.reason),
        ).rowcount
        if new and said.part == "distilled":
            # What was stuck had left nothing in the state, whatever the cause.
            known = self._db.execute("delete from stuck where subject = ?", (said.fact,)).rowcount
            if not known:
                self._db.execute("insert or ignore into meta (key, value) values (?, '1')",
                                 (INSIDE,))  # fmt: skip
        return ""
