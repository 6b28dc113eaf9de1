"""Other names that a producer gives without speaking for them: set aside for a review.

A token that is bound to namespaces may say of its own datasets that they have other names there.
What reaches beyond could draw the data of others into a deletion, so it only proposes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from lineage.facts import Json
from lineage.openlineage.reach import Reach, datasets

__all__ = ["PROPOSED", "propose"]

PROPOSED: Final = "tracehold_proposedSymlinks"
"""The facet that takes what ``symlinks`` may not say; the bytes as received keep it in place."""


def propose(event: dict[str, Json], reach: Reach) -> Iterator[str]:
    """Move identifiers beyond a producer's reach from ``symlinks`` to a facet of proposals.

    Args:
        event: As read, its facets by name; changed.
        reach: Of the producer.

    Yields:
        Where a facet held such identifiers.
    """
    for place, dataset in _datasets(event):
        facets = dataset.get("facets")
        if not isinstance(facets, dict) or "symlinks" not in facets:
            continue
        facet = msgspec.json.decode(facets["symlinks"])
        if not isinstance(facet, dict) or not isinstance(facet.get("identifiers"), list):
            continue
        identifiers = facet["identifiers"]
        own = reach(dataset["namespace"])
        kept = [one for one in identifiers if own and _within(one, reach)]
        if own and len(kept) == len(identifiers):
            continue
        others = [one for one in identifiers if one not in kept]
        facets[PROPOSED] = _encoded({**facet, "identifiers": others})
        if own:
            facets["symlinks"] = _encoded({**facet, "identifiers": kept})
        else:
            # An empty one would withdraw what the owner of the dataset says.
            del facets["symlinks"]
        yield f"{place}/facets/symlinks"


def _datasets(event: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    subject = event.get("dataset") if "job" not in event else None
    if isinstance(subject, dict):
        yield "/dataset", subject
    for member in ("inputs", "outputs"):
        for place, one in datasets(event.get(member)):
            yield f"/{member}/{place}", one


def _within(identifier: Json, reach: Reach) -> bool:
    namespace = identifier.get("namespace") if isinstance(identifier, dict) else None
    return not isinstance(namespace, str) or reach(namespace)


def _encoded(facet: dict[str, Json]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(facet, order="deterministic"))
