"""A real Neo4j on this machine, for trying out and for tests."""

from __future__ import annotations

from tracehold.neo4j.launcher import start, status, stop
from tracehold.neo4j.record import LocalNeo4j

__all__ = ["LocalNeo4j", "start", "status", "stop"]
