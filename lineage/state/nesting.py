"""Jobs within jobs: a flow, its tasks, their queries; a job of dbt, its models, their statements.

Producers name the job around a job (facet ``parent``), and the outermost one where they know it.
What a job says of itself counts before what is said of it (kind ``root``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from lineage.graph.rows import listed

__all__ = ["inner_jobs", "inner_runs", "outer_jobs", "outermost"]

_OUTER: Final = """
select s.key, d.key, e.kind from json_each(?) as wanted
cross join node as s on s.key = wanted.value
cross join edge as e on e.src = s.id and e.type = 'CHILD_OF' and e.live = 1
join node as d on d.id = e.dst
"""
_INNER: Final = """
select distinct s.key from edge as e join node as s on s.id = e.src
where e.dst = (select id from node where key = ?) and e.type = 'CHILD_OF' and e.live = 1
and (e.kind = 'parent' or not exists (
  select 1 from edge as own
  where own.src = e.src and own.type = 'CHILD_OF' and own.kind = 'parent' and own.live = 1))
order by s.name, s.key limit ?
"""
# Clocks of producers differ; a job that runs every minute has too many runs to look at all.
_DAY: Final = 24 * 60 * 60 * 1000
_INNER_RUNS: Final = f"""
select r.key from run as outside
cross join json_each(?1) as wanted
cross join run as r on r.job_key = wanted.value and r.first >= outside.first - {_DAY}
  and r.first <= coalesce(outside.ended + {_DAY}, 1 << 62)
where outside.key = ?2 and r.facets ->> '$.parent[2].run.runId' = outside.run_id
order by r.first, r.key limit ?3
"""  # noqa: S608

Outer = Callable[[Sequence[str]], Mapping[str, Collection[str]]]
"""The jobs directly around some jobs."""


def outer_jobs(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, set[str]]:
    """The jobs directly around each of some jobs; absent where there is none."""
    said: dict[str, dict[str, set[str]]] = {}
    for inner, outer, kind in db.execute(_OUTER, (listed(keys),)):
        said.setdefault(inner, {}).setdefault(kind, set()).add(outer)
    return {inner: kinds.get("parent") or kinds["root"] for inner, kinds in said.items()}


def inner_jobs(db: sqlite3.Connection, key: str, limit: int) -> list[str]:
    """The jobs directly within a job, by name."""
    return [inner for (inner,) in db.execute(_INNER, (key, limit))]


def inner_runs(db: sqlite3.Connection, key: str, jobs: Sequence[str], limit: int) -> list[str]:
    """The runs of some jobs that name a run as the one around them, the earliest first."""
    return [inner for (inner,) in db.execute(_INNER_RUNS, (listed(jobs), key, limit))]


def outermost(keys: Iterable[str], outer: Outer) -> dict[str, str]:
    """The outermost job around each of some jobs, itself where none is.

    The way leads outwards as long as it is the only one: a job that runs within several others
    belongs to none of them more than to another. Jobs that lie within each other are one ring, for
    which the least of their keys stands.

    Args:
        keys: Of jobs.
        outer: Answers for many at once.
    """
    wanted = list(keys)
    above: dict[str, str] = {}
    asked: set[str] = set()
    fresh = set(wanted)
    while fresh:
        asked |= fresh
        for inner, found in outer(sorted(fresh)).items():
            if len(found) == 1:
                [above[inner]] = found
        fresh = {above[key] for key in fresh if key in above} - asked
    return {key: _end(key, above) for key in wanted}


def _end(key: str, above: Mapping[str, str]) -> str:
    way = [key]
    while (further := above.get(way[-1])) is not None:
        if further in way:
            return min(way[way.index(further) :])
        way.append(further)
    return way[-1]
