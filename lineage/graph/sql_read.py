"""Edges of the SQL graph: the statements that read them, and their row mapper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lineage.facts import Json
from lineage.graph.port import Edge, Node, Spans
from lineage.graph.rows import decode_props, decode_spans
from lineage.identity import Label

__all__ = [
    "COLUMNS",
    "EDGES_BY_NUMBER",
    "EDGES_CHANGED",
    "EDGES_INTO",
    "EDGES_OF_OWNER",
    "EDGES_TOUCHING",
    "EDGES_TO_MODELS",
    "EVERY_EDGE",
    "JOINS",
    "OWNERS_OF_NUMBERS",
    "cut_batch",
    "edge_of_row",
    "edges_of_rows",
    "node_of_row",
]

COLUMNS: Final = "e.type, s.key, d.key, o.key, e.kind, e.props, e.spans"
JOINS: Final = """
JOIN node AS s ON s.id = e.src JOIN node AS d ON d.id = e.dst JOIN owner AS o ON o.id = e.owner
"""

EDGES_BY_NUMBER: Final = """
SELECT e.id, e.type, e.src, e.dst, e.owner, e.kind, e.props, e.spans
FROM json_each(?) AS wanted CROSS JOIN edge AS e ON e.id = wanted.value
"""
OWNERS_OF_NUMBERS: Final = """
SELECT owner.id, owner.key FROM json_each(?) AS wanted
CROSS JOIN owner ON owner.id = wanted.value
"""
EVERY_EDGE: Final = f"SELECT {COLUMNS} FROM edge AS e {JOINS} WHERE e.live = 1"  # noqa: S608
EDGES_OF_OWNER: Final = f"""
SELECT {COLUMNS} FROM edge AS e {JOINS}
WHERE e.owner = (SELECT id FROM owner WHERE key = ?) AND e.live = 1
"""  # noqa: S608
EDGES_TOUCHING: Final = f"""
SELECT {COLUMNS} FROM edge AS e {JOINS}
WHERE e.live = 1 AND e.id IN (
    SELECT id FROM edge WHERE src = (SELECT id FROM node WHERE key = ?1)
    UNION SELECT id FROM edge WHERE dst = (SELECT id FROM node WHERE key = ?1)
) AND (?2 = '[]' OR e.type IN (SELECT value FROM json_each(?2)))
ORDER BY e.type, s.key, d.key, o.key, e.kind LIMIT ?3
"""  # noqa: S608
EDGES_INTO: Final = f"""
SELECT {COLUMNS} FROM json_each(?) AS wanted
CROSS JOIN node AS d ON d.key = wanted.value
CROSS JOIN edge AS e ON e.dst = d.id AND e.type = ? AND e.live = 1
JOIN node AS s ON s.id = e.src JOIN owner AS o ON o.id = e.owner
ORDER BY s.key, d.key, o.key, e.kind
"""  # noqa: S608
EDGES_TO_MODELS: Final = f"""
SELECT DISTINCT {COLUMNS} FROM json_each(?) AS wanted
CROSS JOIN node AS s ON s.key = wanted.value
CROSS JOIN span ON span.axis = ? AND span.near = s.id AND span.start <= ?
CROSS JOIN node AS d ON d.id = span.far AND d.label = 'Model'
JOIN edge AS e ON e.id = span.edge JOIN owner AS o ON o.id = e.owner
ORDER BY s.key, d.key, o.key, e.kind
"""  # noqa: S608
EDGES_CHANGED: Final = f"""
SELECT e.changed_at, e.live, {COLUMNS} FROM edge AS e {JOINS}
WHERE e.changed_at BETWEEN ? AND ? ORDER BY e.changed_at LIMIT ?
"""  # noqa: S608


def edges_of_rows(
    rows: Iterable[tuple[Any, ...]],
    names: Mapping[int, str],
    owners: Mapping[int, str],
    known_spans: dict[str, tuple[Spans, Spans]],
) -> dict[int, Edge]:
    """The edges of rows of ``EDGES_BY_NUMBER``, by number; each distinct text is decoded once.

    Edges share the mappings; they are values and are not to be changed. ``known_spans`` holds
    what texts of intervals stand for, and is filled further.
    """
    known_props: dict[str, dict[str, Json]] = {}
    edges = {}
    for number, type_, src, dst, owner, kind, props_text, spans_text in rows:
        props = known_props.get(props_text)
        if props is None:
            props = known_props[props_text] = decode_props(props_text)
        spans = known_spans.get(spans_text)
        if spans is None:
            spans = known_spans[spans_text] = decode_spans(spans_text)
        edges[number] = Edge(
            type_, names[src], names[dst], owners[owner], kind, props, spans[0], spans[1]
        )
    return edges


def node_of_row(row: tuple[str, Label, str]) -> Node:
    """The node of a row."""
    return Node(row[0], row[1], decode_props(row[2]))


def edge_of_row(row: tuple[Any, ...]) -> Edge:
    """The edge of a row that already carries keys."""
    type_, src, dst, owner, kind, props, spans = row
    return Edge(type_, src, dst, owner, kind, decode_props(props), *decode_spans(spans))


def cut_batch(positions: Sequence[int], limit: int) -> int | None:
    """The last whole position within the first ``limit`` rows; None where all rows fit."""
    if len(positions) <= limit:
        return None
    ordered = sorted(positions)
    whole = [position for position in ordered[:limit] if position < ordered[limit]]
    return whole[-1] if whole else ordered[0]
