"""A state that changes, and engines on the test Neo4j."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_world import State, Target, engines
from neo4j_service import Neo4jAddress


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / "state.db")
    yield made
    made.graph.close()


@pytest.fixture
def target(neo4j_address: Neo4jAddress) -> Iterator[Target]:
    with engines(neo4j_address) as make:
        yield make
