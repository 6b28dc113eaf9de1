"""The search page, and the way from a reference to the page of what it names."""

from __future__ import annotations

from typing import Any, Final

from lineage.identity import Label
from lineage.refs import KIND_LABELS
from lineage.trace.names import reference_text
from lineage.trace.resolve import resolve
from tracehold.ui.asked import Asked
from tracehold.ui.marks import PAGES, Cell, link, mark

__all__ = ["opened", "search"]

_LABELS: Final[tuple[Label, ...]] = ("Dataset", "Column", "Model", "Job")
_EACH: Final = 10


def search(asked: Asked) -> dict[str, Any]:
    """What fits the words: datasets, columns, models and jobs by name."""
    text = asked.query.get("text", "").strip()
    rows: list[list[Cell]] = []
    for label in _LABELS if text else ():
        for node in asked.services.state.list_nodes(label, text=text, limit=_EACH):
            shown = reference_text(node, node.key)
            rows.append([link(label, node.key, shown), mark(label.lower())])
    return {"heading": "Search", "text": text, "rows": rows}


def opened(asked: Asked) -> dict[str, Any]:
    """Where the page of a reference is.

    Raises:
        NotFound: Nothing of that name is known.
        InvalidInput: Several things fit.
    """
    ref, key = resolve(asked.services.state, asked.services.identity, asked.query.get("ref", ""))
    return {"location": f"{PAGES[KIND_LABELS[str(ref).partition(':')[0]]]}/{key}"}
