"""What the packages declare to the fold, joined; and where its state lies."""

from __future__ import annotations

from typing import Final

import catalog.facets
import catalog.fold
import catalog.projections
import privacy.facets
import privacy.fold
import privacy.projections
from lineage.state.registry import Registry

__all__ = ["STATE", "make_registry"]

STATE: Final = "state.db"


def make_registry() -> Registry:
    """What all packages declare, joined."""
    return Registry(
        facts=(*catalog.fold.FACTS, *privacy.fold.FACTS),
        facets=(*catalog.facets.FACETS, *privacy.facets.FACETS),
        projections=(*catalog.projections.PROJECTIONS, *privacy.projections.PROJECTIONS),
    )
