"""A trace as one file: the picture of the page, with everything it needs inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lineage.trace.model import Trace
from lineage.trace.names import clean
from lineage.trace.tree import coverage_text
from tracehold.ui.pages import render
from tracehold.ui.tracing import SCRIPTS, archived

__all__ = ["page"]

_STATIC: Final = Path(__file__).parent / "static"


def page(trace: Trace) -> str:
    """A page that needs no server and no network: it can be mailed, archived, opened offline."""
    from markupsafe import Markup

    def asset(name: str) -> Any:
        return Markup(_STATIC.joinpath(name).read_text("utf-8"))  # noqa: S704 - files of ours

    heading = clean(trace.ref) if trace.to is None else f"{clean(trace.ref)} → {clean(trace.to)}"
    notes = [
        f"{reason.text}; {reason.advice}" if reason.advice else reason.text
        for reason in trace.reasons
    ]
    notes += [f"{one.why}: {clean(one.ref)}" for one in trace.unresolved]
    return render(
        "standalone.html",
        {
            "heading": heading,
            "picture": archived(trace),
            "lead": "Where it comes from" if trace.direction == "up" else "What it reaches",
            "notes": [*notes, coverage_text(trace.coverage)],
            "style": asset("style.css"),
            "scripts": [asset(name) for name in SCRIPTS],
        },
    )
