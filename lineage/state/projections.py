"""How lineage's own aspects show in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.facts import Entity
from lineage.graph.port import Edge, Node
from lineage.identity import Identity
from lineage.state.port import AspectValue

if TYPE_CHECKING:
    from lineage.state.registry import Projection

__all__ = ["PROJECTIONS"]


def _ownership(
    entity: Entity, values: list[AspectValue], identity: Identity
) -> tuple[list[Node], list[Edge]]:
    owner = entity.key(identity)
    nodes: dict[str, Node] = {}
    edges: dict[str, Edge] = {}
    for value in values:
        owners = value.value.get("owners") if isinstance(value.value, dict) else None
        for item in owners or ():
            name = item.get("name")
            if not isinstance(name, str) or not name:
                continue
            key = identity.key("Agent", name)
            nodes[key] = Node(key, "Agent", {"name": name})
            props = {"role": item["type"]} if isinstance(item.get("type"), str) else {}
            edges[key] = Edge("OWNED_BY", owner, key, f"{owner}:ownership", "ownership", props)
    return list(nodes.values()), list(edges.values())


PROJECTIONS: Final[tuple[Projection, ...]] = (("ownership", _ownership),)
