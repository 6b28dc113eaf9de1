"""What a trace shows of privacy at each node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.state.port import AspectValue, StateReader
from privacy.findings import Known, known_findings
from privacy.holds import active_holds

__all__ = ["annotator"]

_ASPECTS = ("retention", "purged", "affected", "deidentification", "scan")


def annotator(
    state: StateReader, nodes: Sequence[Node], as_of: int
) -> Mapping[str, Mapping[str, Json]]:
    """Per key: ``pii``, ``retention``, ``holds``, ``purged``, ``deidentified``, ``deletion``.

    Args:
        state: The state.
        nodes: The nodes of a trace; only datasets and models are annotated.
        as_of: Epoch milliseconds.

    Returns:
        ``pii`` maps an entity type to the columns in which it is confirmed, and is an empty object
        where a scan found none; it is absent where nobody looked. ``holds`` names holds placed on
        the node itself.
    """
    keys = [node.key for node in nodes if node.label in ("Dataset", "Model")]
    found = known_findings(state, keys, as_of)
    aspects = state.aspects(keys, _ASPECTS, as_of)
    holds: dict[str, list[str]] = {}
    for hold in active_holds(state, as_of):
        for key in hold.scope_keys:
            holds.setdefault(key, []).append(hold.hold)
    notes: dict[str, dict[str, Json]] = {}
    for key in keys:
        held = aspects.get(key, {})
        note = {name: _NOTES[name](values) for name, values in held.items() if name in _NOTES}
        note = {_NAMES.get(name, name): value for name, value in note.items()}
        confirmed = _confirmed(found.get(key, []))
        if confirmed or "scan" in held:
            note["pii"] = confirmed
        if key in holds:
            note["holds"] = sorted(holds[key])
        if note:
            notes[key] = note
    return notes


def _confirmed(found: Sequence[Known]) -> dict[str, list[str]]:
    confirmed: dict[str, list[str]] = {}
    for known in found:
        if known.tier == "confirmed":
            confirmed.setdefault(known.entity, []).append(known.column)
    return confirmed


def _retention(values: Sequence[AspectValue]) -> Json:
    return {name: values[0].value.get(name, "") for name in ("class", "due")}


def _purged(values: Sequence[AspectValue]) -> Json:
    return {"case": values[0].value["case"], "at": format_millis(values[0].time)}


def _affected(values: Sequence[AspectValue]) -> Json:
    return [{"case": value.slot, **value.value} for value in values]


def _deidentified(values: Sequence[AspectValue]) -> Json:
    return {value.slot: str(value.value.get("operator", "")) for value in values}


_NOTES: dict[str, Callable[[Sequence[AspectValue]], Json]] = {
    "retention": _retention,
    "purged": _purged,
    "affected": _affected,
    "deidentification": _deidentified,
}
_NAMES = {"affected": "deletion", "deidentification": "deidentified"}
