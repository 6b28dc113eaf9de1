"""What a trace shows of the catalog at each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catalog.decided import stale_decisions
from catalog.licenses.declared import held_license
from catalog.waivers import active_waivers
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.state.port import AspectValue, StateReader

__all__ = ["annotator", "schema_and_quality"]

_ASPECTS = (
    "license", "terms", "legal_basis", "ownership", "provenance", "model", "gate", "waiver",
    "waiver_ended", "stale",
)  # fmt: skip


def annotator(
    state: StateReader, nodes: Sequence[Node], as_of: int
) -> Mapping[str, Mapping[str, Json]]:
    """Per key: license, purposes, legal basis, owner, SHA-256, gates and waivers.

    ``stale_decisions`` names the questions on which a decision on record would be another one by
    what is known today.

    Args:
        state: The state.
        nodes: The nodes of a trace; only datasets and models are annotated.
        as_of: Epoch milliseconds.

    Returns:
        Nothing is shown where nothing is said. A license that was concluded by review is marked
        so; ``sha256`` holds the first twelve digits of the content.
    """
    keys = [node.key for node in nodes if node.label in ("Dataset", "Model")]
    aspects = state.aspects(keys, _ASPECTS, as_of)
    decided = [key for key, held in aspects.items() if "stale" in held]
    for key, held in state.aspects(decided, ("verdict",), as_of).items():
        aspects[key] |= held
    notes = {key: _note(aspects.get(key, {}), as_of) for key in keys}
    return {key: note for key, note in notes.items() if note}


def schema_and_quality(
    state: StateReader, nodes: Sequence[Node], as_of: int
) -> Mapping[str, Mapping[str, Json]]:
    """Per key of a dataset: ``columns`` with their types, ``quality`` rules with their results.

    Too much for every trace; what a comparison of two looks at.
    """
    keys = [node.key for node in nodes if node.label == "Dataset"]
    notes: dict[str, dict[str, Json]] = {}
    for key, aspects in state.aspects(keys, ("schema", "assertions"), as_of).items():
        note = notes.setdefault(key, {})
        fields = _value(aspects, "schema").get("fields")
        if isinstance(fields, list):
            note["columns"] = {
                str(one["name"]): str(one.get("type") or "")
                for one in fields
                if isinstance(one, dict) and one.get("name")
            }
        rules = {
            one.slot: "passed" if one.value.get("success") else "failed"
            for one in aspects.get("assertions", ())
            if isinstance(one.value, dict)
        }
        if rules:
            note["quality"] = rules
    return notes


def _note(aspects: Mapping[str, Sequence[AspectValue]], as_of: int) -> dict[str, Json]:
    note: dict[str, Json] = {}
    held = held_license(aspects.get("license", ()))
    if held is not None:
        mark = " (concluded)" if held.basis == "concluded" else ""
        note["license"] = held.expression + mark
    terms = _value(aspects, "terms")
    if terms.get("purposes"):
        note["purposes"] = terms["purposes"]
    bases = _value(aspects, "legal_basis").get("bases")
    if bases:
        note["legal_basis"] = ", ".join(bases)
    owners = [one["name"] for one in _value(aspects, "ownership").get("owners", ())]
    if owners:
        note["owner"] = ", ".join(owners)
    digest = _value(aspects, "provenance").get("sha256")
    digest = digest or _value(aspects, "model").get("content_sha256")
    if digest:
        note["sha256"] = str(digest)[:12]
    gates = {one.slot: str(one.value["outcome"]) for one in aspects.get("gate", ())}
    if gates:
        note["gates"] = [f"{gate} {outcome}" for gate, outcome in sorted(gates.items())]
    stale = stale_decisions(aspects)
    if stale:
        note["stale_decisions"] = stale
    waivers = active_waivers(aspects, as_of)
    if waivers:
        note["waivers"] = [f"{one} ({v.value['scope']})" for one, v in sorted(waivers.items())]
    return note


def _value(aspects: Mapping[str, Sequence[AspectValue]], name: str) -> dict[str, Json]:
    values = aspects.get(name, ())
    value = values[0].value if values else None
    return value if isinstance(value, dict) else {}
