"""Lists of runs, and of versions that they made: page by page, of a job, by an id.

Every page is a range of an index, however many runs there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from lineage.graph.port import OPEN
from lineage.graph.rows import listed
from lineage.state.port import RunRow
from lineage.state.store import SqlState

__all__ = ["RunListing"]

_COUNT_VERSIONS: Final = """
select (select count(*) from version where dataset_key = ?1)
  + (select count(*) from shape_io io cross join run r on r.shape_id = io.shape_id
     where io.entity_key = ?1 and io.role = 'out' and r.seen & 8 and not r.seen & 70)
  - (select count(distinct v.run_key) from version v cross join run r on r.key = v.run_key
     where v.dataset_key = ?1 and r.seen & 8 and not r.seen & 70)
"""

# A run that named the version it made stands there by that name.
_CURRENT: Final = """
select wanted.value, v.version, v.last, r.run_id, r.ended from json_each(?) as wanted
left join version v on (v.dataset_key, v.version) = (select dataset_key, version from version
  where dataset_key = wanted.value order by last desc, version limit 1)
left join run r on r.key = (select n.key from shape_io io cross join run n on n.key = (
    select key from run where shape_id = io.shape_id and seen & 8 and not seen & 70
    and ended >= ifnull(v.last, -9223372036854775808) and not exists (
      select 1 from version m where m.dataset_key = wanted.value and m.run_key = run.key)
    order by ended desc, run_id limit 1)
  where io.entity_key = wanted.value and io.role = 'out'
  order by n.ended desc, n.run_id limit 1)
"""


class RunListing:
    """Lists of runs, on the connection of one thread."""

    def __init__(self, state: SqlState, *, narrowed: bool = False) -> None:
        """Reads a state.

        Args:
            state: Runs are read through it, which may hide some.
            narrowed: Whether it hides any, so that figures must leave them out.
        """
        self._state = state
        self._narrowed = narrowed
        self._db = state.connection()

    def runs(
        self, job_key: str | None, *, after: str = "", limit: int = 100
    ) -> tuple[list[RunRow], str | None]:
        """A page of the runs of one job or of all, newest first.

        Args:
            job_key: The job; all where None.
            after: Key of the last run of the page before.
            limit: Rows.

        Returns:
            The runs, and the key to go on after; None where no more follow.
        """
        where = "seen & 64 = 0" + ("" if job_key is None else " and job_key = :job")
        found: list[RunRow] = []
        while True:
            behind = "" if not after else " and (first, key) < (:first, :after)"
            first = self._db.execute("select first from run where key = ?", (after,)).fetchone()
            if after and first is None:
                return found, None
            rows = self._db.execute(
                f"select key from run where {where}{behind}"  # noqa: S608
                " order by first desc, key desc limit :limit",
                {"job": job_key, "first": first and first[0], "after": after, "limit": limit + 1},
            ).fetchall()
            keys = [key for (key,) in rows]
            seen = {row.key: row for row in self._state.runs_of_keys(keys)}
            for key in keys:
                if len(found) == limit:
                    return found, after
                if key in seen:
                    found.append(seen[key])
                after = key
            if len(rows) <= limit:
                return found, None

    def count_runs(self, job_key: str) -> int:
        """How many runs a job has."""
        # The key of a static event begins with that of its job: both are counted in an index.
        row = self._db.execute(
            "select (select count(*) from run where job_key = ?1)"
            " - (select count(*) from run where key >= ?1 || ':' and key < ?1 || ';')",
            (job_key,),
        ).fetchone()
        return int(row[0])

    def count_versions(self, dataset_key: str) -> int:
        """How many versions a dataset has: those named, and runs that wrote it unnamed."""
        return int(self._db.execute(_COUNT_VERSIONS, (dataset_key,)).fetchone()[0])

    def current_versions(self, dataset_keys: Iterable[str]) -> dict[str, str]:
        """The newest version of each dataset, by its name or the id of the run that wrote it."""
        found = {}
        for key, version, last, run_id, ended in self._db.execute(
            _CURRENT, (listed([*dataset_keys]),)
        ):
            named = [(-last, version)] if version is not None else []
            written = [(-ended, run_id)] if run_id is not None else []
            if named or written:
                found[key] = min(named + written)[1]
        return found

    def runs_of_id(self, run_id: str, *, limit: int = 100) -> list[RunRow]:
        """The runs, one per job, that go by a run id; the earliest first."""
        return self._runs(
            "select key from run where run_id = ? and seen & 64 = 0 order by first, key limit ?",
            (run_id, limit),
        )

    def runs_of_job(self, job_key: str, *, limit: int, offset: int = 0) -> list[RunRow]:
        """Runs of a job, newest first."""
        return self._runs(
            "select key from run where job_key = ? and seen & 64 = 0"
            " order by first desc, key desc limit ? offset ?",
            (job_key, limit, offset),
        )

    def newest_runs(
        self, job_keys: Iterable[str], *, until: int | None = None
    ) -> dict[str, RunRow]:
        """The newest run of each job; absent where it never ran.

        Args:
            job_keys: The jobs.
            until: Only runs that had begun by this moment, epoch milliseconds.
        """
        rows = self._runs(
            "select (select key from run where job_key = wanted.value and seen & 64 = 0"
            " and first <= ?2 order by first desc, key desc limit 1) from json_each(?1) as wanted",
            (listed([*job_keys]), OPEN if until is None else until),
        )
        return {row.job_key: row for row in rows}

    def _runs(self, statement: str, values: tuple[object, ...]) -> list[RunRow]:
        keys = [key for (key,) in self._db.execute(statement, values).fetchall() if key]
        return self._state.runs_of_keys(keys)

    def begun_and_ended(self, since: int) -> list[tuple[str, int, int | None, int]]:
        """Job, first event, end and event types of every run that began at a moment or later."""
        rows = self._db.execute(
            "select job_key, first, ended, seen from run where first >= ? and seen & 64 = 0",
            (since,),
        ).fetchall()
        if not self._narrowed:
            return rows
        seen = self._state.nodes(list({row[0] for row in rows}))
        return [row for row in rows if row[0] in seen]

    def first_facts(self, run_keys: Iterable[str]) -> dict[str, tuple[int, str, str]]:
        """Per run the position, id and actor of the first fact that told of it."""
        rows = self._db.execute(
            "select s.run_key, min(s.position), s.fact_id, s.actor from json_each(?) as wanted"
            " cross join sighting s on s.run_key = wanted.value group by s.run_key",
            (listed([*run_keys]),),
        )
        return {key: (position, fact, actor) for key, position, fact, actor in rows}

    def shapes(self, job_key: str) -> list[tuple[tuple[str, ...], tuple[str, ...], int]]:
        """What a job read and wrote together, and when first: one row per version of the job."""
        rows = self._db.execute(
            "select s.inputs, s.outputs, min((select min(first) from run where shape_id = s.id))"
            " from shape s where s.owner = ? group by s.inputs, s.outputs",
            (job_key,),
        )
        found = [
            (tuple(msgspec.json.decode(inputs)), tuple(msgspec.json.decode(outputs)), first)
            for inputs, outputs, first in rows
            if first is not None
        ]
        return sorted(found, key=lambda row: (-row[2], row))
