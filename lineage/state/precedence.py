"""Who is believed where sources disagree: one table, here and in ``docs/reference/state.md``.

Per aspect the sources in falling order. Within one source the latest point counts. Nothing is
overwritten: what loses is shown beside what holds.
"""

from __future__ import annotations

from typing import Final

from lineage.facts import Source

__all__ = ["DEFAULT", "OBSERVED", "PRECEDENCE", "rank"]

DEFAULT: Final[tuple[Source, ...]] = ("decision", "ui", "manifest", "scan", "facet", "import")
"""People decide, policy files declare, machines observe, imports repeat others."""

OBSERVED: Final[tuple[Source, ...]] = ("decision", "facet", "scan", "ui", "manifest", "import")
"""For what a run saw with its own eyes, observation beats declaration."""

_SCANNED: Final[tuple[Source, ...]] = ("decision", "ui", "scan", "facet", "manifest", "import")

PRECEDENCE: Final[dict[str, tuple[Source, ...]]] = {
    "schema": OBSERVED,
    "statistics": OBSERVED,
    "metrics": OBSERVED,
    "version": OBSERVED,
    "lifecycle": OBSERVED,
    "assertions": OBSERVED,
    "pii": _SCANNED,
}


def rank(aspect: str, source: Source) -> int:
    """Place of a source for an aspect; the smallest is believed."""
    return PRECEDENCE.get(aspect, DEFAULT).index(source)
