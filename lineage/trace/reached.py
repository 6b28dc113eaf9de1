"""Everything that a walk reached, before it is named and annotated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from lineage.graph.port import Closure, Direction, Edge, GraphReader, Limits, Node, View
from lineage.identity import Identity
from lineage.state.port import StateReader

__all__ = ["INFERRED_KINDS", "Question", "Reached", "along_columns", "along_datasets"]

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

    def closure(
        self,
        starts: Iterable[str],
        edge_type: Literal["FEEDS", "FEEDS_COLUMN"],
        *,
        limits: Limits | None = None,
    ) -> Closure:
        """Reachability in the direction and the view that are asked for."""
        return self.engine.closure(
            list(starts),
            self.direction,
            edge_type=edge_type,
            view=self.view,
            as_of=self.as_of,
            limits=limits or self.limits,
        )

    def hop(self, keys: Iterable[str]) -> list[Edge]:
        """The ``FEEDS`` edges that lead one step on from datasets or models."""
        starts = set(keys)
        one = replace(self.limits, depth=1)
        return [
            edge
            for edge in self.closure(sorted(starts), "FEEDS", limits=one).edges
            if self.near(edge) in starts and edge.src != edge.dst
        ]

    def near(self, edge: Edge) -> str:
        """The end where a walk arrives first."""
        return edge.dst if self.direction == "up" else edge.src

    def far(self, edge: Edge) -> str:
        """The end where it arrives later."""
        return edge.src if self.direction == "up" else edge.dst

    def joined(self, near: str, far: str, edge: Edge) -> Edge:
        """An edge like ``edge`` between two other ends."""
        src, dst = (far, near) if self.direction == "up" else (near, far)
        return replace(edge, src=src, dst=dst)


@dataclass(slots=True)
class Reached:
    """Distances, edges, and what may be missing (code to count)."""

    depths: dict[str, int]
    edges: list[Edge]
    truncated: tuple[str, ...] = ()
    gaps: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)


def along_datasets(ask: Question, start: str) -> Reached:
    """Along ``FEEDS`` from a dataset or a model."""
    closure = ask.closure([start], "FEEDS")
    reached = Reached(dict(closure.depths), list(closure.edges), closure.truncated)
    reached.nodes = ask.engine.nodes(list(reached.depths))
    return reached


def along_columns(ask: Question, start: str, label: str) -> Reached:
    """Along ``FEEDS_COLUMN``, from a column or from the columns of a dataset.

    A model has no columns of its own: each column of a dataset next to it is joined to it by an
    edge of kind ``input``.
    """
    joins, without = _first_edges(ask, start, label)
    starts = [ask.far(edge) for edge in joins] if label != "Column" else [start]
    closure = ask.closure(dict.fromkeys(starts), "FEEDS_COLUMN")
    offset = 0 if label == "Column" else 1
    depths = {key: depth + offset for key, depth in closure.depths.items()}
    if offset:
        depths[start] = 0
    edges = [edge for edge in joins if ask.far(edge) in depths] + list(closure.edges)
    reached = Reached(depths, edges, closure.truncated)
    if without:
        reached.gaps["no-columns"] = without
    reached.nodes = ask.engine.nodes(list(depths))
    homes = _homes(ask, reached.nodes)
    if ask.direction == "down":
        _add_models(ask, reached, homes)
    _find_gaps(ask, reached, homes)
    return reached


def _first_edges(ask: Question, start: str, label: str) -> tuple[list[Edge], int]:
    """Edges from the start to the first columns, and how many datasets have no columns known."""
    if label == "Column":
        return [], 0
    if label == "Dataset":
        stem = Edge("HAS_COLUMN", start, start, "", "column")
        columns = ask.state.columns(start)
        return [ask.joined(start, c.key, stem) for c in columns], int(not columns)
    joins, without = [], 0
    for edge in ask.hop([start]):
        columns = ask.state.columns(ask.far(edge))
        without += not columns
        stem = replace(edge, kind="input")
        joins += [ask.joined(start, column.key, stem) for column in columns]
    return joins, without


def _homes(ask: Question, nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """Column keys by the key of their dataset."""
    homes: dict[str, list[str]] = {}
    for key, node in nodes.items():
        if node.label == "Column":
            parts = (str(node.props.get("namespace", "")), str(node.props.get("name", "")))
            homes.setdefault(ask.identity.key("Dataset", *parts), []).append(key)
    return homes


def _add_models(ask: Question, reached: Reached, homes: Mapping[str, list[str]]) -> None:
    """Join the models that the datasets of reached columns feed."""
    hops = ask.hop(homes)
    ends = ask.engine.nodes(list({edge.dst for edge in hops}))
    for edge in hops:
        model = ends.get(edge.dst)
        if model is None or model.label != "Model":
            continue
        reached.nodes[model.key] = model
        for column in homes[edge.src]:
            depth = reached.depths[column] + 1
            reached.depths[model.key] = min(depth, reached.depths.get(model.key, depth))
            reached.edges.append(replace(edge, src=column, kind="input"))


def _find_gaps(ask: Question, reached: Reached, homes: Mapping[str, list[str]]) -> None:
    """Count the columns where the trace ends although their dataset goes on without column map."""
    going_on = {ask.near(edge) for edge in reached.edges}
    ends = {home: [c for c in columns if c not in going_on] for home, columns in homes.items()}
    models = {key for key, node in reached.nodes.items() if node.label == "Model"}
    blind = {
        ask.near(edge)
        for edge in ask.hop(home for home, columns in ends.items() if columns)
        if edge.kind != "columns" and ask.far(edge) not in models
    }
    gap = sum(len(columns) for home, columns in ends.items() if home in blind)
    if gap:
        reached.gaps["column-gap"] = gap
