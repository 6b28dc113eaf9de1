"""What the picture of a lineage needs to begin; it asks the JSON interface for the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from lineage.graph.port import Node
from lineage.trace.model import Trace
from lineage.trace.names import reference_text
from lineage.trace.render import as_json

__all__ = ["SCRIPTS", "archived", "picture"]

SCRIPTS: Final = (
    "layout.js",
    "graph.js",
    "canvas.js",
    "asking.js",
    "panel.js",
    "keyboard.js",
    "lineage.js",
)
"""What draws the picture, in the order in which it is read."""


def picture(
    node: Node,
    query: Mapping[str, str],
    *,
    conflicts: Collection[str] = (),
) -> dict[str, Any]:
    """The picture on the page of a dataset, a column or a model.

    Args:
        node: What it is about.
        query: Parameters of the page: ``view``, ``as_of``, ``known_at``, ``columns``,
            ``rollup``.
        conflicts: References of nodes that a verdict names; they stand out.
    """
    return {
        "ref": reference_text(node, node.key),
        "view": "content" if query.get("view") == "content" else "structural",
        "as_of": query.get("as_of", ""),
        "known_at": query.get("known_at", ""),
        "columns": node.label == "Column" or query.get("columns") == "true",
        "rollup": query.get("rollup") == "true",
        "conflicts": sorted(conflicts),
        "answer": None,
    }


def archived(trace: Trace) -> dict[str, Any]:
    """The picture of an answer that is there already, for a page without a server."""
    return {
        "ref": trace.ref,
        "view": trace.view,
        "as_of": "",
        "known_at": "",
        "columns": trace.columns,
        "rollup": False,
        "conflicts": [],
        "answer": as_json(trace),
    }
