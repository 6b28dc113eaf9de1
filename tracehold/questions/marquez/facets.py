"""Facets given back as they were received, from the facts that carried them.

The state keeps what it reads; everything else of a facet is in the journal. A facet of which the
part was erased is gone here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from lineage.facts import Json
from lineage.openlineage.read import KIND
from lineage.openlineage.view import DatasetView, EventView, FacetBytes, view
from lineage.state.listing import Listing
from tracehold.questions.marquez.seen import seen_facets
from tracehold.services import Services

__all__ = ["RunFacets", "facets_of_run", "newest_facets"]

EVENTS: Final = 8
"""Newest events of a dataset or job that are looked at, one per distinct form."""
Name = tuple[str, str]


@dataclass(slots=True)
class RunFacets:
    """Facets of a run, of its job, and by dataset those of its inputs and outputs."""

    run: dict[str, Json] = field(default_factory=dict)
    job: dict[str, Json] = field(default_factory=dict)
    inputs: dict[Name, dict[str, Json]] = field(default_factory=dict)
    outputs: dict[Name, dict[str, Json]] = field(default_factory=dict)


def facets_of_run(services: Services, positions: Iterable[int], run_id: str) -> RunFacets:
    """What the events of a run say; of the same facet the later event counts.

    Args:
        services: The workspace.
        positions: Of the facts.
        run_id: Events of another run are passed over.
    """
    found = RunFacets()
    for event in _events(services, positions):
        if event.run is None or event.run.runId != run_id:
            continue
        _take(found.run, event.run.facets)
        _take(found.job, event.job.facets if event.job else None)
        for one in event.inputs or ():
            _take(found.inputs.setdefault((one.namespace, one.name), {}), one.inputFacets)
        for one in event.outputs or ():
            _take(found.outputs.setdefault((one.namespace, one.name), {}), one.outputFacets)
    return found


def newest_facets(
    services: Services, listing: Listing, key: str, name: Name, *, job: bool = False
) -> dict[str, Json]:
    """The facets of a dataset or job, as its newest events have them."""
    found: dict[str, Json] = {}
    for event in _events(services, listing.newest_facts(key, limit=EVENTS)):
        if job:
            if event.job is not None and (event.job.namespace, event.job.name) == name:
                _take(found, event.job.facets)
            continue
        for one in _datasets(event):
            if (one.namespace, one.name) == name:
                _take(found, one.facets)
    return seen_facets(services, found)


def _events(services: Services, positions: Iterable[int]) -> list[EventView]:
    """The events at some positions, by event time; those that are no longer there left out."""
    found: list[tuple[int, int, EventView]] = []
    for position in positions:
        [fact] = services.journal.read(position - 1, 1)
        if fact.kind == KIND and fact.body is not None:
            found.append((fact.when, position, view(fact.body).event))
    return [event for *_, event in sorted(found, key=lambda one: one[:2])]


def _datasets(event: EventView) -> Sequence[DatasetView]:
    own = [event.dataset] if event.dataset is not None else []
    return [*own, *(event.inputs or ()), *(event.outputs or ())]


def _take(into: dict[str, Json], facets: FacetBytes | None) -> None:
    for name, raw in (facets or {}).items():
        value = msgspec.json.decode(raw)
        if isinstance(value, dict) and value.get("_deleted") is True:
            into.pop(name, None)
        elif value is not None:
            into[name] = value
