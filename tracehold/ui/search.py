"""The search page, and the way from a reference to the page of what it names."""

from __future__ import annotations

from typing import Any, Final

from lineage.facts import Json
from lineage.refs import KIND_LABELS, parse_ref
from tracehold.questions import answer
from tracehold.ui.asked import Asked
from tracehold.ui.marks import PAGES, Cell, link, mark

__all__ = ["opened", "search"]

_SHOWN: Final = 20


def search(asked: Asked) -> dict[str, Any]:
    """What fits the words, best first: datasets, models and jobs, with the columns that fit."""
    text = asked.query.get("text", "").strip()
    context: dict[str, Any] = {"heading": "Search", "text": text, "rows": [], "note": ""}
    if not text:
        return context
    found = answer(asked.services, "find", {"text": text, "limit": _SHOWN})
    notes = []
    if found.get("misspelled"):
        notes.append("nothing is spelled so; these come near")
    if found.get("left_out"):
        notes.append(f"left out: {', '.join(found['left_out'])}")
    if found["more"]:
        notes.append(f"the best {_SHOWN}")
    return context | {
        "rows": [_row(asked, item) for item in found["items"]],
        "note": "; ".join(notes),
    }


def _row(asked: Asked, item: dict[str, Json]) -> list[Cell]:
    label = KIND_LABELS[item["kind"]]
    columns: list[Cell] = [
        link("Column", parse_ref(one["ref"]).key(asked.services.identity), f"#{one['field']}")
        for one in item["columns"]
    ]
    return [link(label, item["key"], item["ref"]), mark(item["kind"]), *columns]


def opened(asked: Asked) -> dict[str, Any]:
    """Where the page of a reference is.

    Raises:
        NotFound: Nothing of that name is known.
        InvalidInput: Several things fit.
    """
    ref, key = asked.services.resolve(asked.query.get("ref", ""))
    return {"location": f"{PAGES[KIND_LABELS[str(ref).partition(':')[0]]]}/{key}"}
