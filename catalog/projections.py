"""What the graph shows of the catalog: licenses, purposes and places of datasets.

Owners are shown by lineage itself, from the standard facet. People who act here stay opaque ids.
"""

from __future__ import annotations

from collections.abc import Callable

from catalog.licenses.expression import NOT_SAID, alternatives, is_expression
from lineage.facts import Entity
from lineage.graph.port import Edge, EdgeType, Node
from lineage.identity import Identity, Label
from lineage.state.port import AspectValue

__all__ = ["PROJECTIONS", "Projection"]

_Drawn = tuple[list[Node], list[Edge]]
Projection = tuple[str, Callable[[Entity, list[AspectValue], Identity], _Drawn]]


def _licenses(entity: Entity, values: list[AspectValue], identity: Identity) -> _Drawn:
    """One node per license named; an edge says whether it was declared or concluded."""
    drawn = _Drawing(entity, "license", identity)
    for value in values:
        for basis in ("declared", "concluded"):
            said = value.value.get(basis) if isinstance(value.value, dict) else None
            if isinstance(said, str) and said:
                for symbol in _symbols(said):
                    drawn.edge("LICENSED_UNDER", "License", symbol, basis=basis, expression=said)
    return drawn.result()


def _symbols(expression: str) -> list[str]:
    if not is_expression(expression):
        return [expression]
    symbols = frozenset[str]().union(*alternatives(expression))
    return sorted(one for one in symbols if one.upper() not in NOT_SAID)


def _terms(entity: Entity, values: list[AspectValue], identity: Identity) -> _Drawn:
    drawn = _Drawing(entity, "terms", identity)
    for value in values:
        for purpose in value.value.get("purposes", ()):
            drawn.edge("USED_FOR", "Purpose", purpose)
        if value.value.get("region"):
            drawn.edge("STORED_AT", "Storage", value.value["region"])
    return drawn.result()


class _Drawing:
    def __init__(self, entity: Entity, aspect: str, identity: Identity) -> None:
        self.src = entity.key(identity)
        self.aspect = aspect
        self.identity = identity
        self.nodes: dict[str, Node] = {}
        self.edges: dict[tuple[str, str], Edge] = {}

    def edge(self, kind: EdgeType, label: Label, name: str, **props: str) -> None:
        key = self.identity.key(label, name)
        owner = f"{self.src}:{self.aspect}"
        self.nodes[key] = Node(key, label, {"name": name})
        self.edges[kind, key] = Edge(kind, self.src, key, owner, self.aspect, props)

    def result(self) -> _Drawn:
        return list(self.nodes.values()), list(self.edges.values())


PROJECTIONS: tuple[Projection, ...] = (("license", _licenses), ("terms", _terms))
"""Aspect → nodes and edges, for bootstrap to join."""
