"""Neo4j equals SQL: after any history, mirrored in any batches, both give the same answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from campaign import record
from graph_builders import Ticks
from neo4j_service import forget_workspace
from rounds import rounds
from sqlite_memory import connect

from lineage.graph.content import BySpans, contents
from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import OPEN, Edge, EdgeType, GraphDiff, Limits, Node, Spans
from lineage.graph.sql import SqlGraph, create_tables

pytestmark = [pytest.mark.neo4j, pytest.mark.campaign]

QUESTIONS = 25
SEED = 20_260_000
KEYS = [f"k{number:02}" for number in range(36)]
TYPES: tuple[EdgeType, ...] = ("FEEDS", "FEEDS_COLUMN", "HAS_COLUMN", "TRAINED_ON")


@pytest.fixture(scope="module")
def neo4j(request: pytest.FixtureRequest) -> Iterator[Neo4jGraph]:
    url = request.getfixturevalue("neo4j_url")
    engine = Neo4jGraph(url, *request.getfixturevalue("neo4j_auth"), deadline_seconds=60)
    yield engine
    engine.close()


class History:
    """A random course of changes to a graph with cycles, loops, parallel edges and intervals."""

    def __init__(self, seed: int, path: Path) -> None:
        self.chance = random.Random(seed)
        self.path = path
        self.graph = self.open()
        self.position = 0

    def open(self) -> SqlGraph:
        connection = connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        create_tables(connection)
        return SqlGraph(connection)

    def spans(self) -> Spans:
        moments = sorted(self.chance.sample(range(20), 2 * self.chance.randrange(3)))
        spans = list(zip(moments[::2], moments[1::2], strict=True))
        return (*spans, (25, OPEN)) if self.chance.random() < 0.4 else tuple(spans)

    def edge(self) -> Edge:
        chance = self.chance
        src, dst = chance.choice(KEYS), chance.choice(KEYS)
        owner, kind = chance.choice(["j1", "j2", "j3"]), chance.choice(["columns", "product"])
        props = {"direct": chance.random() < 0.5, "n": chance.randrange(3)}
        return Edge(chance.choice(TYPES), src, dst, owner, kind, props, self.spans(), self.spans())

    def change(self) -> None:
        chance = self.chance
        nodes = [
            Node(key, "Dataset" if number % 3 else "Model", {"name": chance.choice("aAbBñ")})
            for number, key in enumerate(KEYS)
            if chance.random() < 0.2
        ]
        standing = [edge.id for edge in self.graph.all_edges()]
        self.position += chance.randrange(1, 4)
        diff = GraphDiff(
            put_nodes=nodes,
            put_edges=[self.edge() for _ in range(chance.randrange(15))],
            drop_nodes=[key for key in KEYS if chance.random() < 0.04],
            drop_edges=[one for one in standing if chance.random() < 0.08],
        )
        self.graph.apply(diff, self.position)


def edges(found: Sequence[Edge]) -> list[Edge]:
    return sorted(found, key=lambda edge: edge.id)


def compare(sql: SqlGraph, neo4j: Neo4jGraph, chance: random.Random) -> None:
    """Put one random question of each kind to both."""
    starts = chance.sample(KEYS, chance.randrange(1, 3))
    direction: Any = chance.choice(["up", "down"])
    asked: dict[str, Any] = {
        "edge_type": chance.choice(["FEEDS", "FEEDS_COLUMN"]),
        "view": chance.choice(["structural", "content"]),
        "as_of": chance.randrange(30),
        "limits": chance.choice([Limits(seconds=60), Limits(depth=3, nodes=9, seconds=60)]),
    }
    ours, theirs = (one.closure(starts, direction, **asked) for one in (sql, neo4j))
    assert ours.depths == theirs.depths
    assert edges(ours.edges) == edges(theirs.edges)
    assert set(ours.truncated) == set(theirs.truncated)
    del asked["view"]
    inside = (contents(one, starts, direction, passages=BySpans(), **asked) for one in (sql, neo4j))
    assert next(inside) == next(inside)
    key, types = chance.choice(KEYS), tuple(chance.sample(TYPES, chance.randrange(3)))
    limit = chance.choice([1000, 3])
    assert list(sql.neighbors(key, edge_types=types, limit=limit)) == list(
        neo4j.neighbors(key, edge_types=types, limit=limit)
    )
    label: Any = chance.choice(["Dataset", "Model"])
    text = chance.choice(["", "A", "b", "Ñ", "z"])
    assert sql.find(label, text, limit=limit) == neo4j.find(label, text, limit=limit)
    assert sql.count_linked(label) == neo4j.count_linked(label)
    assert sql.nodes(KEYS) == neo4j.nodes(KEYS)


@pytest.mark.parametrize("part", range(2))
def test_after_any_history_both_engines_answer_alike(
    part: int, neo4j: Neo4jGraph, tmp_path: Path
) -> None:
    histories = rounds(usual=4, campaign=1_000)
    for number in range(histories):
        seed = SEED + 1_000_000 * part + number
        history = History(seed, tmp_path / f"{number}.db")
        chance = history.chance
        if chance.random() < 0.5:
            forget_workspace(empty=chance.random() < 0.5)
        ticks = Ticks()
        mirror = Mirror(history.open, neo4j, batch=chance.randrange(5, 60), monotonic=ticks)
        failed = 1
        try:
            for _ in range(chance.randrange(3, 9)):
                history.change()
                if chance.random() < 0.7:
                    mirror.step()
            while mirror.step() or mirror.status().lag:
                ticks.now += 1
            assert mirror.verify(), seed
            for _ in range(QUESTIONS):
                compare(history.graph, neo4j, chance)
            failed = 0
        finally:
            record(
                "Neo4j equals SQL",
                tried=1,
                failed=failed,
                unit="histories",
                note=f"{seed}" * failed,
            )
            history.graph.close()
            history.path.unlink()
