"""What the graph shows of privacy: findings on datasets, holds, cases and certificates.

An edge is owned by the entity whose aspect says so; times stay in the SQL state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lineage.facts import Entity, Json
from lineage.graph.port import Edge, EdgeType, Node
from lineage.identity import Identity
from lineage.state.port import AspectValue
from privacy.findings import all_findings
from privacy.fold import case_entity, entity_of

__all__ = ["PROJECTIONS", "Projection"]

Projection = tuple[
    str, Callable[[Entity, list[AspectValue], Identity], tuple[list[Node], list[Edge]]]
]
_Drawn = tuple[list[Node], list[Edge]]


def _edge(type_: EdgeType, src: str, dst: str, owner: str, **props: Json) -> Edge:
    return Edge(type_, src, dst, owner, owner.rpartition(":")[2], props)


def _owner(entity: Entity, aspect: str, identity: Identity) -> str:
    return f"{entity.key(identity)}:{aspect}"


def _findings(entity: Entity, values: list[AspectValue], identity: Identity) -> _Drawn:
    owner = _owner(entity, "pii", identity)
    nodes: list[Node] = []
    edges: list[Edge] = []
    dataset = entity.key(identity)
    for value in values:
        for finding in all_findings(value.value):
            tier, kind = str(finding.get("tier", "none")), str(finding.get("entity", ""))
            if tier == "none" or not kind:
                continue
            key = identity.key("Finding", *entity.parts, value.slot, kind)
            props = {
                "name": kind,
                "entity": kind,
                "tier": tier,
                "prevalence": finding.get("prevalence", 0.0),
            }
            nodes.append(Node(key, "Finding", props))
            column = identity.key("Column", *entity.parts, value.slot)
            edges += [_edge("HAS_FINDING", on, key, owner) for on in (dataset, column)]
    return nodes, edges


def _hold(entity: Entity, values: list[AspectValue], identity: Identity) -> _Drawn:
    owner = _owner(entity, "hold", identity)
    slots = {value.slot: value.value for value in values}
    placed = slots.get("placed")
    if placed is None or "released" in slots:
        return [], []
    key = entity.key(identity)
    held = _keys(placed["scope"], identity)
    return [], [_edge("HELD_BY", scope, key, owner) for scope in held]


def _case(entity: Entity, values: list[AspectValue], identity: Identity) -> _Drawn:
    owner = _owner(entity, "case", identity)
    slots = {value.slot: value.value for value in values}
    key = entity.key(identity)
    edges = [
        _edge("CONCERNS", key, target, owner)
        for target in _keys(slots.get("requested", {}).get("targets", []), identity)
    ]
    for derived in slots.get("planned", {}).get("plan", {}).get("derived", []):
        affected = entity_of(derived["ref"]).key(identity)
        decision = derived["decision"]
        edges.append(_edge("AFFECTS", key, affected, owner, decision=decision))
    return [], edges


def _certificate(entity: Entity, values: list[AspectValue], identity: Identity) -> _Drawn:
    owner = _owner(entity, "certificate", identity)
    cases = [case_entity(value.value["case"]).key(identity) for value in values]
    key = entity.key(identity)
    return [], [_edge("CONCERNS", key, case, owner) for case in cases]


def _incident(entity: Entity, values: list[AspectValue], identity: Identity) -> _Drawn:
    owner = _owner(entity, "incident", identity)
    key = entity.key(identity)
    named = _keys([v.value["ref"] for v in values if v.value.get("ref")], identity)
    return [], [_edge("CONCERNS", key, target, owner) for target in named]


def _keys(refs: Iterable[str], identity: Identity) -> Sequence[str]:
    return sorted({entity_of(ref).key(identity) for ref in refs})


PROJECTIONS: tuple[Projection, ...] = (
    ("pii", _findings),
    ("hold", _hold),
    ("case", _case),
    ("certificate", _certificate),
    ("incident", _incident),
)
"""Aspect → nodes and edges, for bootstrap to join."""
