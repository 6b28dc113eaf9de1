"""Who is believed where sources disagree: one table, here and in ``docs/reference/state.md``.

Per aspect the sources in falling order. Within one source the latest point counts. Nothing is
overwritten: what loses is shown beside what holds. Every aspect that any package declares stands
here, with its reason; one that stands nowhere is taken like ``DECLARED``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lineage.facts import Source

__all__ = ["DEFAULT", "PRECEDENCE", "Order", "rank"]


@dataclass(frozen=True, slots=True)
class Order:
    """Who is believed, the first before all others, and why."""

    sources: tuple[Source, ...]
    why: str


DECLARED: Final = Order(
    ("decision", "ui", "manifest", "scan", "facet", "import"),
    "people decide, policy files declare, machines observe, imports repeat others",
)
DECIDED: Final = Order(
    DECLARED.sources, "recorded acts alone say so; whatever else spoke of it would lose"
)
OBSERVED: Final = Order(
    ("decision", "facet", "scan", "ui", "manifest", "import"),
    "a run saw it with its own eyes: observation beats declaration",
)
SCANNED: Final = Order(
    ("decision", "ui", "scan", "facet", "manifest", "import"),
    "a scan looked at the values; a declaration only expects what is there",
)

PRECEDENCE: Final[dict[str, Order]] = {
    # Lineage: what producers report of datasets, jobs and runs.
    "schema": OBSERVED,
    "statistics": OBSERVED,
    "metrics": OBSERVED,
    "version": OBSERVED,
    "lifecycle": OBSERVED,
    "assertions": OBSERVED,
    "gate": OBSERVED,
    "tests": OBSERVED,
    "extraction": OBSERVED,
    "source": OBSERVED,
    "storage": OBSERVED,
    "type": OBSERVED,
    "catalog": OBSERVED,
    "sql": OBSERVED,
    "code": OBSERVED,
    "error": OBSERVED,
    "ownership": DECLARED,
    "tags": DECLARED,
    "documentation": DECLARED,
    "symlinks": DECLARED,
    "symlinks_proposed": DECLARED,
    "write_mode": DECLARED,
    # Catalog: what a thing is and may be used for.
    "license": DECLARED,
    "terms": DECLARED,
    "legal_basis": DECLARED,
    "provenance": DECLARED,
    "model": DECLARED,
    "training": DECLARED,
    "alias_rule": DECIDED,
    "alias_rule_ended": DECIDED,
    "verdict": DECIDED,
    "stale": DECIDED,
    "waiver": DECIDED,
    "waiver_ended": DECIDED,
    "person": DECIDED,
    "token": DECIDED,
    "token_revoked": DECIDED,
    "login": DECIDED,
    "grant": DECIDED,
    "grant_ended": DECIDED,
    # Privacy: what must not stay, and proof that it went.
    "pii": SCANNED,
    "scan": SCANNED,
    "pii_review": DECIDED,
    "deidentification": DECLARED,
    "erasure": DECLARED,
    "retention": DECLARED,
    "hold": DECIDED,
    "case": DECIDED,
    "certificate": DECIDED,
    "affected": DECIDED,
    "purged": DECIDED,
    "tombstone": DECIDED,
    "incident": DECIDED,
}

DEFAULT: Final = DECLARED.sources


def rank(aspect: str, source: Source) -> int:
    """Place of a source for an aspect; the smallest is believed."""
    return PRECEDENCE.get(aspect, DECLARED).sources.index(source)
