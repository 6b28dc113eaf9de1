"""Verdicts as Dagster shows them: metadata, tables, links."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from tracehold_dagster import keys
from tracehold_dagster.gates.verdicts import Question, Verdict

__all__ = ["VERDICT", "noted", "shown"]

VERDICT: Final = "tracehold/verdict"
"""Label of what a gate said, at what was made after it opened."""
_CAUSES: Final = ("cause", "weight", "waiver", "path")
_GATES: Final = ("gate", "outcome")
_MOST_ROWS: Final = 50


def shown(verdict: Verdict, subject: tuple[str, str], url: str | None = None) -> dict[str, Any]:
    """A verdict as metadata of a failure or of a check: what people read first comes first.

    Args:
        verdict: What the server said.
        subject: Namespace and name of the dataset that it is about.
        url: Address of the server, to link to.
    """
    told: dict[str, Any] = {
        "tracehold/gates": _table(_GATES, [list(one) for one in sorted(verdict.gates.items())]),
    }
    if verdict.causes:
        rows = [
            [
                str(cause.get("what", "")),
                str(cause.get("weight", "")),
                str(cause.get("waiver", "")),
                " → ".join(map(str, cause.get("path") or (cause.get("ref", ""),))),
            ]
            for cause in verdict.causes[:_MOST_ROWS]
        ]
        told["tracehold/causes"] = _table(_CAUSES, rows)
    if verdict.obligations:
        told["tracehold/obligations"] = MetadataValue.md(
            "\n".join(f"- {line}" for line in verdict.obligations)
        )
    if url:
        told["tracehold/page"] = MetadataValue.url(_page(url, verdict, subject))
    if verdict.fact:
        told["tracehold/fact"] = MetadataValue.text(verdict.fact)
    told[keys.GATE] = MetadataValue.json(verdict.as_facet())
    return told


def _page(url: str, verdict: Verdict, subject: tuple[str, str]) -> str:
    """The server's page of what closes the gate, else of what it is about."""
    causes = (str(cause["ref"]) for cause in verdict.open_causes if cause.get("ref"))
    namespace, name = subject
    ref = next(causes, f"dataset:[{namespace}]{name}")
    return f"{url.rstrip('/')}/open?{urlencode({'ref': ref})}"


def noted(question: Question, verdict: Verdict, url: str | None = None) -> dict[str, Any]:
    """A positive verdict as metadata of what is made, by which it is found again."""
    told = {
        "question": question.digest(),
        "at": verdict.at,
        "gates": dict(verdict.gates),
        "waivers": list(verdict.waivers),
        "fact": verdict.fact,
    }
    subject = question.namespace, question.name
    return {**shown(verdict, subject, url), VERDICT: MetadataValue.json(told)}


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> MetadataValue[Any]:
    return MetadataValue.table(
        [TableRecord(dict(zip(columns, row, strict=True))) for row in rows],
        TableSchema([TableColumn(name) for name in columns]),
    )
