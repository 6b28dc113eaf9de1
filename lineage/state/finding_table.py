"""What was odd about events, per job or dataset: first and last seen, and the last fact with it.

One row per kind of finding and place, however many events have it. Numbers in a place are written
``*``, so that the third input and the fourth are one place.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lineage.openlineage.view import Finding
from lineage.state.digest import RollingDigest

__all__ = ["FindingRow", "FindingTable", "count_findings", "read_findings"]

_MOST_PLACES: Final = 100
"""Findings of one event that are listed; the event itself keeps more."""
_NUMBER: Final = re.compile(r"/\d+(?=/|\Z)")


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One kind of finding at one place of the events of a job or dataset.

    Attributes:
        owner: Key of the job, or of the dataset where no job is named.
        code: See ``lineage.openlineage.codes``.
        place: JSON pointer into the event, ``*`` for any number.
        first: Earliest event time, epoch milliseconds; 0 where it is unknown.
        last: Latest event time.
        fact_id: The latest event that has it.
        actor: Opaque id of who sent that.
    """

    owner: str
    code: str
    place: str
    first: int
    last: int
    fact_id: str
    actor: str


class FindingTable:
    """Merges findings: minimum and maximum, so that neither order nor repetition matters."""

    def __init__(self, db: sqlite3.Connection, digest: RollingDigest) -> None:
        self._db = db
        self._digest = digest

    def see(
        self,
        owner: str,
        findings: Sequence[Finding],
        moment: tuple[int, str],
        cite: tuple[str, int, str],
    ) -> None:
        """An event of ``owner`` has these findings."""
        at, rank = moment
        fact_id, _, actor = cite
        places = {(one.code, _NUMBER.sub("/*", one.at)) for one in findings}
        for code, place in sorted(places)[:_MOST_PLACES]:
            old = self._db.execute(
                "select first, last, rank, fact_id, actor from finding"
                " where owner = ? and code = ? and place = ?",
                (owner, code, place),
            ).fetchone()
            new = (at, at, rank, fact_id, actor)
            if old is not None:
                new = (min(old[0], at), *max(tuple(old[1:]), new[1:]))
                if new == tuple(old):
                    continue
                self._digest.remove("finding", owner, code, place, *old[:3])
            self._digest.add("finding", owner, code, place, *new[:3])
            self._db.execute(
                "insert or replace into finding values (?, ?, ?, ?, ?, ?, ?, ?)",
                (owner, code, place, *new),
            )


def read_findings(
    db: sqlite3.Connection, owner: str | None, after: tuple[str, str, str], limit: int
) -> list[FindingRow]:
    """Findings in the order of owner, code and place; ``after`` is the last one seen."""
    rows = db.execute(
        "select owner, code, place, first, last, fact_id, actor from finding"
        " where (owner, code, place) > (?1, ?2, ?3) and (?4 is null or owner = ?4)"
        " order by owner, code, place limit ?5",
        (*after, owner, limit),
    )
    return [FindingRow(*row) for row in rows]


def count_findings(db: sqlite3.Connection, codes: Sequence[str]) -> tuple[int, int]:
    """How many findings of some codes there are, and of how many owners."""
    marks = ",".join("?" * len(codes))
    row = db.execute(
        f"select count(*), count(distinct owner) from finding where code in ({marks})",  # noqa: S608
        tuple(codes),
    ).fetchone()
    return int(row[0]), int(row[1])
