"""Pages of the privacy officer: exposure, retention, deletions and their certificates."""

from __future__ import annotations

from typing import Any

from privacy.deletion.case import Case
from privacy.exposure import Exposed
from tracehold.judging import due_rows, pii_exposure
from tracehold.records import cases, certificate_of, incidents_seen, open_holds
from tracehold.services import Services
from tracehold.ui.marks import Cell, Tone, link, mark, moment, section

__all__ = ["certificate", "certificates", "pii", "retention"]

_TONES: dict[str, Tone] = {"due": "bad", "conflict": "bad", "review": "warn", "held": "warn"}
_PATH = " → "


def _exposed(row: Exposed) -> list[Cell]:
    tier = mark(row.tier, "bad" if row.tier == "confirmed" else "warn")
    return [row.ref, row.entity, [tier, mark(row.how)], _PATH.join(row.path)]


def pii(services: Services) -> dict[str, Any]:
    """Where personal data is, where a measure stops it, and which models it reaches."""
    answer = pii_exposure(services)
    stopped: list[list[Cell]] = [
        [one.ref, one.entity, [one.operator, *([mark("pseudonymous")] if one.pseudonymous else [])],
         _PATH.join(one.path)]
        for one in answer.stopped
    ]  # fmt: skip
    models: list[list[Cell]] = [
        [one.ref, ", ".join(one.entities), ", ".join(one.via)] for one in answer.models
    ]
    reasons = "" if answer.complete else f" Incomplete: {', '.join(answer.reasons)}."
    return {
        "heading": "Personal data",
        "lead": "Columns in which a scan found personal data, and columns that inherit it along "
        f"lineage. A scanner finds what it knows; absence is no proof.{reasons}",
        "sections": [
            section(
                "Exposed columns",
                ["Column", "Type", "How sure", "Path from where it was found"],
                [_exposed(row) for row in answer.rows],
            ),
            section(
                "Stopped by a measure that was scanned again",
                ["Column", "Type", "Measure", "Path"],
                stopped,
            ),
            section("Models reached", ["Model", "Types", "Through"], models),
        ],
    }


def retention(services: Services) -> dict[str, Any]:
    """What is due, what is held, and why."""
    rows = due_rows(services)
    listed: list[list[Cell]] = [
        [
            link("Dataset" if row.ref.startswith("dataset:") else "Model", row.key, row.ref),
            mark(row.decision.outcome, _TONES.get(row.decision.outcome, "good")),
            str(row.decision.due or ""),
            ", ".join(row.classes),
            "; ".join(row.decision.reasons),
        ]
        for row in rows
    ]
    holds: list[list[Cell]] = [
        [hold.hold, hold.matter, str(len(hold.scope_keys))] for hold in open_holds(services)
    ]
    now = services.judgement_now()
    return {
        "heading": "Retention",
        "lead": f"Decided for {moment(now)}. A hold beats every rule.",
        "sections": [
            section("Due list", ["What", "Decision", "Due", "Classes", "Why"], listed),
            section("Holds in force", ["Hold", "Matter", "Placed on"], holds),
        ],
    }


def _case_row(case: Case) -> list[Cell]:
    phase = case.phase()
    tone: Tone = "good" if phase == "certified" else "bad" if case.blocked else "warn"
    certified = case.slots.get("certified")
    name = str(certified.value["certificate"]) if certified else ""
    return [
        case.case,
        [mark(phase, tone), *([case.blocked] if case.blocked else [])],
        ", ".join(case.request.targets),
        case.request.legal_ground,
        {"text": name, "href": f"/certificates/{name}"} if name else "",
        moment(case.last),
    ]


def certificates(services: Services) -> dict[str, Any]:
    """Every deletion case and its certificate."""
    incidents: list[list[Cell]] = [
        [one.incident, moment(one.at)] for one in incidents_seen(services)
    ]
    return {
        "heading": "Deletions",
        "lead": "A certificate is issued once, after a second reading found nothing left.",
        "sections": [
            section(
                "Cases",
                ["Case", "Phase", "Target", "Ground", "Certificate", "Last step"],
                [_case_row(case) for case in cases(services)],
            ),
            section("Incidents", ["Incident", "When"], incidents),
        ],
    }


def certificate(services: Services, name: str) -> dict[str, Any]:
    """One certificate, as it was signed.

    Raises:
        NotFound: There is no such certificate.
    """
    found = certificate_of(services, name)
    return {
        "heading": f"Certificate {name}",
        "lead": "Verify it without this server: tracehold certificate verify FILE",
        "summary": [("Case", found.case), ("Issued", moment(found.at))],
        "texts": [("Signed text", found.note)],
        "sections": [],
    }
