"""The graph in Neo4j: its schema, every statement that is ever sent, and the row mappers.

Values travel only as parameters. Labels, relationship types and the depth of a closure cannot, so
each statement that needs them exists once per member of the closed vocabulary, and the depth is
taken from a fixed ladder. ``STATEMENTS`` lists them all; a test explains each on a real server,
near empty and filled: only those in ``WHOLE`` read more than what their keys name.

Every node carries its label and ``Tracehold``, by whose unique ``key`` relationships find their
ends. A node that relationships name but nobody has put is a ``Placeholder``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast, get_args

from lineage.facts import Json
from lineage.graph.port import OPEN, Direction, Edge, EdgeType, Node, Spans
from lineage.identity import LABELS, Label

__all__ = [
    "STATEMENTS",
    "WHOLE",
    "closure_statement",
    "edge_of",
    "edge_params",
    "edges_of_hops",
    "node_of",
    "node_params",
]

EDGE_TYPES: Final[tuple[EdgeType, ...]] = get_args(EdgeType)
DEPTHS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)

SCHEMA: Final = (
    "CREATE CONSTRAINT tracehold_key IF NOT EXISTS FOR (n:Tracehold) REQUIRE n.key IS UNIQUE",
    "CREATE CONSTRAINT tracehold_meta IF NOT EXISTS FOR (m:TraceholdMeta) REQUIRE m.id IS UNIQUE",
    *(
        f"CREATE CONSTRAINT tracehold_{label.lower()}_key IF NOT EXISTS "
        f"FOR (n:{label}) REQUIRE n.key IS UNIQUE"
        for label in LABELS
    ),
)

PUT_NODES: Final = {
    label: f"""
    UNWIND $rows AS row
    MERGE (n:Tracehold {{key: row.key}})
    REMOVE n:Placeholder
    SET n:{label}, n = row
    """
    for label in LABELS
}
ADD_NODES: Final = {
    label: f"""
    UNWIND $rows AS row
    CREATE (n:Tracehold:{label})
    SET n = row
    """
    for label in LABELS
}
PUT_EDGES: Final = {
    type_: f"""
    UNWIND $rows AS row
    UNWIND row.pairs AS pair
    MERGE (a:Tracehold {{key: pair[0]}}) ON CREATE SET a:Placeholder
    MERGE (b:Tracehold {{key: pair[1]}}) ON CREATE SET b:Placeholder
    MERGE (a)-[r:{type_} {{owner: row.props.owner, kind: row.props.kind}}]->(b)
    SET r = row.props
    """
    for type_ in EDGE_TYPES
}
ADD_EDGES: Final = {
    type_: f"""
    UNWIND $rows AS row
    UNWIND row.pairs AS pair
    MERGE (a:Tracehold {{key: pair[0]}}) ON CREATE SET a:Placeholder
    MERGE (b:Tracehold {{key: pair[1]}}) ON CREATE SET b:Placeholder
    CREATE (a)-[r:{type_}]->(b)
    SET r = row.props
    """
    for type_ in EDGE_TYPES
}
DROP_EDGES: Final = {
    type_: f"""
    UNWIND $rows AS row
    MATCH (a:Tracehold {{key: row.src}})-[r:{type_}]->(b:Tracehold {{key: row.dst}})
    USING INDEX a:Tracehold(key)
    WHERE coalesce(r.owner, '') = row.owner AND coalesce(r.kind, '') = row.kind
    DELETE r
    """
    for type_ in EDGE_TYPES
}
DROP_STRANGE: Final = """
UNWIND $rows AS row
MATCH (a:Tracehold {key: row.src})-[r]->(b:Tracehold {key: row.dst})
USING INDEX a:Tracehold(key)
WHERE type(r) = row.type AND coalesce(r.owner, '') = row.owner AND coalesce(r.kind, '') = row.kind
DELETE r
"""
"""Relationships that other people made between nodes of ours."""
DROP_NODES: Final = f"""
UNWIND $keys AS key
MATCH (n:Tracehold {{key: key}})
REMOVE n:{":".join(LABELS)}
SET n = {{key: key}}, n:Placeholder
"""
DROP_PLACEHOLDERS: Final = """
UNWIND $keys AS key
MATCH (n:Tracehold {key: key}) WHERE n:Placeholder AND NOT (n)--() DELETE n
"""
"""Of the nodes that something was dropped from."""
WIPE: Final = """
MATCH (n:Tracehold) WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS gone
"""
GET_META: Final = """
MATCH (m:TraceholdMeta {id: 'mirror'})
RETURN m.position AS position, m.digest AS digest, m.workspace AS workspace
"""
SET_META: Final = """
MATCH (m:TraceholdMeta {id: 'mirror'}) WHERE m.workspace = $workspace
SET m.position = $position, m.digest = $digest RETURN m.position
"""
"""Writes where the graph was claimed, and only there: one that was emptied meanwhile is not."""
CLAIM: Final = """
MERGE (m:TraceholdMeta {id: 'mirror'})
ON CREATE SET m.workspace = $workspace
WITH m, $take_over OR coalesce(m.workspace, $workspace) = $workspace AS ours
FOREACH (_ IN CASE WHEN ours THEN [1] ELSE [] END |
    SET m.workspace = $workspace, m.position = 0, m.digest = '')
RETURN m.workspace
"""
NODES: Final = """
UNWIND $keys AS key
MATCH (n:Tracehold {key: key})
USING INDEX n:Tracehold(key)
WHERE NOT n:Placeholder
RETURN collect([labels(n), properties(n)]) AS nodes
"""
COUNT: Final = "MATCH (n:Tracehold) RETURN count(n) AS nodes"
RANGE_NODES: Final = """
MATCH (n:Tracehold)
USING INDEX n:Tracehold(key)
WHERE n.key >= $low AND n.key < $high AND NOT n:Placeholder
RETURN collect([labels(n), properties(n)]) AS nodes
"""
RANGE_EDGES: Final = """
MATCH (a:Tracehold)-[r]->(b:Tracehold)
USING INDEX a:Tracehold(key)
WHERE a.key >= $low AND a.key < $high
RETURN collect([type(r), a.key, b.key, properties(r)]) AS edges
"""
ALL_NODES: Final = """
MATCH (n:Tracehold) WHERE NOT n:Placeholder RETURN labels(n) AS labels, properties(n) AS props
"""
ALL_EDGES: Final = """
MATCH (a:Tracehold)-[r]->(b:Tracehold)
RETURN type(r) AS type, a.key AS src, b.key AS dst, properties(r) AS props
"""
NEIGHBORS: Final = """
MATCH (n:Tracehold {key: $key})-[r]-(:Tracehold)
USING INDEX n:Tracehold(key)
WHERE $types = [] OR type(r) IN $types
WITH DISTINCT r
RETURN type(r) AS type, startNode(r).key AS src, endNode(r).key AS dst, properties(r) AS props
ORDER BY type, src, dst, r.owner, r.kind LIMIT $limit
"""
FIND: Final = {
    label: f"""
    MATCH (n:{label})
    WHERE $text = '' OR toLower(coalesce(n.name, '')) CONTAINS $text
    RETURN labels(n) AS labels, properties(n) AS props
    ORDER BY coalesce(n.name, ''), n.key LIMIT $limit
    """
    for label in LABELS
}
COUNT_LINKED: Final = {
    label: f"MATCH (n:{label}) WHERE (n)-[:FEEDS]-() RETURN count(n) AS linked" for label in LABELS
}
HOPS: Final = "RETURN collect([n.key, m.key, properties(r)]) AS hops"
"""Hops as lists in one record: the driver reads them several times as fast as so many records."""

CLOSURE: Final = {
    (type_, direction, depth): f"""
    MATCH (w:TraceholdMeta {{id: 'mirror'}})
    CALL {{
        MATCH (s:Tracehold) USING INDEX s:Tracehold(key) WHERE s.key IN $starts
        MATCH (s){tail}-[:{type_}*0..{depth}]-{head}(n:Tracehold)
        WITH DISTINCT n LIMIT $cap
        OPTIONAL MATCH (n){tail}-[r:{type_}]-{head}(m:Tracehold)
        {HOPS}
    }}
    RETURN hops, w.position AS position, w.workspace AS workspace
    """
    for type_ in ("FEEDS", "FEEDS_COLUMN")
    for direction, tail, head in (("up", "<", ""), ("down", "", ">"))
    for depth in DEPTHS
}
"""Candidates (distinct nodes, never paths) with their edges; time is filtered in memory.

Whose graph it is, and how far it is filled, comes with them: asking apart goes there and back once
more.
"""

LEVEL: Final = {
    (type_, direction): f"""
    UNWIND $keys AS key
    MATCH (n:Tracehold {{key: key}}){tail}-[r:{type_}]-{head}(m:Tracehold)
    USING INDEX n:Tracehold(key)
    {HOPS}
    """
    for type_ in ("FEEDS", "FEEDS_COLUMN")
    for direction, tail, head in (("up", "<", ""), ("down", "", ">"))
}

STATEMENTS: Final[dict[str, str]] = {
    **{f"PUT_NODES[{label}]": text for label, text in PUT_NODES.items()},
    **{f"ADD_NODES[{label}]": text for label, text in ADD_NODES.items()},
    **{f"PUT_EDGES[{type_}]": text for type_, text in PUT_EDGES.items()},
    **{f"ADD_EDGES[{type_}]": text for type_, text in ADD_EDGES.items()},
    **{f"DROP_EDGES[{type_}]": text for type_, text in DROP_EDGES.items()},
    **{f"FIND[{label}]": text for label, text in FIND.items()},
    **{f"COUNT_LINKED[{label}]": text for label, text in COUNT_LINKED.items()},
    **{f"CLOSURE{list(case)}": text for case, text in CLOSURE.items()},
    **{f"LEVEL{list(case)}": text for case, text in LEVEL.items()},
    "DROP_STRANGE": DROP_STRANGE,
    "DROP_NODES": DROP_NODES,
    "DROP_PLACEHOLDERS": DROP_PLACEHOLDERS,
    "WIPE": WIPE,
    "GET_META": GET_META,
    "SET_META": SET_META,
    "CLAIM": CLAIM,
    "COUNT": COUNT,
    "RANGE_NODES": RANGE_NODES,
    "RANGE_EDGES": RANGE_EDGES,
    "NODES": NODES,
    "ALL_NODES": ALL_NODES,
    "ALL_EDGES": ALL_EDGES,
    "NEIGHBORS": NEIGHBORS,
}
"""Every statement that reads or writes data, by name."""
WHOLE: Final = {
    "WIPE": "empties the graph",
    "COUNT": "is answered from the statistics",
    "ALL_NODES": "reads everything back",
    "ALL_EDGES": "reads everything back",
    "FIND": "looks for a part of a name among all nodes of a label",
    "COUNT_LINKED": "counts all nodes of a label",
}
"""Statements that look at a whole label on purpose, and why; none is part of a trace."""


def closure_statement(
    edge_type: Literal["FEEDS", "FEEDS_COLUMN"], direction: Direction, depth: int
) -> str | None:
    """The closure statement that reaches at least ``depth`` levels; None beyond the ladder."""
    fitting = next((step for step in DEPTHS if step >= depth), None)
    return None if fitting is None else CLOSURE[edge_type, direction, fitting]


def node_params(node: Node) -> dict[str, Json]:
    """The property map of a normal node."""
    return {**node.props, "key": node.key}


def node_of(labels: Iterable[str], props: Mapping[str, Json]) -> Node:
    """The node of a row; the inverse of ``node_params``."""
    label = next((label for label in labels if label in LABELS), "Unlabeled")
    rest = {name: value for name, value in props.items() if name != "key"}
    return Node(props["key"], cast("Label", label), rest)


def edge_params(edge: Edge) -> dict[str, Json]:
    """The property map of a normal edge.

    ``current`` and ``content_until`` follow from the intervals; they are there for people who write
    Cypher.
    """
    return {
        **edge.props,
        "owner": edge.owner,
        "kind": edge.kind,
        "intervals": _flat(edge.structural),
        "content_intervals": _flat(edge.content),
        **_derived(edge.structural, edge.content),
    }


def edge_of(type_: str, src: str, dst: str, props: Mapping[str, Json]) -> Edge:
    """The edge of a row; the inverse of ``edge_params``.

    A derived property that does not fit its intervals stays among the properties, so that the
    digest shows it.
    """
    rest: dict[str, Any] = dict(props)
    structural = _pairs(rest.pop("intervals", ()))
    content = _pairs(rest.pop("content_intervals", ()))
    owner, kind = rest.pop("owner", ""), rest.pop("kind", "")
    for name, value in _derived(structural, content).items():
        if rest.get(name) == value:
            del rest[name]
    return Edge(cast("EdgeType", type_), src, dst, owner, kind, rest, structural, content)


def edges_of_hops(
    hops: Iterable[Sequence[Any]], edge_type: EdgeType, direction: Direction
) -> list[Edge]:
    """The edges of ``HOPS``; a near node without a hop has no far end."""
    edges = []
    for near, far, props in hops:
        if far is not None:
            src, dst = (far, near) if direction == "up" else (near, far)
            edges.append(edge_of(edge_type, src, dst, props))
    return edges


def _derived(structural: Spans, content: Spans) -> dict[str, Json]:
    derived: dict[str, Json] = {"current": any(until == OPEN for _, until in structural)}
    if content:
        derived["content_until"] = content[-1][1]
    return derived


def _flat(spans: Spans) -> list[int]:
    return [moment for span in spans for moment in span]


def _pairs(flat: Iterable[int]) -> Spans:
    moments = iter(flat)
    return tuple(zip(moments, moments, strict=False))
