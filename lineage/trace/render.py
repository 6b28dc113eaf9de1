"""A trace for people and programs: text tree, JSON, Mermaid."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import msgspec

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.trace.model import Trace, TraceEdge, TraceNode
from lineage.trace.names import clean
from lineage.trace.tree import short, text

__all__ = ["as_answer", "as_json", "mermaid", "text"]

PLAIN: Final = frozenset(" ._-/:@=,()[]+*~!?·…")
SHAPES: Final = {"Model": ('(["', '"])'), "Column": ('("', '")')}


def as_json(trace: Trace) -> dict[str, Json]:
    """The trace as JSON values; ``as_of`` is RFC 3339, ``known_at`` a number of facts."""
    built: dict[str, Json] = msgspec.to_builtins(as_answer(trace), str_keys=True)
    return built


def as_answer(trace: Trace) -> dict[str, Json]:
    """The same for ``msgspec.json`` to encode: nodes and edges stay the structures they are."""
    members = {one.name: getattr(trace, one.name) for one in fields(trace)}
    return {**members, "as_of": format_millis(trace.as_of)}


def mermaid(trace: Trace) -> str:
    """A Mermaid flowchart, data flowing from left to right; inferred edges are dotted.

    Of a further page, nodes of the pages before stand without their names.
    """
    numbers = {node.key: f"n{number}" for number, node in enumerate(trace.nodes)}
    lines = ["flowchart LR"]
    for node in trace.nodes:
        left, right = SHAPES.get(node.label, ('["', '"]'))
        lines.append(f"  {numbers[node.key]}{left}{_node_text(node)}{right}")
    for edge in trace.edges:
        for key in (edge.src, edge.dst):
            if key not in numbers:
                numbers[key] = f"n{len(numbers)}"
                lines.append(f'  {numbers[key]}["on a page before"]')
        arrow = "-.->" if edge.inferred else "-->"
        src, dst = numbers[edge.src], numbers[edge.dst]
        lines.append(f'  {src} {arrow}|"{_edge_text(edge)}"| {dst}')
    return "\n".join(lines) + "\n"


def _node_text(node: TraceNode) -> str:
    notes = [
        f"{_escape(name)} {_escape(said)}"
        for name, value in node.annotations.items()
        if (said := short(value))
    ]
    return "<br/>".join([_escape(node.ref), *notes])


def _edge_text(edge: TraceEdge) -> str:
    parts = [edge.job_name, edge.kind, f"role {edge.role}" if edge.role else ""]
    return " · ".join(_escape(part) for part in parts if part)


def _escape(raw: str) -> str:
    """Everything that Mermaid, Markdown or HTML could read as syntax, as a numeric entity."""
    return "".join(
        char if char.isalnum() or char in PLAIN else f"#{ord(char)};" for char in clean(raw)
    )
