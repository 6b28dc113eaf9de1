"""The state as far as a caller may see it: what is hidden is not there.

Handed to questions in the place of the whole state, so that a question which knows nothing of
rights hides what is to be hidden. What must be judged by everything asks ``Services.whole``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

import msgspec

from lineage.facts import Json
from lineage.graph.port import Edge, EdgeType, Node, View
from lineage.graph.rows import listed
from lineage.identity import Label
from lineage.state.finding_table import FindingRow
from lineage.state.listing import Listing
from lineage.state.point_table import read_points
from lineage.state.port import AspectValue, EstateCounts, RunRow, VersionRow
from lineage.state.resolve import resolve
from lineage.state.store import NO_FORMS, SqlState
from lineage.trace.hiding import HIDDEN
from tracehold.seeing import Seeing

__all__ = ["SeenState"]

_PAGE: Final = 500
_ALL_OF_LABEL: Final = (
    "select key, props, feeds from node where live = 1 and label = ? order by name, key"
)
_OPEN: Final = """
select key, props from node
where live = 1 and label in ('Dataset', 'Job') and label = ?1 and (?3 = '' or instr(folded, ?3))
  and (props ->> 'namespace' in (select value from json_each(?2)) or props ->> 'namespace' is null)
  {behind} order by name, key
"""
_BEHIND: Final = "and (name, key) > (select name, key from node where key = ?4)"
_FEW: Final = 2_000
"""Up to so many that may be seen are listed by their namespaces, and not found among all."""
_RUNS_BY_JOB: Final = "select job_key, count(*) from run where seen & 64 = 0 group by job_key"
_COLUMNS_BY_DATASET: Final = (
    "select entity.parent, count(*) from entity join node on node.key = entity.key"
    " where entity.parent is not null and node.live = 1 group by entity.parent"
)
_FINDINGS_BY_OWNER: Final = (
    "select owner, count(*) from finding where code in (select value from json_each(?))"
    " group by owner"
)


class SeenState(SqlState):
    """A state on the same connections, without what its reader may not see.

    Walks of the graph are not narrowed here: whoever walks hands ``Seeing.allowed`` to the trace.
    """

    def __init__(self, whole: SqlState, seeing: Seeing) -> None:
        """Narrow ``whole`` to what ``seeing`` lets through."""
        self.late = whole.late
        self._connections = whole.connections
        self._seeing = seeing
        self._closed_names: list[str] | None = None

    # Entities

    def node(self, key: str) -> Node | None:
        """One entity by key; None where it may not be seen."""
        found = super().node(key)
        return found if found is not None and self._seeing.sees(found) else None

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        """The entities of the keys that exist and may be seen."""
        found = super().nodes(keys)
        return {key: node for key, node in found.items() if self._seeing.sees(node)}

    def list_nodes(
        self, label: Label, *, text: str = "", after: str = "", limit: int = 100
    ) -> list[Node]:
        """Entities of a label that may be seen, in the order of (name, key)."""
        shown: list[Node] = []
        size = limit
        closed = self._closed() if label in ("Dataset", "Job") else []
        if closed and super().count(label) - self._within(label, closed) <= _FEW:
            return self._list_open(label, closed, text=text, after=after, limit=limit)
        while len(shown) < limit:
            page = super().list_nodes(label, text=text, after=after, limit=size)
            shown += filter(self._seeing.sees, page)
            if len(page) < size:
                break
            after, size = page[-1].key, max(size, _PAGE)
        return shown[:limit]

    def count(self, label: Label) -> int:
        """How many entities of a label may be seen."""
        db = self.connection()
        closed = self._closed()
        if label == "Run" and closed:
            jobs = self._seen_of("Job")
            return sum(number for key, number in db.execute(_RUNS_BY_JOB) if key in jobs)
        if label == "Column":
            homes = self._seen_of("Dataset")
            return sum(number for key, number in db.execute(_COLUMNS_BY_DATASET) if key in homes)
        if label in ("Dataset", "Job", "Model"):
            marked = super().nodes(list(self._seeing.marks)).values()
            barred = [node for node in marked if node.label == label and not self._shut(node)]
            hidden = sum(not self._seeing.sees(node) for node in barred)
            return super().count(label) - self._within(label, closed) - hidden
        return super().count(label)

    def _closed(self) -> list[str]:
        """The namespaces of which nothing may be seen."""
        if self._closed_names is None:
            names = Listing(self).namespaces()
            self._closed_names = [name for name in names if not self._seeing.sees_place(name)]
        return self._closed_names

    def _shut(self, node: Node) -> bool:
        return not self._seeing.sees_place(str(node.props.get("namespace") or ""))

    def _within(self, label: Label, namespaces: Sequence[str]) -> int:
        if label == "Model":
            return 0
        listing = Listing(self)
        return sum(listing.count(label, name) for name in namespaces)

    def _list_open(
        self, label: Label, closed: Sequence[str], *, text: str, after: str, limit: int
    ) -> list[Node]:
        """As ``list_nodes``, where few namespaces are open: from these alone."""
        names = sorted({*Listing(self).namespaces()} - {*closed})
        asked = [label, listed(names), text.lower(), *([after] if after else [])]
        page = _OPEN.format(behind=_BEHIND if after else "")
        rows = self.connection().execute(page, asked)
        nodes = (Node(key, label, msgspec.json.decode(props)) for key, props in rows)
        return list(islice(filter(self._seeing.sees, nodes), limit))

    def _seen_of(self, label: Label) -> set[str]:
        return {node.key for node, _ in self._every(label) if self._seeing.sees(node)}

    def _every(self, label: Label) -> Iterator[tuple[Node, int]]:
        for key, props, feeds in self.connection().execute(_ALL_OF_LABEL, (label,)):
            yield Node(key, label, msgspec.json.decode(props)), feeds

    def columns(self, dataset_key: str) -> list[Node]:
        """The columns of a dataset; none where it may not be seen."""
        return list(filter(self._seeing.sees, super().columns(dataset_key)))

    def edges_into(self, keys: Sequence[str], edge_type: EdgeType) -> list[Edge]:
        """The edges of a type that end in one of the keys, both ends seen."""
        return self._joining(super().edges_into(keys, edge_type))

    def edges_to_models(self, keys: Sequence[str], view: View, as_of: int) -> list[Edge]:
        """The ``FEEDS`` edges from the keys to models at a moment, both ends seen."""
        return self._joining(super().edges_to_models(keys, view, as_of))

    def same_as(self, keys: Sequence[str]) -> list[Edge]:
        """The ``SAME_AS`` edges at any of the keys, both ends seen."""
        return self._joining(super().same_as(keys))

    def outer_jobs(self, keys: Sequence[str]) -> dict[str, set[str]]:
        """The jobs directly around each of some jobs that may be seen."""
        found = super().outer_jobs(keys)
        hidden = self._hidden({job for jobs in found.values() for job in jobs})
        return {key: jobs - hidden for key, jobs in found.items() if jobs - hidden}

    def _joining(self, edges: Sequence[Edge]) -> list[Edge]:
        hidden = self._hidden({end for edge in edges for end in (edge.src, edge.dst)})
        return [edge for edge in edges if edge.src not in hidden and edge.dst not in hidden]

    def _hidden(self, keys: Iterable[str]) -> set[str]:
        """Of the keys those of something that may not be seen."""
        found = super().nodes(list(keys))
        return {key for key, node in found.items() if not self._seeing.sees(node)}

    def estate(self) -> EstateCounts:
        """How much of what may be seen has lineage, owner and class."""
        linked: dict[str, bool] = {}
        files: dict[str, bool] = {}
        for node, feeds in self._every("Dataset"):
            if self._seeing.sees(node):
                kept = files if node.props.get("namespace") == "file" else linked
                kept[node.key] = feeds > 0
        return EstateCounts(
            datasets=len(linked),
            linked=sum(linked.values()),
            owned=self._having("ownership", linked),
            classed=self._having("retention", linked),
            files=len(files),
            files_linked=sum(files.values()),
        )

    def _having(self, aspect: str, keys: Mapping[str, bool]) -> int:
        db = self.connection()
        said = db.execute(
            "select distinct entity_key from point where aspect = ? and value != 'null'", (aspect,)
        )
        # What was withdrawn later is looked at one by one, which few are.
        gone = {
            key
            for (key,) in db.execute(
                "select distinct entity_key from point where aspect = ? and value = 'null'",
                (aspect,),
            )
            if key in keys and not resolve(aspect, read_points(db, key, aspect))
        }
        return sum(key in keys and key not in gone for (key,) in said.fetchall())

    # Aspects

    def aspects(
        self,
        keys: Sequence[str],
        names: Sequence[str],
        as_of: int | None = None,
        *,
        forms: Mapping[str, Callable[[str], Json]] = NO_FORMS,  # noqa: ARG002 - to mask: plain
    ) -> dict[str, dict[str, list[AspectValue]]]:
        """What is said of those of the keys that may be seen, in plain values."""
        hidden = self._hidden(keys)
        found = super().aspects([key for key in keys if key not in hidden], names, as_of)
        return {
            key: {name: [self._masked(one) for one in values] for name, values in held.items()}
            for key, held in found.items()
        }

    def _masked(self, said: AspectValue) -> AspectValue:
        """What is said, without names of what may not be seen: a page may make text of it."""
        masked = self._seeing.masked
        losers = tuple((source, masked(value)) for source, value in said.losers)
        return replace(said, value=masked(said.value), slot=masked(said.slot), losers=losers)

    def with_aspect(self, name: str, as_of: int | None = None) -> dict[str, list[AspectValue]]:
        """All entities that have an aspect and may be seen, by key."""
        found = super().with_aspect(name, as_of)
        hidden = self._hidden(found)
        return {key: values for key, values in found.items() if key not in hidden}

    def history(self, key: str, name: str) -> list[AspectValue]:
        """Every point of an aspect; none where the entity may not be seen."""
        return [] if self._hidden([key]) else super().history(key, name)

    # Runs and findings

    def runs(self, *, job_key: str | None = None, limit: int = 100) -> list[RunRow]:
        """Runs whose job may be seen, newest first."""
        if job_key is not None and self._hidden([job_key]):
            return []
        size = limit
        while True:
            rows = super().runs(job_key=job_key, limit=size)
            seen = self._of_seen_jobs(rows) if job_key is None else rows
            if len(seen) >= limit or len(rows) < size:
                return self._seen_runs(seen[:limit])
            size *= 4

    def run(self, key: str) -> RunRow | None:
        """One run by key; None where its job may not be seen."""
        return next(iter(self.runs_of_keys([key])), None)

    def runs_of_keys(self, keys: Sequence[str]) -> list[RunRow]:
        """The runs of the keys whose job may be seen, in their order."""
        return self._seen_runs(self._of_seen_jobs(super().runs_of_keys(keys)))

    def _of_seen_jobs(self, rows: Sequence[RunRow]) -> list[RunRow]:
        hidden = self._hidden({row.job_key for row in rows})
        return [row for row in rows if row.job_key not in hidden]

    def _seen_runs(self, rows: Sequence[RunRow]) -> list[RunRow]:
        """The runs with a placeholder for each input and output that may not be seen."""
        hidden = frozenset(
            self._hidden({key for row in rows for key in (*row.inputs, *row.outputs)})
        )
        return [self._seen_run(row, hidden) for row in rows]

    def _seen_run(self, row: RunRow, hidden: frozenset[str]) -> RunRow:
        barred = sorted(hidden.intersection((*row.inputs, *row.outputs)))
        names = {key: f"{HIDDEN}{number}" for number, key in enumerate(barred, 1)}
        return replace(
            row,
            facets=self._seeing.masked(dict(row.facets)),
            inputs=tuple(names.get(key, key) for key in row.inputs),
            outputs=tuple(names.get(key, key) for key in row.outputs),
        )

    def versions(self, dataset_key: str, limit: int = 100) -> list[VersionRow]:
        """Versions of a dataset; none where it may not be seen."""
        return [] if self._hidden([dataset_key]) else super().versions(dataset_key, limit)

    def current_span(self, dataset_key: str, version: str) -> tuple[int, int | None] | None:
        """When a version was first seen, and the next one; None where it may not be seen."""
        hidden = self._hidden([dataset_key])
        return None if hidden else super().current_span(dataset_key, version)

    def findings(
        self, owner: str | None = None, *, after: tuple[str, str, str] = ("", "", ""),
        limit: int = 100, sender: str | None = None,
    ) -> list[FindingRow]:  # fmt: skip
        """What is odd about events of jobs and datasets that may be seen."""
        shown: list[FindingRow] = []
        size = limit
        while len(shown) < limit:
            page = super().findings(owner, after=after, limit=size, sender=sender)
            barred = self._hidden({row.owner for row in page})
            shown += [row for row in page if row.owner not in barred]
            if len(page) < size:
                break
            last = page[-1]
            after, size = (last.owner, last.code, last.place), max(size, _PAGE)
        return shown[:limit]

    def count_findings(self, codes: Sequence[str]) -> tuple[int, int]:
        """How many findings of some codes there are on what may be seen, and on how much."""
        wanted = msgspec.json.encode(list(codes)).decode()
        counted = dict(self.connection().execute(_FINDINGS_BY_OWNER, (wanted,)).fetchall())
        barred = self._hidden(counted)
        seen = [number for owner, number in counted.items() if owner not in barred]
        return sum(seen), len(seen)

    def stuck(self, limit: int = 100) -> list[tuple[str, str, str, int]]:
        """What could not be folded of what may be seen; of facts, none: they may name anything."""
        rows = super().stuck(limit)
        known = super().nodes([row[0] for row in rows])
        return [row for row in rows if row[0] in known and self._seeing.sees(known[row[0]])]
