"""The page of a column."""

from __future__ import annotations

from typing import Any

from lineage.refs import DatasetRef
from lineage.trace.names import reference_text
from tracehold.ui.asked import Asked
from tracehold.ui.entities import columns_of
from tracehold.ui.marks import Cell, link
from tracehold.ui.tracing import picture

__all__ = ["column"]


def column(asked: Asked) -> dict[str, Any]:
    """One column: its type, what was found in it, and its own lineage.

    Raises:
        NotFound: There is none of that key.
    """
    node = asked.node("Column")
    home = DatasetRef(str(node.props.get("namespace", "")), str(node.props.get("name", "")))
    key = home.key(asked.services.identity)
    here = next((row for row in columns_of(asked, key) if row.key == node.key), None)
    summary: list[tuple[str, Cell]] = [("Dataset", link("Dataset", key, str(home)))]
    if here is not None:
        summary += [
            ("Type", here.type),
            ("Personal data", here.found),
            ("Measure", here.measure),
            ("Description", here.description),
        ]
    return {
        "picture": picture(node, asked.query),
        "heading": reference_text(node, node.key),
        "lead": "",
        "verdicts": [],
        "summary": summary,
        "sections": [],
    }
