"""The home page: how much there is, and what needs a person now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lineage.trace.names import reference_text
from tracehold.judging import due_rows, license_judgement
from tracehold.records import cases, certificates, holds, incidents_seen, open_holds
from tracehold.services import Services

__all__ = ["home"]

_OPEN_DECISIONS = {"due": "bad", "conflict": "bad", "review": "warn"}
_SHOWN = 20


def _item(tone: str, href: str, text: str, why: str = "") -> dict[str, str]:
    return {"tone": tone, "href": href, "text": text, "why": why}


def _verdicts(services: Services) -> Iterator[dict[str, str]]:
    for node in services.state.list_nodes("Model", limit=_SHOWN):
        ref = reference_text(node, node.key)
        judged = license_judgement(services, ref)
        if judged.verdict != "allowed":
            why = next((reason.what for reason in judged.blocking), "")
            if judged.passes:
                why += f" (waived by {', '.join(judged.waivers)})"
            tone = "warn" if judged.passes else "bad"
            yield _item(tone, f"/models/{node.key}", f"{ref}: license {judged.verdict}", why)


def _retention(services: Services) -> Iterator[dict[str, str]]:
    for row in due_rows(services):
        tone = _OPEN_DECISIONS.get(row.decision.outcome)
        if tone is not None:
            why = next(iter(row.decision.reasons), "")
            yield _item(tone, "/retention", f"{row.ref}: {row.decision.outcome}", why)
    for hold in open_holds(services):
        yield _item("warn", "/retention", f"hold {hold.hold} in force", hold.matter)


def _deletions(services: Services) -> Iterator[dict[str, str]]:
    for case in cases(services):
        if case.phase() not in ("certified", "cancelled"):
            tone = "bad" if case.blocked else "warn"
            text = f"deletion case {case.case} is {case.phase()}"
            yield _item(tone, "/certificates", text, case.blocked)
    for one in incidents_seen(services):
        yield _item("bad", "/certificates", f"incident {one.incident}")


def _attention(services: Services) -> list[dict[str, str]]:
    items = [*_verdicts(services), *_retention(services), *_deletions(services)]
    return sorted(items, key=lambda item: item["tone"])[:_SHOWN]


def home(services: Services) -> dict[str, Any]:
    """What the template ``home.html`` needs."""
    state = services.state
    cards = [
        {"href": "/datasets", "count": state.count("Dataset"), "text": "datasets"},
        {"href": "/models", "count": state.count("Model"), "text": "model versions"},
        {"href": "/pii", "count": len(state.with_aspect("pii")), "text": "datasets scanned"},
        {"href": "/certificates", "count": len(certificates(services)), "text": "certificates"},
        {"href": "/retention", "count": len(holds(services)), "text": "holds"},
    ]
    return {
        "workspace": services.settings.workspace.name,
        "cards": cards,
        "attention": _attention(services),
    }
