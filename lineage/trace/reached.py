"""Everything that a walk reached, before it is named and annotated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from msgspec import structs

from lineage.graph.content import ALL_TIME, Aliases, Contents, Passages, contents
from lineage.graph.port import Closure, Direction, Edge, GraphReader, Limits, Node, Spans, View
from lineage.graph.rows import normal_spans
from lineage.graph.walk import Deadline
from lineage.identity import Identity
from lineage.state.port import StateReader
from lineage.trace.crossing import cross, with_names

__all__ = [
    "INFERRED_KINDS",
    "Question",
    "Reached",
    "Walkable",
    "along_columns",
    "along_datasets",
    "first_edges",
]

Walkable = Literal["FEEDS", "FEEDS_COLUMN"]

INFERRED_KINDS: Final = frozenset({"product", "static", "input"})
"""Edges that follow from inputs and outputs alone, or join a whole dataset's columns."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with the engine and the state that answer."""

    engine: GraphReader
    state: StateReader
    identity: Identity
    direction: Direction
    view: View
    as_of: int
    limits: Limits
    passages: Passages
    deadline: Deadline
    cut: set[str] = field(default_factory=set)
    """Limits that single steps met."""

    def turned(self, direction: Direction) -> Question:
        """The same in a direction."""
        return replace(self, direction=direction)

    def walk(
        self,
        starts: Iterable[str],
        edge_type: Walkable,
        begin: Mapping[str, Spans] | None = None,
    ) -> Contents:
        """Reachability in the direction and the view that are asked for."""
        keys = list(starts)
        aliases = None
        if edge_type == "FEEDS":
            aliases = Aliases(self.engine, self.as_of, view=self.view, same_as=self.state.same_as)
        if self.view == "content":
            found = contents(
                self.engine,
                keys,
                self.direction,
                as_of=self.as_of,
                limits=self.limits,
                passages=self.passages,
                edge_type=edge_type,
                aliases=aliases,
                begin=begin,
                deadline=self.deadline,
            )
        elif aliases is not None:
            found = cross(
                keys, aliases, self.limits, self.deadline,
                lambda some: self.closure(some, edge_type, self.limits),
            )  # fmt: skip
        else:
            closure = self.closure(keys, edge_type, self.limits)
            reached = frozenset(closure.depths)
            return Contents(
                closure.depths, closure.edges, {}, reached, {}, closure.truncated, closure.nodes
            )
        if aliases is None:
            return found
        return with_names(found, keys, aliases, self.direction, self.limits)

    def hop(self, held: Mapping[str, Spans]) -> list[Edge]:
        """The ``FEEDS`` edges that lead one step on from datasets or models.

        Args:
            held: When the content of each matters; wiring does not ask.
        """
        # One step has as many ends as there are; the limit of nodes is one of walks.
        limits = replace(self.limits, depth=1, nodes=self.limits.nodes + self.limits.edges)
        # Asked of the state, where it costs no way to another server and back.
        closure = self.state.steps(
            sorted(held), self.direction, self.view, self.as_of, self.deadline.rest(limits)
        )
        self.cut.update(set(closure.truncated) - {"depth"})
        return self._mattering(closure.edges, held)

    def models(self, held: Mapping[str, Spans]) -> list[Edge]:
        """The ``FEEDS`` edges that lead from datasets to models.

        Args:
            held: When the content of each dataset matters; wiring does not ask.
        """
        edges = self.state.edges_to_models(sorted(held), self.view, self.as_of)
        return self._mattering(edges, held)

    def _mattering(self, edges: Iterable[Edge], held: Mapping[str, Spans]) -> list[Edge]:
        found = []
        for edge in edges:
            near = self.near(edge)
            if near not in held or edge.src == edge.dst:
                continue
            if self.view == "content":
                if self.deadline.passed():
                    self.cut.add("time")
                    break
                if not self.passed(edge, held[near]):
                    continue
            found.append(edge)
        return found

    def passed(self, edge: Edge, held: Spans) -> Spans:
        """When the content of the far end matters, for what matters of the near one."""
        if self.direction == "up":
            return self.passages.read(edge, held)
        return tuple(s for s in self.passages.kept(edge, held) if s[0] <= self.as_of)

    @property
    def always(self) -> Spans:
        """When the content of the start matters."""
        return ((self.as_of, self.as_of + 1),) if self.direction == "up" else ALL_TIME

    def closure(self, starts: Sequence[str], edge_type: Walkable, limits: Limits) -> Closure:
        """Reachability under what is left of the time."""
        return self.engine.closure(
            starts,
            self.direction,
            edge_type=edge_type,
            view=self.view,
            as_of=self.as_of,
            limits=self.deadline.rest(limits),
        )

    def near(self, edge: Edge) -> str:
        """The end where a walk arrives first."""
        return edge.dst if self.direction == "up" else edge.src

    def far(self, edge: Edge) -> str:
        """The end where it arrives later."""
        return edge.src if self.direction == "up" else edge.dst

    def joined(self, near: str, far: str, edge: Edge) -> Edge:
        """An edge like ``edge`` between two other ends."""
        src, dst = (far, near) if self.direction == "up" else (near, far)
        return structs.replace(edge, src=src, dst=dst)


@dataclass(slots=True)
class Reached:
    """Distances, edges, and what may be missing (code to count).

    ``passed_on`` holds what content went through without being there any more.
    """

    depths: dict[str, int]
    edges: list[Edge]
    truncated: tuple[str, ...] = ()
    gaps: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    passed_on: frozenset[str] = frozenset()


def along_datasets(ask: Question, start: str) -> Reached:
    """Along ``FEEDS`` from a dataset or a model."""
    walked = ask.walk([start], "FEEDS")
    reached = Reached(dict(walked.depths), list(walked.edges), walked.truncated)
    reached.passed_on = frozenset(walked.depths.keys() - walked.inside)
    reached.nodes = _known(ask, reached.depths, walked)
    return reached


def _known(ask: Question, keys: Iterable[str], walked: Contents) -> dict[str, Node]:
    """The nodes of the keys; those that the walk did not meet are looked up."""
    nodes = {key: walked.nodes[key] for key in keys if key in walked.nodes}
    return nodes | ask.state.nodes([key for key in keys if key not in nodes])


def along_columns(ask: Question, start: str, label: str) -> Reached:
    """Along ``FEEDS_COLUMN``, from a column or from the columns of a dataset.

    A model has no columns of its own: each column of a dataset next to it is joined to it by an
    edge of kind ``input``.
    """
    joins, begin, without = first_edges(ask, start, label)
    starts = [ask.far(edge) for edge in joins] if label != "Column" else [start]
    walked = ask.walk(dict.fromkeys(starts), "FEEDS_COLUMN", begin)
    offset = 0 if label == "Column" else 1
    depths = {key: depth + offset for key, depth in walked.depths.items()}
    if offset:
        depths[start] = 0
    edges = [edge for edge in joins if ask.far(edge) in depths] + list(walked.edges)
    reached = Reached(depths, edges, walked.truncated)
    reached.passed_on = frozenset(walked.depths.keys() - walked.inside)
    if without:
        reached.gaps["no-columns"] = without
    reached.nodes = _known(ask, depths, walked)
    if ask.direction == "down":
        _add_models(ask, reached, _homes(ask, reached.nodes), walked.held)
    _find_gaps(ask, reached, walked.held)
    reached.truncated = tuple(dict.fromkeys((*reached.truncated, *sorted(ask.cut))))
    return reached


def first_edges(ask: Question, start: str, label: str) -> tuple[list[Edge], dict[str, Spans], int]:
    """Edges to the first columns, when these matter, and how many datasets show no columns."""
    if label == "Column":
        return [], {}, 0
    if label == "Dataset":
        stem = Edge("HAS_COLUMN", start, start, "", "column")
        columns = ask.state.columns(start)
        return [ask.joined(start, c.key, stem) for c in columns], {}, int(not columns)
    joins: list[Edge] = []
    begin: dict[str, Spans] = {}
    without = 0
    for edge in ask.hop({start: ask.always}):
        columns = ask.state.columns(ask.far(edge))
        without += not columns
        stem = structs.replace(edge, kind="input")
        joins += [ask.joined(start, column.key, stem) for column in columns]
        if ask.view == "content":
            spans = ask.passed(edge, ask.always)
            for column in columns:
                begin[column.key] = normal_spans((*begin.get(column.key, ()), *spans))
    return joins, begin, without


def _homes(ask: Question, nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """Column keys by the key of their dataset."""
    named: dict[tuple[str, str], list[str]] = {}
    for key, node in nodes.items():
        if node.label == "Column":
            parts = (str(node.props.get("namespace", "")), str(node.props.get("name", "")))
            named.setdefault(parts, []).append(key)
    return {ask.identity.key("Dataset", *parts): keys for parts, keys in named.items()}


def _held(homes: Mapping[str, Iterable[str]], held: Mapping[str, Spans]) -> dict[str, Spans]:
    """When the columns reached in each dataset matter; wiring does not ask."""
    if not held:
        return dict.fromkeys(homes, ())
    return {
        home: normal_spans(span for column in columns for span in held.get(column, ()))
        for home, columns in homes.items()
    }


def _add_models(
    ask: Question,
    reached: Reached,
    homes: Mapping[str, list[str]],
    held: Mapping[str, Spans],
) -> None:
    """Join the models that the datasets of reached columns feed."""
    hops = ask.models(_held(homes, held))
    ends = ask.state.nodes(list({edge.dst for edge in hops}))
    for edge in hops:
        model = ends.get(edge.dst)
        if model is None or model.label != "Model":
            continue
        reached.nodes[model.key] = model
        for column in homes[edge.src]:
            if ask.view == "content":
                if ask.deadline.passed():
                    ask.cut.add("time")
                    return
                if not ask.passed(edge, held[column]):
                    continue
            depth = reached.depths[column] + 1
            reached.depths[model.key] = min(depth, reached.depths.get(model.key, depth))
            reached.edges.append(structs.replace(edge, src=column, kind="input"))


def _find_gaps(ask: Question, reached: Reached, held: Mapping[str, Spans]) -> None:
    """Count the columns where the trace ends although their dataset goes on without column map."""
    going_on = {ask.near(edge) for edge in reached.edges}
    ends = _homes(ask, {k: node for k, node in reached.nodes.items() if k not in going_on})
    models = {key for key, node in reached.nodes.items() if node.label == "Model"}
    blind = {
        ask.near(edge)
        for edge in ask.hop(_held(ends, held))
        if edge.kind != "columns" and ask.far(edge) not in models
    }
    gap = sum(len(columns) for home, columns in ends.items() if home in blind)
    if gap:
        reached.gaps["column-gap"] = gap
