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
_CACHED: Final = 50_000
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
        self._sent: set[tuple[str, str, str, str]] = set()

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
            self._send(actor, owner, code, place)
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

    def forget(self) -> None:
        """Empty the cache, after a transaction was rolled back."""
        self._sent.clear()

    def _send(self, *sent: *tuple[str, str, str, str]) -> None:
        """Keep who has sent such events, also where another's is the one that is cited."""
        if sent in self._sent:
            return
        if len(self._sent) > _CACHED:
            self._sent.clear()
        self._sent.add(sent)
        sql = "insert or ignore into finding_sender values (?, ?, ?, ?)"
        if self._db.execute(sql, sent).rowcount:
            self._digest.add("finding_sender", *sent)


_FINDINGS: Final = """
select f.owner, f.code, f.place, f.first, f.last, f.fact_id, f.actor from finding f
where (f.owner, f.code, f.place) > (?1, ?2, ?3) and (?4 is null or f.owner = ?4)
order by f.owner, f.code, f.place limit ?5
"""
_FINDINGS_OF_SENDER: Final = """
select f.owner, f.code, f.place, f.first, f.last, f.fact_id, f.actor from finding_sender s
join finding f on f.owner = s.owner and f.code = s.code and f.place = s.place
where s.actor = ?6 and (s.owner, s.code, s.place) > (?1, ?2, ?3) and (?4 is null or s.owner = ?4)
order by s.owner, s.code, s.place limit ?5
"""


def read_findings(
    db: sqlite3.Connection,
    owner: str | None,
    after: tuple[str, str, str],
    limit: int,
    sender: str | None = None,
) -> list[FindingRow]:
    """Findings in the order of owner, code and place.

    Args:
        db: The state.
        owner: Of this job or dataset alone; of all where None.
        after: The last one seen.
        limit: Rows.
        sender: Those alone that events of this person or machine have had.
    """
    values = (*after, owner, limit)
    if sender is None:
        rows = db.execute(_FINDINGS, values)
    else:
        rows = db.execute(_FINDINGS_OF_SENDER, (*values, sender))
    return [FindingRow(*row) for row in rows]


def count_findings(db: sqlite3.Connection, codes: Sequence[str]) -> tuple[int, int]:
    """How many findings of some codes there are, and of how many owners."""
    marks = ",".join("?" * len(codes))
    row = db.execute(
        f"select count(*), count(distinct owner) from finding where code in ({marks})",  # noqa: S608
        tuple(codes),
    ).fetchone()
    return int(row[0]), int(row[1])
