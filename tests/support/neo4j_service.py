"""The Neo4j that tests talk to: named by the environment, emptied by whoever uses it.

Tests that take these fixtures carry ``@pytest.mark.neo4j``; they run one after the other, because
they share the one database. Each starts by emptying it: another test may have run just before.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = [
    "Neo4jAddress", "forget_workspace", "neo4j_address", "neo4j_auth", "neo4j_to_itself",
    "neo4j_url",
]  # fmt: skip


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


@contextmanager
def neo4j_to_itself() -> Iterator[None]:
    """Keep every other test process on this machine away from the same Neo4j."""
    import fcntl

    name = hashlib.sha256(os.environ["TRACEHOLD_TEST_NEO4J_URL"].encode()).hexdigest()[:16]
    with Path(tempfile.gettempdir(), f"tracehold-neo4j-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        forget_workspace()
        yield


def forget_workspace(*, empty: bool = False) -> None:
    """Let the next workspace have the test Neo4j: a graph of another one is refused.

    Args:
        empty: Leave nothing of ours in it, so that the next fill is a load and not a comparison.
    """
    from neo4j import GraphDatabase

    url = os.environ["TRACEHOLD_TEST_NEO4J_URL"]
    user = os.environ.get("TRACEHOLD_TEST_NEO4J_USER", "neo4j")
    password = os.environ["TRACEHOLD_TEST_NEO4J_PASSWORD"]
    wipe = "MATCH (n:Tracehold) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS"
    with GraphDatabase.driver(url, auth=(user, password)) as driver, driver.session() as session:
        session.run("MATCH (m:TraceholdMeta) DELETE m").consume()
        if empty:
            session.run(wipe).consume()
