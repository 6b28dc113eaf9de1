"""The home page: how much there is, and what needs a person now."""

from __future__ import annotations

from typing import Any

from lineage.trace.names import reference_text
from privacy.deletion.case import Case, list_cases
from tracehold.bootstrap import Services
from tracehold.judging import due_rows
from tracehold.ui.marks import PAGES

__all__ = ["home"]

_OPEN_DECISIONS = {"due": "bad", "conflict": "bad", "review": "warn", "held": "warn"}
_SHOWN = 20


def _item(tone: str, href: str, text: str, why: str = "") -> dict[str, str]:
    return {"tone": tone, "href": href, "text": text, "why": why}


def _verdicts(services: Services) -> list[dict[str, str]]:
    found = services.state.with_aspect("verdict")
    items = []
    for key, values in sorted(found.items()):
        node = services.state.node(key)
        for value in values:
            if node is None or value.value["verdict"] == "allowed":
                continue
            folder = PAGES.get(node.label, "/datasets")
            text = f"{reference_text(node, node.key)}: {value.slot} {value.value['verdict']}"
            why = next((reason["what"] for reason in value.value["reasons"]), "")
            items.append(_item("bad", f"{folder}/{key}", text, why))
    return items


def _case(case: Case) -> dict[str, str]:
    tone = "bad" if case.blocked else "warn"
    text = f"deletion case {case.case} is {case.phase()}"
    return _item(tone, "/certificates", text, case.blocked)


def _attention(services: Services) -> list[dict[str, str]]:
    items = _verdicts(services)
    for row in due_rows(services):
        tone = _OPEN_DECISIONS.get(row.decision.outcome)
        if tone is not None:
            why = next(iter(row.decision.reasons), "")
            items.append(_item(tone, "/retention", f"{row.ref}: {row.decision.outcome}", why))
    for case in list_cases(services.state):
        if case.phase() not in ("certified", "cancelled"):
            items.append(_case(case))
    for values in services.state.with_aspect("incident").values():
        items.extend(_item("bad", "/certificates", f"incident {value.slot}") for value in values)
    return sorted(items, key=lambda item: item["tone"])[:_SHOWN]


def home(services: Services) -> dict[str, Any]:
    """What the template ``home.html`` needs."""
    state = services.state
    cards = [
        {"href": "/datasets", "count": state.count("Dataset"), "text": "datasets"},
        {"href": "/models", "count": state.count("Model"), "text": "model versions"},
        {"href": "/pii", "count": len(state.with_aspect("pii")), "text": "datasets scanned"},
        {"href": "/certificates", "count": state.count("Certificate"), "text": "certificates"},
        {"href": "/retention", "count": state.count("Hold"), "text": "holds"},
    ]
    return {
        "workspace": services.settings.workspace.name,
        "cards": cards,
        "attention": _attention(services),
    }
