"""The page on what becomes of each facet, written from the table and the readers."""

# ruff: noqa: E501 - lines of pages, not of code

from __future__ import annotations

from collections.abc import Iterator

import catalog.facets
import privacy.facets
from lineage.facts import FacetReader
from lineage.openlineage.facets import FACETS
from lineage.openlineage.fates import FATES, Fate, becomes

__all__ = ["READERS", "facet_fates"]

READERS: tuple[FacetReader, ...] = (*FACETS, *catalog.facets.FACETS, *privacy.facets.FACETS)
"""Every reader of the product."""
_OURS = "tracehold_"


def facet_fates() -> str:
    """The page on the fates of facets."""
    lines = [
        "# What becomes of each facet",
        "",
        "Every facet is kept in the journal as it came, scrubbed as [OpenLineage facets](facets.md#what-is-scrubbed) tells, and given back with its event:",
        "`tracehold journal show`, `GET /api/v1/event`. *Becomes* says what is read of it besides; *kept* means nothing is.",
        "",
        "## Standard and registry",
        "",
        "The 38 schemas of OpenLineage 2-0-2 and the six of its registry.",
        "",
        "| facet | on | becomes | why |",
        "|---|---|---|---|",
        *(_row(fate) for fate in FATES),
        "",
        "## Ours",
        "",
        "Their JSON Schemas lie in `facets/`; [`facets/registry.json`](facets/registry.json) lists them in the form of OpenLineage's registry. What they",
        "say of license, purpose, legal basis, region, retention and protected columns is sent as the standard `tags` and `ownership` too, for",
        "consumers that know no facet of ours.",
        "",
        "| facet | on | becomes |",
        "|---|---|---|",
        *_ours(),
        "",
        "## All others",
        "",
        "Unknown facets are kept and given back like any other. Names, numbers and truth values in them stay; texts are searched for what looks like",
        "personal data or a secret.",
    ]
    return "\n".join(lines) + "\n"


def _row(fate: Fate) -> str:
    return f"| `{fate.key}` | {fate.on} | {becomes(fate, READERS)} | {fate.why} |"


def _ours() -> Iterator[str]:
    places = dict.fromkeys((r.facet, r.on) for r in READERS if r.facet.startswith(_OURS))
    for facet, on in places:
        aspects = ", ".join(f"`{r.aspect}`" for r in READERS if (r.facet, r.on) == (facet, on))
        yield f"| `{facet}` | {on} | aspect {aspects} |"
