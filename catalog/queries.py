"""Listings of datasets and models: the rows that the command line and the pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from catalog.licenses.declared import held_license
from catalog.waivers import active_waivers
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.state.port import AspectValue, StateReader
from lineage.trace.names import reference_text

__all__ = ["DatasetRow", "ModelRow", "dataset_rows", "model_rows"]

_DATASET = ("license", "terms", "ownership", "provenance", "statistics", "retention", "assertions")
_MODEL = ("model", "ownership", "verdict", "waiver", "waiver_ended")


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One dataset, as a listing shows it; empty texts and None where nothing is said.

    Attributes:
        ref: Reference.
        key: Key of the node, to ask on.
        name: Name within its namespace.
        license: The license that holds.
        basis: ``declared`` or ``concluded``.
        owner: Owners, joined by commas.
        purposes: Purposes allowed.
        retention: Retention class that its facet or a decision names.
        rows: Count of rows of the last version.
        source: URI that it came from.
        quality: ``passed``, ``failed``, or empty where no rule was evaluated.
    """

    ref: str
    key: str
    name: str
    license: str
    basis: str
    owner: str
    purposes: tuple[str, ...]
    retention: str
    rows: int | None
    source: str
    quality: str

    def as_dict(self) -> dict[str, Json]:
        """The row as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One version of a model, as a listing shows it.

    Attributes:
        ref: Reference.
        key: Key of the node.
        name: Of the model.
        version: Of the model.
        owner: Owners, joined by commas.
        purpose: The use it was trained for.
        framework: Library and version.
        content_sha256: Of the artifact.
        verdicts: Question → the verdict recorded last.
        waivers: Ids of waivers in force.
    """

    ref: str
    key: str
    name: str
    version: str
    owner: str
    purpose: str
    framework: str
    content_sha256: str
    verdicts: Mapping[str, str]
    waivers: tuple[str, ...]

    def as_dict(self) -> dict[str, Json]:
        """The row as JSON."""
        return {**asdict(self), "verdicts": dict(self.verdicts)}


def dataset_rows(
    state: StateReader, *, text: str = "", after: str = "", limit: int = 100
) -> list[DatasetRow]:
    """Datasets by name.

    Args:
        state: The state.
        text: Part of the name; empty for all.
        after: Key of the last row seen, to go on.
        limit: How many at most.
    """
    nodes = state.list_nodes("Dataset", text=text, after=after, limit=limit)
    aspects = state.aspects([node.key for node in nodes], _DATASET)
    return [_dataset(node, aspects.get(node.key, {})) for node in nodes]


def model_rows(
    state: StateReader, *, as_of: int, text: str = "", after: str = "", limit: int = 100
) -> list[ModelRow]:
    """Versions of models by name.

    Args:
        state: The state.
        as_of: Epoch milliseconds; decides which waivers are in force.
        text: Part of the name; empty for all.
        after: Key of the last row seen, to go on.
        limit: How many at most.
    """
    nodes = state.list_nodes("Model", text=text, after=after, limit=limit)
    aspects = state.aspects([node.key for node in nodes], _MODEL)
    return [_model(node, aspects.get(node.key, {}), as_of) for node in nodes]


_Aspects = Mapping[str, Sequence[AspectValue]]


def _dataset(node: Node, aspects: _Aspects) -> DatasetRow:
    held = held_license(aspects.get("license", ()))
    passed = [bool(one.value.get("success")) for one in aspects.get("assertions", ())]
    rows = _value(aspects, "statistics").get("rows")
    return DatasetRow(
        ref=reference_text(node, node.key),
        key=node.key,
        name=str(node.props.get("name", "")),
        license=held.expression if held else "",
        basis=held.basis if held else "",
        owner=_owner(aspects),
        purposes=tuple(_value(aspects, "terms").get("purposes", ())),
        retention=str(_value(aspects, "retention").get("class", "")),
        rows=rows if isinstance(rows, int) else None,
        source=str(_value(aspects, "provenance").get("uri", "")),
        quality="" if not passed else "passed" if all(passed) else "failed",
    )


def _model(node: Node, aspects: _Aspects, as_of: int) -> ModelRow:
    said = _value(aspects, "model")
    return ModelRow(
        ref=reference_text(node, node.key),
        key=node.key,
        name=str(node.props.get("name", "")),
        version=str(node.props.get("version", "")),
        owner=_owner(aspects),
        purpose=str(said.get("purpose", "")),
        framework=str(said.get("framework", "")),
        content_sha256=str(said.get("content_sha256", "")),
        verdicts={v.slot: str(v.value.get("verdict", "")) for v in aspects.get("verdict", ())},
        waivers=tuple(sorted(active_waivers(aspects, as_of))),
    )


def _owner(aspects: _Aspects) -> str:
    return ", ".join(one["name"] for one in _value(aspects, "ownership").get("owners", ()))


def _value(aspects: _Aspects, name: str) -> dict[str, Json]:
    values = aspects.get(name, ())
    value = values[0].value if values else None
    return value if isinstance(value, dict) else {}
