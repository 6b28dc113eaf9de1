"""The demo's own facts, in any order and any number of times, leave one state."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from demo_estate import demo_workspace  # noqa: F401
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openlineage_events import ListedJournal
from rounds import rounds

from lineage.facts import Fact
from lineage.identity import Identity
from lineage.state.advance import Folder
from lineage.state.store import open_state
from tracehold.bootstrap import open_services
from tracehold.registry import make_registry
from tracehold.settings import load

pytestmark = pytest.mark.slow


def _folded(facts: Sequence[Fact], identity: Identity, batch: int) -> str:
    with TemporaryDirectory() as folder:
        state = open_state(Path(folder) / "state.db")
        try:
            Folder(ListedJournal(facts), state, make_registry(), identity).catch_up(batch)
            assert state.stuck() == []
            return state.digest()
        finally:
            state.close()


@pytest.fixture(scope="module")
def estate(demo_workspace: Path) -> tuple[list[Fact], Identity, str]:  # noqa: F811
    """The facts of the demo, its identities, and the digest of the state it left."""
    with open_services(load(demo_workspace), write=False) as services:
        facts = services.journal.read(0, 10_000)
        assert len(facts) == services.journal.head().size == services.state.position()
        return facts, services.identity, services.state.digest()


@settings(max_examples=rounds(usual=8, campaign=300), suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    repeated=st.floats(0, 1),
    batch=st.sampled_from([1, 3, 1000]),
)
def test_any_permutation_and_duplication_of_the_demo_gives_its_digest(
    estate: tuple[list[Fact], Identity, str], seed: int, repeated: float, batch: int
) -> None:
    facts, identity, digest = estate
    rng = random.Random(seed)
    order = [*facts, *(fact for fact in facts if rng.random() < repeated)]
    rng.shuffle(order)
    # Another order is another position for each fact; time and identity stay.
    placed = [replace(fact, position=place) for place, fact in enumerate(order, 1)]
    assert _folded(placed, identity, batch) == digest


def test_a_fact_less_gives_another_digest(estate: tuple[list[Fact], Identity, str]) -> None:
    facts, identity, digest = estate
    completed = [fact for fact in facts if b'"COMPLETE"' in (fact.body or b"")]
    assert _folded([fact for fact in facts if fact != completed[0]], identity, 1000) != digest
