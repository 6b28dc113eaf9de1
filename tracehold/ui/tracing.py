"""A trace as the page shows it: elements of the picture, and the same hops as a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.trace.model import Trace, TraceNode
from tracehold.ui.layout import place
from tracehold.ui.marks import PAGES, Cell, mark

__all__ = ["pii_marks", "short", "trace_view"]


def short(value: Json) -> str:
    """The short form of an annotation."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return str(value.get("short") or value.get("class") or ", ".join(map(str, value)))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def pii_marks(found: Json) -> Cell:
    """Entity types as marks; ``none found`` after a clean scan, nothing where nobody looked."""
    if found is None:
        return None
    if not found:
        return mark("none found", "good")
    return [mark(str(entity), "warn") for entity in sorted(found)]


def _retention(node: TraceNode) -> Cell:
    retention = node.annotations.get("retention")
    cells: list[Cell] = []
    if isinstance(retention, Mapping):
        due = f", due {retention['due']}" if retention.get("due") else ""
        cells.append(f"{retention.get('class', '')}{due}")
    if node.annotations.get("purged"):
        cells.append(mark("purged", "bad"))
    cells.extend(mark(f"hold {hold}", "warn") for hold in node.annotations.get("holds", ()))
    return cells or None


def _href(node: TraceNode) -> str:
    folder = PAGES.get(node.label) if node.label != "Hidden" else None
    return f"{folder}/{node.key}" if folder else ""


def _name(node: TraceNode) -> str:
    if node.label == "Hidden":
        return node.ref
    if node.label == "Model":
        return f"{node.name}@{node.version}"
    if node.field is not None:
        return f"{node.name}.{node.field}"
    return node.name


def _hop(node: TraceNode, *, derived: bool) -> dict[str, Any]:
    notes = node.annotations
    inherited = "from its sources" if derived else ""
    return {
        "key": node.key,
        "name": _name(node),
        "href": _href(node),
        "kind": node.namespace or node.label.lower(),
        "license": short(notes.get("license")) or inherited,
        "purposes": short(notes.get("purposes")) or inherited,
        "pii": pii_marks(notes.get("pii")),
        "retention": _retention(node),
    }


def _elements(trace: Trace, conflicts: frozenset[str]) -> list[dict[str, Any]]:
    at = place([n.key for n in trace.nodes], [(e.src, e.dst) for e in trace.edges])
    targets = {edge.dst for edge in trace.edges}
    shown = {node.key for node in trace.nodes}
    elements: list[dict[str, Any]] = []
    for node in trace.nodes:
        notes = node.annotations
        terms = [short(notes.get("license")), short(notes.get("purposes")), short(notes.get("pii"))]
        data = {
            "id": node.key,
            "label": _name(node).rpartition("/")[2],
            "name": _name(node),
            "kind": node.label,
            "href": _href(node),
            "terms": " · ".join(term for term in terms if term),
            "source": node.key not in targets,
            "personal": bool(notes.get("pii")),
            "purged": bool(notes.get("purged")),
            "conflict": node.ref in conflicts,
        }
        x, y = at[node.key]
        elements.append({"data": data, "position": {"x": x, "y": y}})
    for number, edge in enumerate(trace.edges):
        if edge.src not in shown or edge.dst not in shown:
            continue  # the other end is on a page before
        data = {
            "id": f"edge-{number}",
            "source": edge.src,
            "target": edge.dst,
            "inferred": edge.inferred,
        }
        elements.append({"data": data})
    return elements


def trace_view(trace: Trace, conflicts: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What the template needs of a trace.

    Args:
        trace: The trace.
        conflicts: References of nodes that a verdict names; they stand out.
    """
    reasons = "; ".join(reason.text for reason in trace.reasons)
    facts = [
        f"{len(trace.nodes)} nodes, {len(trace.edges)} edges",
        *([f"{trace.total} nodes in all"] if trace.total not in (None, len(trace.nodes)) else []),
        f"as of {format_millis(trace.as_of)}",
        f"known at fact {trace.known_at}",
        f"answered by {trace.answered_by}",
    ]
    up = trace.direction == "up"
    derived = {edge.dst for edge in trace.edges}
    return {
        "heading": "Where it comes from" if up else "What it reaches",
        "direction": trace.direction,
        "view": trace.view,
        "mark": mark("complete", "good") if trace.complete else mark("incomplete", "bad"),
        "summary": " · ".join([*facts, *([reasons] if reasons else [])]),
        "hops": [_hop(node, derived=node.key in derived) for node in trace.nodes],
        "data": {"elements": _elements(trace, conflicts)},
    }
