"""A state that changes and a Neo4j that follows it, for tests of what befalls a mirror."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graph_builders import Ticks, dataset, feeds
from neo4j_service import Neo4jAddress, forget_workspace
from sqlite_memory import connect
from tcp_gate import TcpGate

from lineage.graph.mirror import LONGEST_WAIT, Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import GraphDiff, Limits
from lineage.graph.sql import SqlGraph, create_tables

__all__ = ["State", "Target", "behind", "catch_up", "engines", "every_call"]

Target = Callable[..., Neo4jGraph]


class State:
    """A state file with a graph, and what opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.graph = self.open()

    def open(self) -> SqlGraph:
        connection = connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        create_tables(connection)
        return SqlGraph(connection)

    def change(self, diff: GraphDiff) -> None:
        self.position += 1
        self.graph.apply(diff, self.position)

    def churn(self, chance: random.Random, size: int = 40) -> None:
        """Some change: nodes and edges come, change and go."""
        keys = [f"k{number:03}" for number in range(120)]
        pairs = {tuple(chance.sample(keys, 2)) for _ in range(size)}
        edges = [
            feeds(a, b, structural=((chance.randrange(9), 10),), job=chance.random())
            for a, b in pairs
        ]
        gone = [edge.id for edge in self.graph.all_edges() if chance.random() < 0.1]
        nodes = [dataset(key, turn=self.position) for key in chance.sample(keys, size)]
        self.change(GraphDiff(nodes, edges, chance.sample(keys, 3), gone))


@contextmanager
def engines(address: Neo4jAddress) -> Iterator[Target]:
    """Makes engines on a Neo4j, which is empty at first; all are closed at the end."""
    made: list[Neo4jGraph] = []

    def make(url: str = "", password: str = "", **named: Any) -> Neo4jGraph:
        engine = Neo4jGraph(
            url or address.url,
            named.pop("user", address.user),
            password or address.password,
            **{"deadline_seconds": 60, **named},
        )
        made.append(engine)
        return engine

    forget_workspace(empty=True)
    yield make
    for engine in made:
        engine.close()
    gc.collect()


def behind(gate: TcpGate) -> str:
    return f"bolt://127.0.0.1:{gate.port}"


def catch_up(mirror: Mirror, ticks: Ticks | None = None, *, steps: int = 400) -> None:
    """Step until it is level, however often it has to wait; time passes as fast as it likes."""
    for _ in range(steps):
        if mirror.step():
            continue
        status = mirror.status()
        if status.state == "following" and status.lag == 0:
            return
        if ticks is None:
            time.sleep(0.1)
        else:
            ticks.now += LONGEST_WAIT
            time.sleep(0.02)
    raise AssertionError(mirror.status())


def every_call(graph: Neo4jGraph) -> dict[str, Callable[[], object]]:
    return {
        "meta": graph.meta,
        "position": graph.position,
        "digest": graph.digest,
        "nodes": lambda: graph.nodes(["n001"]),
        "neighbors": lambda: graph.neighbors("n001"),
        "find": lambda: graph.find("Dataset"),
        "count_linked": lambda: graph.count_linked("Dataset"),
        "rows": lambda: graph.rows("", "z"),
        "closure": lambda: graph.closure(
            ["n002"], "up", edge_type="FEEDS", view="content", as_of=1, limits=Limits(seconds=900)
        ),
        "begin": graph.begin,
        "add": lambda: graph.add([dataset("more")], []),
        "apply": lambda: graph.apply(GraphDiff([dataset("more")]), 2),
        "load": lambda: graph.load([], [], 0),
    }
