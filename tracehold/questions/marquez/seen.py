"""What the answers in Marquez' form leave out for whoever may not see everything.

They quote what producers wrote, which can name anything. Whoever is limited gets the facets of
which it is known where names stand in them, without the names of what is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lineage.facts import Json
from lineage.graph.port import Node
from lineage.state.listing import Listing
from lineage.state.run_listing import RunListing
from tracehold.seeing import MASK
from tracehold.services import Services

__all__ = ["listing_of", "namespaces_of", "runs_of", "seen_event", "seen_facets"]

_TOLD: Final = frozenset({
    "schema", "documentation", "tags", "ownership", "dataSource", "datasetType", "storage",
    "version", "lifecycleStateChange", "columnLineage", "symlinks", "jobType", "nominalTime",
    "sourceCodeLocation", "parent", "processing_engine", "inputStatistics", "outputStatistics",
    "dataQualityMetrics", "dataQualityAssertions", "subset", "catalog", "lineage",
})  # fmt: skip
"""Facets in which names stand as ``namespace`` and ``name`` alone."""


def listing_of(services: Services) -> Listing:
    """The lists of what may be seen."""
    seeing = services.seeing
    if not seeing.limited:
        return Listing(services.state)
    marked = services.whole.state.nodes(list(seeing.marks))
    hidden = [key for key, node in marked.items() if not seeing.sees(node)]
    return Listing(services.state, open_places=seeing.sees_place, hidden=hidden)


def runs_of(services: Services) -> RunListing:
    """The lists of runs that may be seen."""
    return RunListing(services.state, narrowed=services.seeing.limited)


def namespaces_of(services: Services, listing: Listing) -> list[str]:
    """The namespaces of which something may be seen, by name."""
    names = listing.namespaces()
    if not services.seeing.limited:
        return names
    return [name for name in names if services.seeing.sees_place(name)]


def seen_facets(services: Services, facets: Mapping[str, Json]) -> dict[str, Json]:
    """Facets as far as who asks may see what they name."""
    if not services.seeing.limited:
        return dict(facets)
    return {
        name: _without_names(services, value) for name, value in facets.items() if name in _TOLD
    }


def seen_event(services: Services, event: Any) -> Json:
    """An event as far as who asks may see it; None where it names something hidden."""
    if not services.seeing.limited:
        return event
    if not isinstance(event, dict):
        return None
    named: list[tuple[str, Any]] = [("Job", event.get("job")), ("Dataset", event.get("dataset"))]
    for role in ("inputs", "outputs"):
        value = event.get(role)
        named += [("Dataset", one) for one in value] if isinstance(value, list) else []
    for label, one in named:
        if one is not None and not (isinstance(one, dict) and _sees(services, label, one)):
            return None
    kept = dict(event)
    for role, value in event.items():
        if isinstance(value, dict):
            kept[role] = _bare(services, value)
        elif role in ("inputs", "outputs"):
            kept[role] = [_bare(services, one) for one in value]
    return kept


def _bare(services: Services, part: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: seen_facets(services, value)
        if name.lower().endswith("facets") and isinstance(value, dict)
        else value
        for name, value in part.items()
    }


def _sees(services: Services, label: str, named: Mapping[str, Json]) -> bool:
    namespace, name = str(named.get("namespace") or ""), str(named.get("name") or "")
    if label == "Job":
        return services.seeing.sees(Node("", "Job", {"namespace": namespace}))
    key = services.identity.key("Dataset", namespace, name)
    return services.seeing.sees(Node(key, "Dataset", {"namespace": namespace}))


def _without_names(services: Services, value: Json) -> Json:
    if isinstance(value, list):
        return [_without_names(services, one) for one in value]
    if not isinstance(value, dict):
        return value
    named = isinstance(value.get("namespace"), str) and isinstance(value.get("name"), str)
    if named and not _sees(services, "Dataset", value):
        return {"namespace": MASK, "name": MASK}
    return {name: _without_names(services, one) for name, one in value.items()}
