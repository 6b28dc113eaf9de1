"""Lists of datasets and models, and the page of one with its lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from catalog.decided import stale_decisions
from catalog.judgement import Judgement
from lineage.clock import format_millis
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.identity import Label
from lineage.state.port import AspectValue
from lineage.trace.names import reference_text
from tracehold.judging import license_judgement
from tracehold.ui.asked import Asked
from tracehold.ui.environments import comparison
from tracehold.ui.marks import (
    PAGES,
    Cell,
    Section,
    Tone,
    link,
    mark,
    moment,
    pii_marks,
    section,
    short,
)
from tracehold.ui.tracing import picture
from tracehold.ui.work import touching

__all__ = [
    "ColumnRow",
    "columns_of",
    "dataset",
    "datasets",
    "facts",
    "listing",
    "model",
    "models",
    "owners",
    "said",
]

_PAGE = 100
_Aspects = Mapping[str, Sequence[AspectValue]]


def said(aspects: _Aspects, name: str) -> Json:
    """The first value of an aspect; None where nothing is said."""
    return next((value.value for value in aspects.get(name, ())), None)


def _license(aspects: _Aspects) -> str:
    for value in sorted(aspects.get("license", ()), key=lambda one: one.slot != "concluded"):
        said = value.value.get("concluded") or value.value.get("declared")
        if said:
            return str(said)
    return ""


def owners(aspects: _Aspects) -> str:
    """Who owns it."""
    held = said(aspects, "ownership") or {}
    return ", ".join(str(owner.get("name", "")) for owner in held.get("owners", ()))


def _entities(aspects: _Aspects) -> Cell:
    found = {v.value["entity"] for v in aspects.get("pii", ()) if v.value["tier"] == "confirmed"}
    return pii_marks(found) if found or "scan" in aspects else None


def listing(
    asked: Asked, label: Label, aspects: Sequence[str]
) -> tuple[list[Node], dict[str, dict[str, list[AspectValue]]], dict[str, Any]]:
    """A page of entities, what is said of each, and what the template needs to go on."""
    text, state = asked.query.get("text", ""), asked.services.state
    after = asked.query.get("after", "")
    nodes = state.list_nodes(label, text=text, after=after, limit=_PAGE + 1)
    shown = nodes[:_PAGE]
    known = state.aspects([node.key for node in shown], aspects)
    more = ""
    if len(nodes) > _PAGE:
        more = f"{PAGES[label]}?{urlencode({'text': text, 'after': shown[-1].key})}"
    return shown, known, {"text": text, "more": more}


def datasets(asked: Asked) -> dict[str, Any]:
    """The list of datasets."""
    names = ("license", "ownership", "retention", "pii", "scan", "purged")
    columns = ["Dataset", "Namespace", "License", "Owner", "Retention class", "Personal data"]
    shown, known, context = listing(asked, "Dataset", names)
    rows: list[list[Cell]] = []
    for node in shown:
        aspects = known.get(node.key, {})
        name: Cell = link("Dataset", node.key, str(node.props.get("name", node.key)))
        rows.append(
            [
                [name, mark("purged", "bad")] if "purged" in aspects else name,
                str(node.props.get("namespace", "")),
                _license(aspects),
                owners(aspects),
                short((said(aspects, "retention") or {}).get("class")),
                _entities(aspects),
            ]
        )
    return {"heading": "Datasets", "columns": columns, "rows": rows, **context}


def models(asked: Asked) -> dict[str, Any]:
    """The list of model versions."""
    names = ("model", "verdict", "stale", "waiver", "affected", "ownership")
    columns = ["Model", "Owner", "Intended use", "License verdict", "Deletions"]
    shown, known, context = listing(asked, "Model", names)
    rows: list[list[Cell]] = []
    for node in shown:
        aspects = known.get(node.key, {})
        verdicts: list[Cell] = [
            mark(v.value["verdict"], _tone(v.value["verdict"])) for v in aspects.get("verdict", ())
        ]
        verdicts += [mark(f"stale: {one}", "warn") for one in stale_decisions(aspects)]
        rows.append(
            [
                link("Model", node.key, f"{node.props.get('name')}@{node.props.get('version')}"),
                owners(aspects),
                short((said(aspects, "model") or {}).get("intended_use")),
                verdicts or None,
                [mark(f"affected by {v.slot}", "warn") for v in aspects.get("affected", ())] or "",
            ]
        )
    return {"heading": "Models", "columns": columns, "rows": rows, **context}


def _tone(verdict: str) -> Tone:
    return "good" if verdict == "allowed" else "bad"


def _verdict(judged: Judgement) -> dict[str, Any]:
    text = "; ".join(reason.what for reason in judged.reasons) or "no license stands against it"
    if judged.waivers:
        text += f" (waived by {', '.join(judged.waivers)})"
    return {
        "mark": mark(f"license: {judged.verdict}", _tone(judged.verdict)),
        "text": f"for {judged.use}: {text}" if judged.use else text,
        "path": " → ".join(judged.path),
    }


def _stale(aspects: _Aspects) -> list[dict[str, Any]]:
    said = {value.slot: value.value for value in aspects.get("stale", ())}
    return [
        {
            "mark": mark(f"decision stale: {one}", "warn"),
            "text": "; ".join(
                [f"no longer {line}" for line in said[one]["then"]]
                + [f"now {line}" for line in said[one]["now"]]
            ),
            "path": "",
        }
        for one in stale_decisions(aspects)
    ]


def model(asked: Asked) -> dict[str, Any]:
    """One version of a model.

    Raises:
        NotFound: There is none of that key.
    """
    node = asked.node("Model")
    names = (
        "model", "waiver", "waiver_ended", "affected", "ownership", "statistics", "verdict",
        "stale",
    )  # fmt: skip
    aspects = asked.services.state.aspects([node.key], names).get(node.key, {})
    card = said(aspects, "model") or {}
    judged = license_judgement(asked.services, reference_text(node, node.key))
    conflicts = frozenset(reason.ref for reason in judged.blocking)
    ended = {value.slot for value in aspects.get("waiver_ended", ())}
    waivers: list[list[Cell]] = [
        [v.slot, v.value["scope"], v.value["reason"], format_millis(v.value["expires"])[:10],
         mark("ended") if v.slot in ended else mark("granted", "warn")]
        for v in aspects.get("waiver", ())
    ]  # fmt: skip
    affected: list[list[Cell]] = [
        [v.slot, v.value["decision"], {"text": v.value["certificate"],
         "href": f"/certificates/{v.value['certificate']}"}]
        for v in aspects.get("affected", ())
    ]  # fmt: skip
    return {
        "picture": picture(node, asked.query, conflicts=conflicts),
        "heading": reference_text(node, node.key),
        "lead": str(card.get("intended_use") or ""),
        "verdicts": [_verdict(judged), *_stale(aspects)],
        "summary": [("Owner", owners(aspects)), *facts(card, skip=("name", "version"))],
        "sections": [
            section("Waivers", ["Waiver", "Covers", "Reason", "Until", "State"], waivers),
            section("Deletions that reached it", ["Case", "Decision", "Certificate"], affected),
        ],
    }


def facts(recorded: Mapping[str, Json], skip: Sequence[str] = ()) -> list[tuple[str, Cell]]:
    """What is recorded, name by name; nested values in short form."""
    return [
        (name.replace("_", " "), short(value) or None)
        for name, value in sorted(recorded.items())
        if name not in skip
    ]


def dataset(asked: Asked) -> dict[str, Any]:
    """One dataset.

    Raises:
        NotFound: There is none of that key.
    """
    node = asked.node("Dataset")
    names = (
        "license", "ownership", "terms", "legal_basis", "provenance", "retention", "pii", "scan",
        "deidentification", "assertions", "gate", "purged", "affected", "documentation", "verdict",
        "stale", "tags",
    )  # fmt: skip
    aspects = asked.services.state.aspects([node.key], names).get(node.key, {})
    retention = said(aspects, "retention") or {}
    summary: list[tuple[str, Cell]] = [
        ("License", _license(aspects)),
        ("Owner", owners(aspects)),
        ("Retention class", short(retention.get("class"))),
        ("Personal data", _entities(aspects)),
        ("Environment", comparison(node, said(aspects, "tags"))),
        ("Legal basis", short((said(aspects, "legal_basis") or {}).get("bases")) or None),
        ("Quality gates", _gates(aspects)),
        *facts(said(aspects, "terms") or {}),
        *facts(said(aspects, "provenance") or {}, skip=("license", "owner")),
    ]
    purged = said(aspects, "purged")
    if purged:
        summary.insert(0, ("Purged", mark(f"case {purged['case']}", "bad")))
    return {
        "picture": picture(node, asked.query),
        "heading": reference_text(node, node.key),
        "lead": str((said(aspects, "documentation") or {}).get("description") or ""),
        "verdicts": _stale(aspects),
        "summary": summary,
        "sections": [
            _columns(asked, node.key),
            touching(asked, node, "Written by"),
            touching(asked, node, "Read by"),
            _quality(aspects),
            _versions(asked, node.key),
        ],
    }


def _gates(aspects: _Aspects) -> Cell:
    tones: dict[str, Tone] = {"passed": "good", "failed": "bad"}
    return [
        mark(f"{one.slot} {one.value['outcome']}", tones.get(one.value["outcome"], "warn"))
        for one in aspects.get("gate", ())
    ] or None


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """What is known of one column.

    Attributes:
        key: Its key.
        name: Its field.
        type: Its type, as a producer named it.
        description: What it holds, in a producer's words.
        found: Personal data that a scan found in it.
        measure: What was done to it against that.
    """

    key: str
    name: str
    type: str
    description: str
    found: Cell
    measure: str


def columns_of(asked: Asked, key: str) -> list[ColumnRow]:
    """The columns of a dataset, in the order of its schema."""
    aspects = asked.services.state.aspects([key], ("pii", "scan", "deidentification")).get(key, {})
    found = {value.slot: value.value for value in aspects.get("pii", ())}
    measures = {
        v.slot: str(v.value.get("operator", "")) for v in aspects.get("deidentification", ())
    }
    rows = []
    for column in asked.services.state.columns(key):
        name = str(column.props.get("field", ""))
        finding = found.get(name)
        tier: Cell = None
        if finding and finding["tier"] != "none":
            tone: Tone = "bad" if finding["tier"] == "confirmed" else "warn"
            tier = [mark(f"{finding['entity']} ({finding['tier']})", tone)]
        elif "scan" in aspects:
            tier = mark("none found", "good")
        kind, text = (str(column.props.get(one) or "") for one in ("type", "description"))
        rows.append(ColumnRow(column.key, name, kind, text, tier, measures.get(name, "-")))
    return rows


def _columns(asked: Asked, key: str) -> Section:
    rows: list[list[Cell]] = [
        [link("Column", row.key, row.name), row.type, row.found, row.measure]
        for row in columns_of(asked, key)
    ]
    return section("Columns", ["Column", "Type", "Personal data", "Measure"], rows)


def _quality(aspects: _Aspects) -> Section:
    rows: list[list[Cell]] = []
    for value in aspects.get("assertions", ()):
        rule = value.value
        passed = bool(rule.get("success"))
        rows.append(
            [
                short(rule.get("assertion")) or value.slot,
                short(rule.get("column")) or "-",
                mark("passed", "good") if passed else mark("failed", "bad"),
                short(rule.get("actual")) or "-",
                moment(value.time),
            ]
        )
    return section("Quality", ["Rule", "Column", "Result", "Actual", "When"], rows)


def _versions(asked: Asked, key: str) -> Section:
    rows: list[list[Cell]] = [
        [
            version.version,
            link("Run", version.run_key, "run") if version.run_key else "-",
            moment(version.first),
            moment(version.last),
        ]
        for version in asked.services.state.versions(key, limit=20)
    ]
    return section("Versions", ["Version", "Made by", "First seen", "Last seen"], rows)
