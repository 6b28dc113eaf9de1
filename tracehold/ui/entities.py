"""Lists of datasets and models, and the page of one with its trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.decided import stale_decisions
from catalog.judgement import Judgement
from lineage.clock import format_millis
from lineage.errors import NotFound
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.identity import Label
from lineage.state.port import AspectValue
from lineage.trace.names import reference_text
from tracehold.bootstrap import Services
from tracehold.judging import license_judgement
from tracehold.questions.lineage import AskTrace, walk
from tracehold.ui.marks import PAGES, Cell, Section, Tone, link, mark, moment, section
from tracehold.ui.tracing import pii_marks, short, trace_view

__all__ = ["dataset", "datasets", "model", "models"]

_PAGE = 100
_Aspects = Mapping[str, Sequence[AspectValue]]


def _value(aspects: _Aspects, name: str) -> Json:
    return next((value.value for value in aspects.get(name, ())), None)


def _license(aspects: _Aspects) -> str:
    for value in sorted(aspects.get("license", ()), key=lambda one: one.slot != "concluded"):
        said = value.value.get("concluded") or value.value.get("declared")
        if said:
            return str(said)
    return ""


def _owners(aspects: _Aspects) -> str:
    owners = _value(aspects, "ownership") or {}
    return ", ".join(str(owner.get("name", "")) for owner in owners.get("owners", ()))


def _entities(aspects: _Aspects) -> Cell:
    found = {v.value["entity"] for v in aspects.get("pii", ()) if v.value["tier"] == "confirmed"}
    return pii_marks(found) if found or "scan" in aspects else None


def _listing(
    services: Services,
    label: Label,
    query: Mapping[str, str],
    columns: list[str],
    aspects: Sequence[str],
) -> tuple[list[Node], dict[str, dict[str, list[AspectValue]]], dict[str, Any]]:
    text = query.get("text", "")
    nodes = services.state.list_nodes(
        label, text=text, after=query.get("after", ""), limit=_PAGE + 1
    )
    shown = nodes[:_PAGE]
    known = services.state.aspects([node.key for node in shown], aspects)
    more = f"{PAGES[label]}?text={text}&after={shown[-1].key}" if len(nodes) > _PAGE else ""
    return shown, known, {"text": text, "more": more, "columns": columns}


def datasets(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    """The list of datasets."""
    names = ("license", "ownership", "retention", "pii", "scan", "purged")
    columns = ["Dataset", "Namespace", "License", "Owner", "Retention class", "Personal data"]
    shown, known, context = _listing(services, "Dataset", query, columns, names)
    rows: list[list[Cell]] = []
    for node in shown:
        aspects = known.get(node.key, {})
        name: Cell = link("Dataset", node.key, str(node.props.get("name", node.key)))
        rows.append(
            [
                [name, mark("purged", "bad")] if "purged" in aspects else name,
                str(node.props.get("namespace", "")),
                _license(aspects),
                _owners(aspects),
                short((_value(aspects, "retention") or {}).get("class")),
                _entities(aspects),
            ]
        )
    return {"heading": "Datasets", "rows": rows, **context}


def models(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    """The list of model versions."""
    names = ("model", "verdict", "stale", "waiver", "affected", "ownership")
    columns = ["Model", "Owner", "Intended use", "License verdict", "Deletions"]
    shown, known, context = _listing(services, "Model", query, columns, names)
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
                _owners(aspects),
                short((_value(aspects, "model") or {}).get("intended_use")),
                verdicts or None,
                [mark(f"affected by {v.slot}", "warn") for v in aspects.get("affected", ())] or "",
            ]
        )
    return {"heading": "Models", "rows": rows, **context}


def _tone(verdict: str) -> Tone:
    return "good" if verdict == "allowed" else "bad"


def _find(services: Services, label: Label, key: str) -> Node:
    node = services.state.node(key)
    if node is None or node.label != label:
        raise NotFound(f"there is no such {label.lower()}", advice="it may have another key now")
    return node


def _traced(
    services: Services, node: Node, query: Mapping[str, str], conflicts: frozenset[str]
) -> dict[str, Any]:
    as_of, known_at = query.get("as_of", ""), query.get("known_at", "")
    params = AskTrace(
        ref=reference_text(node, node.key),
        direction="down" if query.get("direction") == "down" else "up",
        view="content" if query.get("view") == "content" else "structural",
        as_of=as_of,
        known_at=known_at,
    )
    return {
        "trace": trace_view(walk(services, params), conflicts),
        "as_of_input": as_of[:16],
        "known_at_input": known_at[:16],
        "self_href": f"{PAGES[node.label]}/{node.key}",
        "heading": reference_text(node, node.key),
    }


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


def model(services: Services, key: str, query: Mapping[str, str]) -> dict[str, Any]:
    """One version of a model.

    Raises:
        NotFound: There is none of that key.
    """
    node = _find(services, "Model", key)
    names = (
        "model", "waiver", "waiver_ended", "affected", "ownership", "statistics", "verdict",
        "stale",
    )  # fmt: skip
    aspects = services.state.aspects([key], names).get(key, {})
    said = _value(aspects, "model") or {}
    judged = license_judgement(services, reference_text(node, node.key))
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
        **_traced(services, node, query, conflicts),
        "lead": str(said.get("intended_use") or ""),
        "verdicts": [_verdict(judged), *_stale(aspects)],
        "summary": [("Owner", _owners(aspects)), *_facts(said, skip=("name", "version"))],
        "sections": [
            section("Waivers", ["Waiver", "Covers", "Reason", "Until", "State"], waivers),
            section("Deletions that reached it", ["Case", "Decision", "Certificate"], affected),
        ],
    }


def _facts(said: Mapping[str, Json], skip: Sequence[str] = ()) -> list[tuple[str, Cell]]:
    """What is recorded, name by name; nested values in short form."""
    return [
        (name.replace("_", " "), short(value) or None)
        for name, value in sorted(said.items())
        if name not in skip
    ]


def dataset(services: Services, key: str, query: Mapping[str, str]) -> dict[str, Any]:
    """One dataset.

    Raises:
        NotFound: There is none of that key.
    """
    node = _find(services, "Dataset", key)
    names = (
        "license", "ownership", "terms", "provenance", "retention", "pii", "scan",
        "deidentification", "assertions", "purged", "affected", "documentation", "verdict", "stale",
    )  # fmt: skip
    aspects = services.state.aspects([key], names).get(key, {})
    retention = _value(aspects, "retention") or {}
    summary: list[tuple[str, Cell]] = [
        ("License", _license(aspects)),
        ("Owner", _owners(aspects)),
        ("Retention class", short(retention.get("class"))),
        ("Personal data", _entities(aspects)),
        *_facts(_value(aspects, "terms") or {}),
        *_facts(_value(aspects, "provenance") or {}, skip=("license", "owner")),
    ]
    purged = _value(aspects, "purged")
    if purged:
        summary.insert(0, ("Purged", mark(f"case {purged['case']}", "bad")))
    return {
        **_traced(services, node, query, frozenset()),
        "lead": str((_value(aspects, "documentation") or {}).get("description") or ""),
        "verdicts": _stale(aspects),
        "summary": summary,
        "sections": [_columns(services, key, aspects), _quality(aspects), _versions(services, key)],
    }


def _columns(services: Services, key: str, aspects: _Aspects) -> Section:
    found = {value.slot: value.value for value in aspects.get("pii", ())}
    measures = {
        v.slot: str(v.value.get("operator", "")) for v in aspects.get("deidentification", ())
    }
    rows: list[list[Cell]] = []
    for column in services.state.columns(key):
        name = str(column.props.get("field", ""))
        finding = found.get(name)
        tier: Cell = None
        if finding and finding["tier"] != "none":
            tone: Tone = "bad" if finding["tier"] == "confirmed" else "warn"
            tier = [mark(f"{finding['entity']} ({finding['tier']})", tone)]
        elif "scan" in aspects:
            tier = mark("none found", "good")
        rows.append([name, str(column.props.get("type") or ""), tier, measures.get(name, "-")])
    return section("Columns", ["Column", "Type", "Personal data", "Measure"], rows)


def _quality(aspects: _Aspects) -> Section:
    rows: list[list[Cell]] = []
    for value in aspects.get("assertions", ()):
        said = value.value
        passed = bool(said.get("success"))
        rows.append(
            [
                short(said.get("assertion")) or value.slot,
                short(said.get("column")) or "-",
                mark("passed", "good") if passed else mark("failed", "bad"),
                short(said.get("actual")) or "-",
                moment(value.time),
            ]
        )
    return section("Quality", ["Rule", "Column", "Result", "Actual", "When"], rows)


def _versions(services: Services, key: str) -> Section:
    rows: list[list[Cell]] = [
        [version.version, moment(version.first), moment(version.last)]
        for version in services.state.versions(key, limit=20)
    ]
    return section("Versions", ["Version", "First seen", "Last seen"], rows)
