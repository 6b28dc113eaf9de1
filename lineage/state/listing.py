"""Lists of the estate: namespaces and what is in them, what jobs touch, sources and tags.

Every list is a range of an index: what a page costs depends on the page, and not on how many runs
there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from lineage.graph.port import Node
from lineage.graph.rows import decode_props, decode_spans, listed
from lineage.identity import Label
from lineage.state.store import SqlState

__all__ = ["Listing", "Span", "Touched"]

# The index over namespaces is taken only where a statement repeats its condition.
_NAMED: Final = "live = 1 and label in ('Dataset', 'Job')"
_NAMESPACES: Final = f"""
with recursive kind(label) as (values ('Dataset'), ('Job')), found(label, name) as (
  select label, (select min(props ->> 'namespace') from node
                 where {_NAMED} and node.label = kind.label) from kind
  union all
  select label, (select min(props ->> 'namespace') from node
                 where {_NAMED} and node.label = found.label
                 and props ->> 'namespace' > found.name)
  from found where name is not null
)
select distinct name from found where name is not null order by name
"""  # noqa: S608
# What is passed over is counted off in the index: no row of it is read.
_OF_NAMESPACE: Final = f"""
select key, props from node where id in (
  select id from node where {_NAMED} and label = ?1 and props ->> 'namespace' = ?2 {{seen}}
  order by name, key limit ?3 offset ?4)
order by name, key
"""  # noqa: S608
_SEEN: Final = "and key not in (select value from json_each(?5))"
_OF_LABEL: Final = """
select key, props from node where live = 1 and label = ? order by name, key limit ? offset ?
"""
_COUNT: Final = f"""
select (select count(*) from node where {_NAMED} and label = ?1 and props ->> 'namespace' = ?2)
  - (select count(*) from json_each(?3) as hidden cross join node on node.key = hidden.value
     where {_NAMED} and label = ?1 and props ->> 'namespace' = ?2)
"""  # noqa: S608
# Numbers of nodes grow as they are first named; the rows themselves are not read.
_NAMED_BETWEEN: Final = f"""
select (select since from entity where key = (select key from node where id = ends.first)),
  (select since from entity where key = (select key from node where id = ends.last))
from (select min(id) as first, max(id) as last from node
      where {_NAMED} and props ->> 'namespace' = ?) as ends
"""  # noqa: S608
# Runs point at merged shapes; a shape that only single events had has none.
_SPANS: Final = """
select wanted.value, min((select min(first) from run where shape_id = io.shape_id)),
  max((select last from run where shape_id = io.shape_id order by first desc limit 1)),
  max(case io.role when 'out' then (
    select last from run where shape_id = io.shape_id and seen & 8 and not seen & 6
    order by first desc limit 1) end)
from json_each(?) as wanted cross join shape_io io on io.entity_key = wanted.value
group by wanted.value
"""
_JOB_SPANS: Final = """
select wanted.value,
  (select min(first) from run where job_key = wanted.value),
  (select last from run where job_key = wanted.value order by first desc limit 1), null
from json_each(?) as wanted
"""

_LIFECYCLES: Final = """
select p.entity_key, p.value ->> 'change', p.time,
  (select max((select first from run where shape_id = io.shape_id order by first desc limit 1))
   from shape_io io where io.entity_key = p.entity_key and io.role <> 'via'
   and io.change is not 'DROP')
from json_each(?) as wanted cross join point p on (p.entity_key, p.aspect, p.slot, p.source,
  p.time, p.rank) = (select entity_key, aspect, slot, source, time, rank from point
    where entity_key = wanted.value and aspect = 'lifecycle' and slot = '' and source = 'facet'
    order by time desc, rank desc limit 1)
"""

_TOUCHES: Final = """
select n.key, e.type, other.key, e.spans from json_each(?) as wanted
cross join node as n on n.key = wanted.value
cross join edge as e on e.{near} = n.id and e.type in ({types}) and e.live = 1
cross join node as other on other.id = e.{far} limit ?
"""
_FROM_JOBS: Final = _TOUCHES.format(near="src", far="dst", types="'READ', 'WROTE', 'CHILD_OF'")
_TO_DATASETS: Final = _TOUCHES.format(near="dst", far="src", types="'READ', 'WROTE'")

_COUNTED: Final[WeakKeyDictionary[SqlState, tuple[str, dict[tuple[str, str], int]]]] = (
    WeakKeyDictionary()
)
"""Per state its digest, and what lists of it counted there."""


@dataclass(frozen=True, slots=True)
class Span:
    """First and last moment at which events spoke of something, epoch milliseconds.

    Attributes:
        first: Beginning of the earliest run, or the moment of the first static event.
        last: Last event of the newest run.
        written: Last event of the newest run that completed and wrote it.
    """

    first: int | None = None
    last: int | None = None
    written: int | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """What a job reads and writes, or a dataset is read and written by, as things are wired.

    For a job ``reads`` are its inputs and ``writes`` its outputs; for a dataset ``reads`` are the
    jobs that read it and ``writes`` those that write it. ``parents`` are the jobs that a job is
    part of. Keys, sorted.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()


class Listing:
    """Lists, on the connection of one thread."""

    def __init__(
        self,
        state: SqlState,
        *,
        open_places: Callable[[str], bool] | None = None,
        hidden: Collection[str] = (),
    ) -> None:
        """Reads a state.

        Args:
            state: What is listed goes through its ``nodes``.
            open_places: Says of a namespace whether anything of it may be seen; None where
                everything may.
            hidden: Keys of what may not be seen in open namespaces.
        """
        self._state = state
        self._open = open_places
        self._narrowed = open_places is not None
        self._hidden = listed(sorted(hidden)) if hidden else ""
        self._db = state.connection()

    def namespaces(self) -> list[str]:
        """Every namespace of a dataset or job, by name."""
        return [name for (name,) in self._db.execute(_NAMESPACES)]

    def positions(self, namespace: str) -> tuple[int | None, int | None]:
        """The facts that were the first and the last to name something new in a namespace."""
        first, last = self._db.execute(_NAMED_BETWEEN, (namespace,)).fetchone()
        return first, last

    def named(
        self, label: Label, namespace: str | None, *, limit: int, offset: int = 0
    ) -> list[Node]:
        """Datasets or jobs of a namespace, or of all where it is None, by name."""
        if namespace is None:
            if self._narrowed:
                return self._seen(label)[offset : offset + limit]
            rows = self._db.execute(_OF_LABEL, (label, limit, offset))
        elif not self._is_open(namespace):
            return []
        else:
            statement = _OF_NAMESPACE.format(seen=_SEEN if self._hidden else "")
            asked = (label, namespace, limit, offset, *([self._hidden] if self._hidden else []))
            rows = self._db.execute(statement, asked)
        return [Node(key, label, decode_props(props)) for key, props in rows]

    def count(self, label: Label, namespace: str | None) -> int:
        """How many datasets or jobs a namespace has, or all have."""
        if namespace is None:
            return len(self._seen(label)) if self._narrowed else self._state.count(label)
        if not self._is_open(namespace):
            return 0
        counted = {} if self._narrowed else self._counted()
        if (label, namespace) not in counted:
            row = self._db.execute(_COUNT, (label, namespace, self._hidden or "[]")).fetchone()
            counted[label, namespace] = int(row[0])
        return counted[label, namespace]

    def _counted(self) -> dict[tuple[str, str], int]:
        """What was counted since the state last changed: every page says how much there is."""
        digest = self._state.digest()
        known, counted = _COUNTED.get(self._state, ("", {}))
        if known != digest:
            counted = {}
            _COUNTED[self._state] = (digest, counted)
        return counted

    def _is_open(self, namespace: str) -> bool:
        return self._open is None or self._open(namespace)

    def _seen(self, label: Label) -> list[Node]:
        rows = self._db.execute(_OF_LABEL, (label, -1, 0)).fetchall()
        return list(self._state.nodes([key for key, _ in rows]).values())

    def spans(self, keys: Iterable[str]) -> dict[str, Span]:
        """When events spoke of datasets; absent where none did."""
        rows = self._db.execute(_SPANS, (listed([*keys]),))
        return {row[0]: Span(*row[1:]) for row in rows}

    def job_spans(self, keys: Iterable[str]) -> dict[str, Span]:
        """When jobs ran."""
        rows = self._db.execute(_JOB_SPANS, (listed([*keys]),))
        return {row[0]: Span(*row[1:]) for row in rows}

    def touched(
        self, keys: Sequence[str], as_of: int, *, most: int = 200_000
    ) -> Mapping[str, Touched]:
        """What each of some jobs or datasets touches at a moment.

        Args:
            keys: Keys of jobs, or of datasets.
            as_of: Epoch milliseconds.
            most: Edges looked at.
        """
        wanted = listed(keys)
        found: dict[str, dict[str, set[str]]] = {key: {} for key in keys}
        for statement in (_FROM_JOBS, _TO_DATASETS):
            for key, type_, other, spans in self._db.execute(statement, (wanted, most)):
                if type_ == "CHILD_OF" or any(
                    start <= as_of < end for start, end in decode_spans(spans)[0]
                ):
                    found[key].setdefault(type_, set()).add(other)
        return {
            key: Touched(*(tuple(sorted(by.get(t, ()))) for t in ("READ", "WROTE", "CHILD_OF")))
            for key, by in found.items()
        }

    def lifecycles(self, keys: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """The newest change of lifecycle told of each dataset; whether it is dropped since."""
        rows = self._db.execute(_LIFECYCLES, (listed([*keys]),))
        return {
            key: (change, change == "DROP" and (shown is None or shown <= at))
            for key, change, at, shown in rows
        }

    def newest_facts(self, key: str, *, limit: int) -> list[int]:
        """Positions of the newest events that describe a dataset or job, one per shape."""
        rows = self._db.execute(
            "select (select max(position) from touch where shape_id = found.id) as newest from ("
            " select shape_id as id from shape_io where entity_key = ?1 and role <> 'via'"
            " union select id from shape where owner = ?1) as found"
            " where newest is not null order by newest desc limit ?2",
            (key, limit),
        )
        return sorted(position for (position,) in rows)

    def since(self, label: Label) -> list[int]:
        """Per entity of a label the position of the fact that named it first; 0 where unknown."""
        rows = self._db.execute(
            "select n.key, coalesce(e.since, 0) from node n join entity e on e.key = n.key"
            " where n.live = 1 and n.label = ?",
            (label,),
        ).fetchall()
        if not self._narrowed:
            return [position for _, position in rows]
        seen = self._state.nodes([key for key, _ in rows])
        return [position for key, position in rows if key in seen]

    def sources(self) -> list[tuple[str, str]]:
        """Data sources as producers name them: name and address."""
        if self._narrowed:
            values = [v.value for vs in self._state.with_aspect("source").values() for v in vs]
            named = {str(v["name"]): str(v.get("uri") or "") for v in values if v.get("name")}
            return sorted(named.items())
        return self._db.execute(
            "select value ->> 'name', coalesce(max(value ->> 'uri'), '') from point"
            " where aspect = 'source' and value ->> 'name' is not null group by 1 order by 1"
        ).fetchall()

    def tags(self) -> list[str]:
        """The keys of all tags that anything carries, by name."""
        if self._narrowed:
            held = [v.value for vs in self._state.with_aspect("tags").values() for v in vs]
            found = {one.get("key") for tags in held if isinstance(tags, list) for one in tags}
            return sorted(key for key in found if isinstance(key, str))
        rows = self._db.execute(
            "select distinct tag.value ->> 'key' from point p, json_each(p.value) as tag"
            " where p.aspect = 'tags' and json_type(p.value) = 'array'"
            " and json_type(tag.value, '$.key') = 'text' order by 1"
        )
        return [key for (key,) in rows]
