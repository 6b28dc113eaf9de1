"""Attributes from shapes: when a facet of an entity changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lineage.facts import FacetReader, Json
from lineage.openlineage.facets import members
from lineage.state.runs import Sighting

__all__ = ["Change", "Observation", "changes", "read_value"]


@dataclass(frozen=True, slots=True)
class Observation:
    """A shape shows a facet of an entity: which aspect it fills, and the facet's digest."""

    entity_key: str
    reader: FacetReader
    digest: str


@dataclass(frozen=True, slots=True)
class Change:
    """From this moment on the facet had this digest."""

    reader: FacetReader
    digest: str
    moment: tuple[int, str]
    sighting: Sighting


def changes(seen: Iterable[tuple[Sighting, Observation]]) -> list[Change]:
    """Moments at which a facet changed, from everything seen of one entity, in any order.

    Consecutive equal values collapse into the earliest of them.
    """
    series: dict[tuple[str, str], list[tuple[tuple[int, str], str, Sighting, FacetReader]]] = {}
    for sighting, observation in seen:
        reader = observation.reader
        line = series.setdefault((reader.aspect, reader.facet), [])
        line.append((sighting.first, observation.digest, sighting, reader))
        if sighting.last != sighting.first:
            line.append((sighting.last, observation.digest, sighting, reader))
    found = []
    for line in series.values():
        line.sort(key=lambda item: (item[0], item[1], item[2].fact_id))
        current = None
        for moment, digest, sighting, reader in line:
            if digest != current:
                found.append(Change(reader, digest, moment, sighting))
                current = digest
    return found


def read_value(reader: FacetReader, facet: Json) -> Json:
    """The aspect's value of a facet; None where it is deleted, no object, or ignored."""
    if not isinstance(facet, dict) or facet.get("_deleted") is True:
        return None
    try:
        return members(facet) if reader.read is None else reader.read(facet)
    except (AttributeError, KeyError, TypeError, ValueError):
        # The facet breaks its schema: it stays in the journal and fills nothing here.
        return None
