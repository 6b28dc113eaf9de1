"""Carrying findings along column lineage, as of one moment.

Breadth first from every finding, so that the path kept is a shortest one. Each place is reached
with the intervals in which it held the values, for it passes on what it held when it was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from lineage.facts import Json
from lineage.graph.content import ALL_TIME, contents, holds_at
from lineage.graph.port import (
    OPEN,
    Closure,
    Direction,
    Edge,
    GraphReader,
    Limits,
    Node,
    Spans,
)
from lineage.graph.rows import normal_spans
from lineage.identity import Identity
from lineage.refs import ColumnRef, DatasetRef, ModelRef
from lineage.state.port import AspectValue, StateReader
from privacy.exposed import Exposed, ExposedModel, Stopped
from privacy.findings import Known, known_findings

__all__ = ["Walk"]

_Place = tuple[str, str]
"""Key of a column or dataset, and an entity type."""


class Walk:
    """Breadth first from every finding, so that the path kept is a shortest one."""

    def __init__(
        self,
        reader: GraphReader,
        state: StateReader,
        identity: Identity,
        as_of: int,
        limits: Limits,
        *,
        ends: Sequence[str] | None = None,
    ) -> None:
        """Nothing is looked at yet; with ``ends``, keys of datasets, only what leads there is."""
        self._reader, self._state, self._identity = reader, state, identity
        self._as_of, self._limits, self._ends = as_of, limits, ends
        self.truncated: set[str] = set()
        self._nodes: dict[str, Node] = {}
        self._from: dict[_Place, _Place | None] = {}
        self._origin: dict[_Place, Known] = {}
        self._ended: dict[_Place, tuple[Json, str]] = {}
        self._held: dict[_Place, Spans] = {}
        self._passages = state.passages()
        self._column_edges: dict[str, list[Edge]] = {}
        self._feeds: dict[str, list[Edge]] = {}
        self._by_column: set[tuple[str, str]] = set()
        self._measures: dict[str, AspectValue] = {}
        self._scans: set[str] = set()
        self._scanned_at: dict[str, int] = {}

    def run(self) -> None:
        """Collect, walk."""
        around = None if self._ends is None else self._leading(self._ends)
        keys = None if around is None else sorted(around.depths)
        found = known_findings(self._state, keys, self._as_of)
        datasets = self._load(found, keys)
        seeds = self._seed(found, datasets)
        if around is None or self._ends is None:
            columns = self._candidates(sorted({place[0] for place in seeds}), "FEEDS_COLUMN")
            self._load_edges(self._candidates(sorted(datasets), "FEEDS"), columns)
        else:
            own = [one.key for end in self._ends for one in self._state.columns(end)]
            columns = self._candidates(own, "FEEDS_COLUMN", "up")
            self._load_edges(around.edges, columns)
        queue = deque(seeds)
        while queue:
            place = queue.popleft()
            for target, edge in self._next(place[0]):
                reached = (target, place[1])
                if not self._arrive(reached, self._passages.kept(edge, self._held[place])):
                    continue
                if reached not in self._from:
                    self._from[reached] = place
                    self._origin[reached] = self._origin[place]
                measure = self._measures.get(target)
                if measure is not None:
                    self._ended[reached] = (measure.value, measure.fact_id)
                    continue
                queue.append(reached)

    def _arrive(self, place: _Place, passed: Spans) -> bool:
        """Whether what passed says something new of a place."""
        known = self._held.get(place, ())
        arrived = (span for span in passed if span[0] <= self._as_of)
        joined = normal_spans((*known, *arrived))
        self._held[place] = joined
        return joined != known

    def _holds(self, place: _Place) -> bool:
        return holds_at(self._held[place], self._as_of)

    def _leading(self, ends: Sequence[str]) -> Closure:
        """What lies on a way to the ends, and the edges among it."""
        closure = self._reader.closure(
            ends, "up", edge_type="FEEDS", view="content", as_of=self._as_of, limits=self._limits
        )
        self.truncated.update(closure.truncated)
        return closure

    def _with_aspects(
        self, names: Sequence[str], keys: Sequence[str] | None
    ) -> list[Mapping[str, Sequence[AspectValue]]]:
        """Per aspect those of the keys, or of everything, that have it."""
        if keys is None:
            return [self._state.with_aspect(name, self._as_of) for name in names]
        held = self._state.aspects(keys, names, self._as_of)
        return [
            {key: aspects[name] for key, aspects in held.items() if name in aspects}
            for name in names
        ]

    def _load(self, found: Mapping[str, Sequence[Known]], keys: Sequence[str] | None) -> set[str]:
        measures, scanned, scans = self._with_aspects(("deidentification", "pii", "scan"), keys)
        self._scans = {*scans, *scanned}
        self._scanned_at = {k: max(v.time for v in values) for k, values in scanned.items()}
        datasets = set(found)
        self._nodes.update(self._reader.nodes(sorted(datasets | set(measures))))
        for dataset, values in measures.items():
            clean = {
                v.slot: v.time
                for v in scanned.get(dataset, [])
                if all(k.column != v.slot or k.method == "hint" for k in found.get(dataset, []))
            }
            for value in values:
                # The scan must be of the result: not older than the declaration.
                if clean.get(value.slot, -1) >= value.time and dataset in self._nodes:
                    self._measures[self._column(dataset, value.slot)] = value
        return datasets

    def _seed(self, found: Mapping[str, Sequence[Known]], datasets: set[str]) -> list[_Place]:
        purged = self._state.aspects(sorted(datasets), ("purged",), self._as_of)
        seeds: list[_Place] = []
        for dataset in sorted(datasets & self._nodes.keys()):
            # What was purged is not there any more, but what was made from it may be.
            ended = max((v.time for v in purged.get(dataset, {}).get("purged", ())), default=OPEN)
            held = ALL_TIME if self._scanned_at.get(dataset, ended) > ended else ((-OPEN, ended),)
            for known in found[dataset]:
                column = self._column(dataset, known.column)
                if column in self._measures:
                    continue  # a name alone does not outweigh a declared, checked measure
                place = (column, known.entity)
                self._from[place], self._origin[place] = None, known
                self._held[place] = held
                seeds.append(place)
        return seeds

    def _column(self, dataset: str, field: str) -> str:
        props = self._nodes[dataset].props
        namespace, name = str(props["namespace"]), str(props["name"])
        key = self._identity.key("Column", namespace, name, field)
        shown = {"namespace": namespace, "name": name, "field": field}
        self._nodes.setdefault(key, Node(key, "Column", shown))
        return key

    def _load_edges(self, feeds: Sequence[Edge], by_columns: Sequence[Edge]) -> None:
        # Columns that inherit through dataset lineage do not exist by themselves, so that all
        # columns that lineage names in the datasets reached have to be walked from too.
        ends = {edge.src for edge in by_columns} | {edge.dst for edge in by_columns}
        ends |= {edge.src for edge in feeds} | {edge.dst for edge in feeds}
        missing = sorted(ends - self._nodes.keys())
        self._nodes.update(self._reader.nodes(missing))
        for edge in sorted(by_columns, key=lambda e: e.id):
            self._by_column.add((self._dataset(edge.src), self._dataset(edge.dst)))
            if edge.props.get("direct", True):
                self._column_edges.setdefault(edge.src, []).append(edge)
        for edge in sorted(feeds, key=lambda e: e.id):
            self._feeds.setdefault(edge.src, []).append(edge)
        self._mark_column_lineage(feeds)

    def _mark_column_lineage(self, feeds: Iterable[Edge]) -> None:
        """A pair with column lineage for some column is explained by it, for other columns too."""
        for edge in feeds:
            if edge.kind == "columns":
                self._by_column.add((edge.src, edge.dst))

    def _candidates(
        self,
        starts: list[str],
        edge_type: Literal["FEEDS", "FEEDS_COLUMN"],
        direction: Direction = "down",
    ) -> Sequence[Edge]:
        if not starts:
            return ()
        closure = self._reader.closure(
            starts,
            direction,
            edge_type=edge_type,
            view="content",
            as_of=self._as_of,
            limits=self._limits,
        )
        self.truncated.update(closure.truncated)
        return closure.edges

    def _dataset(self, key: str) -> str:
        node = self._nodes.get(key)
        if node is None or node.label != "Column":
            return key
        namespace, name = str(node.props["namespace"]), str(node.props["name"])
        return self._identity.key("Dataset", namespace, name)

    def _next(self, key: str) -> list[tuple[str, Edge]]:
        targets = [(edge.dst, edge) for edge in self._column_edges.get(key, [])]
        dataset = self._dataset(key)
        for edge in self._feeds.get(dataset, []):
            fed = edge.dst
            node = self._nodes.get(fed)
            unexplained = key == dataset or (dataset, fed) not in self._by_column
            if node is not None and node.label == "Dataset" and unexplained:
                targets += [] if fed in self._scans else [(fed, edge)]
        return targets

    def ref(self, key: str) -> str:
        """The text reference of a key."""
        node = self._nodes.get(key) or self._state.node(key)
        if node is None:
            return ""
        props = node.props
        if node.label == "Model":
            return str(ModelRef(str(props["name"]), str(props.get("version", ""))))
        namespace, name = str(props.get("namespace", "")), str(props["name"])
        if node.label == "Column":
            return str(ColumnRef(namespace, name, str(props["field"])))
        return str(DatasetRef(namespace, name))

    def _path(self, place: _Place) -> tuple[str, ...]:
        path: list[str] = []
        at: _Place | None = place
        while at is not None:
            path.append(self.ref(at[0]))
            at = self._from[at]
        return tuple(reversed(path))

    def rows(self) -> list[Exposed]:
        """Everything exposed."""
        rows = [
            Exposed(
                ref=self.ref(place[0]),
                dataset=self.ref(self._dataset(place[0])),
                entity=place[1],
                tier=self._origin[place].tier,
                how="found" if before is None else "inherited",
                path=self._path(place),
                facts=self._origin[place].facts,
            )
            for place, before in self._from.items()
            if place not in self._ended and self._holds(place)
        ]
        return sorted(rows, key=lambda row: (row.ref, row.entity))

    def stopped(self) -> list[Stopped]:
        """Everything that a measure holds back."""
        found = [
            Stopped(
                ref=self.ref(place[0]),
                entity=place[1],
                operator=str(value.get("operator", "")),
                pseudonymous=bool(value.get("pseudonymous", False)),
                path=self._path(place),
                facts=(*self._origin[place].facts, fact),
            )
            for place, (value, fact) in self._ended.items()
            if self._holds(place)
        ]
        return sorted(found, key=lambda one: (one.ref, one.entity))

    def inputs_of(self, model: str) -> set[str]:
        """References of what a model was made from, in one hop."""
        closure = contents(
            self._reader,
            [model],
            "up",
            as_of=self._as_of,
            limits=Limits(1, self._limits.nodes, self._limits.seconds),
            passages=self._passages,
        )
        self.truncated.update(set(closure.truncated) - {"depth"})
        sources = sorted({edge.src for edge in closure.edges if edge.dst == model})
        self._nodes.update(self._reader.nodes([key for key in sources if key not in self._nodes]))
        return {self.ref(key) for key in sources}

    def inputs(self, model: str) -> list[Exposed]:
        """The rows of what a model was made from."""
        sources = self.inputs_of(model)
        return [row for row in self.rows() if row.dataset in sources]

    def models(self) -> list[ExposedModel]:
        """The models that hold what passed from datasets when these held something exposed."""
        places: dict[str, list[_Place]] = {}
        for place in self._from:
            if place not in self._ended:
                places.setdefault(self._dataset(place[0]), []).append(place)
        feeds = self._candidates(sorted(places), "FEEDS")
        ends = {edge.dst for edge in feeds} | set(places)
        self._nodes.update(self._reader.nodes(sorted(ends - self._nodes.keys())))
        reached: dict[str, tuple[set[str], set[str]]] = {}
        for edge in feeds:
            node = self._nodes.get(edge.dst)
            if node is None or node.label != "Model":
                continue
            for place in places.get(edge.src, ()):
                if holds_at(self._passages.kept(edge, self._held[place]), self._as_of):
                    kinds, via = reached.setdefault(self.ref(edge.dst), (set(), set()))
                    kinds.add(place[1])
                    via.add(self.ref(edge.src))
        return [
            ExposedModel(ref, tuple(sorted(kinds)), tuple(sorted(via)))
            for ref, (kinds, via) in sorted(reached.items())
        ]
