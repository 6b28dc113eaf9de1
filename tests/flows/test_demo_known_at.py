"""The demo estate as it was known on the way: equal to a replay of its journal to there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_estate import demo_workspace  # noqa: F401 - a fixture
from rounds import rounds

from lineage.errors import NotFound
from lineage.graph.port import Limits
from lineage.identity import Label
from lineage.state.known_at import KnownAt, known_at, replayed
from lineage.trace.model import Coverage
from lineage.trace.names import reference
from lineage.trace.render import as_json
from lineage.trace.walk import trace
from tracehold.bootstrap import open_services
from tracehold.questions.lineage import ANNOTATORS
from tracehold.services import Services
from tracehold.settings import load

WIDE = Limits(depth=100, nodes=10_000, seconds=60)
POSITIONS = rounds(usual=2, minutes=6, campaign=24)
LABELS: tuple[Label, ...] = ("Dataset", "Model")


@pytest.fixture
def services(demo_workspace: Path) -> Iterator[Services]:  # noqa: F811 - a fixture
    with open_services(load(demo_workspace, environ={}), write=False) as opened:
        yield opened


def told(services: Services, known: KnownAt, ref: Any, **asked: Any) -> dict[str, Any] | str:
    try:
        found = trace(
            known.graph, known.state, services.identity, ref, limits=WIDE,
            coverage=Coverage(0, 0, 0, 0), annotators=ANNOTATORS, **asked,
        )  # fmt: skip
    except NotFound:
        return "unknown"
    return as_json(found)


@pytest.mark.campaign
def test_every_trace_of_the_demo_as_it_was_known_equals_a_replay(services: Services) -> None:
    size = services.state.position()
    nodes = [node for label in LABELS for node in services.state.list_nodes(label, limit=500)]
    refs = [ref for ref in map(reference, nodes) if ref is not None]
    as_of = services.clock()
    compared = 0
    for number in range(1, POSITIONS + 1):
        position = size * number // (POSITIONS + 1)
        with replayed(
            services.journal, services.registry, services.identity, position=position
        ) as whole:
            for place, ref in enumerate(refs):
                with known_at(
                    services.journal, services.state, services.registry, services.identity,
                    starts=[ref.key(services.identity)], position=position, limits=WIDE,
                ) as part:  # fmt: skip
                    assert part.truncated == ()
                    for direction in ("up", "down"):
                        asked = {
                            "direction": direction,
                            "view": ("structural", "content")[(place + number) % 2],
                            "columns": place % 3 == 0,
                            "as_of": as_of,
                        }
                        then = told(services, part, ref, **asked)
                        assert then == told(services, whole, ref, **asked), (str(ref), asked)
                        compared += then != "unknown"
    assert compared > len(refs)
