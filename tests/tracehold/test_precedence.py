"""The table of precedence is whole, and the documentation says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

from golden_facts import FOLDER, IDENTITY, read_fact

from lineage.facts import FoldContext
from lineage.openlineage.read import KIND
from lineage.state.native import Stuck, points_of
from lineage.state.precedence import PRECEDENCE
from tracehold.registry import make_registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "state.md"


def declared() -> set[str]:
    """Every aspect that a facet, a native fact or a projection of any package speaks of."""
    registry = make_registry()
    found = set(registry.projections)
    for place in (registry.input, registry.output, registry.subject, registry.job, registry.run):
        for side in (place.steady, place.varying):
            found |= {reader.aspect for readers in side.values() for reader in readers}
    told = set()
    for path in sorted(FOLDER.rglob("*.json")):
        fact = registry.current(read_fact(json.loads(path.read_text(encoding="utf-8"))))
        if fact.kind in registry.facts:
            points = points_of(fact, registry, FoldContext(IDENTITY))
            assert not isinstance(points, Stuck), path
            found |= {point.aspect for point in points}
        told.add(fact.kind)
    assert registry.facts.keys() | {KIND} <= told, "a kind without a golden file would be missed"
    return found


def test_every_aspect_that_a_package_declares_stands_in_the_table_and_no_other() -> None:
    # A native declaration of the write mode is read by the fold, though no package records one yet.
    assert declared() | {"write_mode"} == PRECEDENCE.keys()


def test_the_page_shows_the_table_as_it_is() -> None:
    orders: dict[tuple[str, str], list[str]] = {}
    for aspect, order in PRECEDENCE.items():
        orders.setdefault((", ".join(order.sources), order.why), []).append(f"`{aspect}`")
    rows = [
        f"| {', '.join(aspects)} | {sources} | {why} |"
        for (sources, why), aspects in orders.items()
    ]
    shown = re.findall(
        r"^\| `.*decision, .*\|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert shown == rows
