"""Pinned inputs: the exact versions that a run read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lineage.clock import format_millis
from lineage.errors import NotFound
from lineage.facts import Json
from lineage.state.pinning import facts_of_run, maker_of, pinned_inputs
from lineage.state.port import RunRow
from tracehold.bootstrap import Services
from tracehold.questions.entities import ref_of_key
from tracehold.questions.marquez.facets import facets_of_run
from tracehold.questions.question import Body, Question

__all__ = ["INPUTS"]

_PARTS: Final = "dagster_input"
"""The facet that names the version of each partition, where several were read at once."""


class AskInputs(Body, frozen=True, kw_only=True):
    """A run."""

    ref: str


def _inputs(services: Services, params: AskInputs) -> Json:
    ref, key = services.resolve(params.ref)
    run = services.state.run(key)
    if run is None:
        raise NotFound("there is no such run", where=params.ref, advice="see tracehold run list")
    said = _said(services, run)
    items: list[dict[str, Json]] = []
    for pinned in pinned_inputs(services.state.connection(), run):
        # A hidden input has another key here, of which nothing is said.
        told = said.get(pinned.dataset_key, {}) if pinned.how != "said" else {}
        parts = _partitions(services, pinned.dataset_key, told)
        made = _made(services, None if parts else pinned.run_key)
        unseen = pinned.run_key is not None and made["made_by"] is None
        items.append(
            {
                "ref": ref_of_key(services, pinned.dataset_key),
                "version": None if parts or unseen else pinned.version,
                "how": "said" if parts else pinned.how,
                **made,
                "partitions": parts,
            }
        )
    return {
        "ref": str(ref),
        "items": items,
        "exact": all(item["how"] == "said" for item in items),
        "known_at": services.state.position(),
    }


def _said(services: Services, run: RunRow) -> dict[str, Mapping[str, Json]]:
    """By the key of an input, what the run's events say of reading it."""
    positions = facts_of_run(services.state.connection(), run.key)
    said = facets_of_run(services, positions, run.run_id).inputs
    return {services.identity.key("Dataset", *name): facets for name, facets in said.items()}


def _partitions(services: Services, key: str, said: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The version of each partition that was read, in the order in which they are told."""
    facet: Any = said.get(_PARTS)
    listed = facet.get("partitions") if isinstance(facet, dict) else None
    found: list[dict[str, Json]] = []
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        name, version = one.get("partition"), one.get("version")
        if isinstance(name, str) and isinstance(version, str):
            maker = maker_of(services.state.connection(), key, version)
            found.append({"partition": name, "version": version, **_made(services, maker)})
    return found


def _made(services: Services, run_key: str | None) -> dict[str, Json]:
    maker = services.state.run(run_key) if run_key else None
    return {
        "made_by": None if maker is None else ref_of_key(services, maker.key),
        "made_at": None if maker is None or maker.ended is None else format_millis(maker.ended),
    }


INPUTS: Final[Sequence[Question]] = (
    Question("inputs", "The versions of its inputs that a run read.", AskInputs, _inputs),
)
