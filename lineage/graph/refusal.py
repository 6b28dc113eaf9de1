"""Why Neo4j does not answer, where it is not that it cannot be reached."""

from __future__ import annotations

from lineage.errors import Unavailable

__all__ = ["GraphRefused", "TooSlow"]


class GraphRefused(Unavailable):
    """Neo4j turned us away (wrong password), or we turn it down (another workspace's graph).

    The server goes on without it, tries again now and then, and answers from SQL.
    """

    code = "graph-refused"


class TooSlow(Unavailable):
    """Neo4j would still answer, but the question cannot wait for it; SQL answers instead."""

    code = "graph-too-slow"
