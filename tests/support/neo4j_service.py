"""The Neo4j that tests talk to: named by the environment, emptied by whoever uses it.

Tests that take these fixtures carry ``@pytest.mark.neo4j``; they run one after the other in one
worker, because they share the one database.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

__all__ = ["Neo4jAddress", "neo4j_address", "neo4j_auth", "neo4j_url"]


@dataclass(frozen=True)
class Neo4jAddress:
    """Where the test Neo4j is and how to log in."""

    url: str
    user: str
    password: str


@pytest.fixture(scope="session")
def neo4j_address() -> Neo4jAddress:
    """Address and login of the test Neo4j, from ``TRACEHOLD_TEST_NEO4J_*``."""
    return Neo4jAddress(
        url=os.environ["TRACEHOLD_TEST_NEO4J_URL"],
        user=os.environ.get("TRACEHOLD_TEST_NEO4J_USER", "neo4j"),
        password=os.environ["TRACEHOLD_TEST_NEO4J_PASSWORD"],
    )


@pytest.fixture(scope="session")
def neo4j_url(neo4j_address: Neo4jAddress) -> str:
    """Bolt address of the test Neo4j."""
    return neo4j_address.url


@pytest.fixture(scope="session")
def neo4j_auth(neo4j_address: Neo4jAddress) -> tuple[str, str]:
    """User and password of the test Neo4j."""
    return neo4j_address.user, neo4j_address.password
