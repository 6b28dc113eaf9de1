"""The fold at work: what it tidies up behind the mirror."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from openlineage_events import World, run_event

from lineage.graph.port import GraphDiff, Node
from tracehold.advancing import Advancer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.send(*(run_event("COMPLETE", n, run=f"r{n}", outputs=[f"t{n}"]) for n in range(4)))
    graph = made.state.writer_graph()
    graph.apply(GraphDiff([Node(key, "Dataset", {"name": key}) for key in "ab"]), 2)
    graph.apply(GraphDiff(drop_nodes=["a"]), 3)
    graph.apply(GraphDiff(drop_nodes=["b"]), 4)
    yield made
    made.close()


def dropped(world: World) -> set[str]:
    rows = world.state.connection().execute("select key from node where live = 0")
    return {key for (key,) in rows} & {"a", "b"}


def one_step(advancer: Advancer) -> None:
    stop = threading.Event()
    stop.set()
    advancer.run(stop)
    assert advancer.trouble == ""


def test_without_a_mirror_what_was_dropped_is_forgotten(world: World) -> None:
    one_step(Advancer(world.folder, prune_every=4))
    assert dropped(world) == set()


def test_what_the_mirror_has_not_passed_stays(world: World) -> None:
    stands: list[int | None] = [None]
    advancer = Advancer(world.folder, followed=lambda: stands[0], prune_every=4)
    one_step(advancer)
    assert dropped(world) == {"a", "b"}
    stands[0] = 3
    one_step(advancer)
    assert dropped(world) == {"b"}


def test_it_is_tidied_up_once_in_a_while(world: World) -> None:
    advancer = Advancer(world.folder, prune_every=5)
    one_step(advancer)
    assert dropped(world) == {"a", "b"}
    world.send(run_event("COMPLETE", 9, run="r9", outputs=["t9"]))
    one_step(advancer)
    assert dropped(world) == set()
