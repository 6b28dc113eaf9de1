"""Reach: aliases, and paths that respect time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from openlineage_events import dataset
from privacy_world import MINUTE, START, World

from privacy.reach import reach_down


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def names(world: World, start: str, as_of: int = START) -> set[str]:
    reach = reach_down(world.desk.reader, world.state, [world.key(start)], as_of=as_of)
    assert not reach.truncated
    return {str(n.props["name"]) for n in world.desk.reader.nodes(sorted(reach.derived)).values()}


def test_everything_made_from_it_is_reached(world: World) -> None:
    world.emit("a", -50, ["a"], ["b"])
    world.emit("b", -40, ["b", "x"], ["c"])
    assert names(world, "a") == {"b", "c"}
    assert names(world, "x") == {"c"}


def test_what_passed_on_before_an_overwrite_is_still_there(world: World) -> None:
    world.emit("a", -50, ["a"], ["b"])
    world.emit("b", -40, ["b"], ["c"])
    world.emit("new", -30, ["x"], [dataset("b", change="OVERWRITE")])
    assert names(world, "a") == {"c"}


def test_what_was_overwritten_before_it_could_pass_on_is_not(world: World) -> None:
    world.emit("a", -50, ["a"], ["b"])
    world.emit("new", -40, ["x"], [dataset("b", change="OVERWRITE")])
    world.emit("b", -30, ["b"], ["c"])
    assert names(world, "a") == set()
    assert names(world, "a", START - 45 * MINUTE) == {"b"}


def test_a_copy_under_another_name_feeds_what_it_feeds(world: World) -> None:
    governed = world.governed("a", "a.csv")
    world.emit("ingest", -50, [], [governed])
    path = {"namespace": "file", "name": str(world.data / "a.csv"), "facets": {}}
    world.emit("reads the path", -40, [path], ["b"])
    assert names(world, "a") == {"b"}


def test_a_cycle_ends(world: World) -> None:
    world.emit("a", -50, ["a"], ["b"])
    world.emit("b", -40, ["b"], ["a"])
    world.emit("c", -30, ["b"], ["b2"])
    assert names(world, "a") == {"b", "b2"}


def test_a_limit_is_said(world: World) -> None:
    world.emit("a", -50, ["a"], [f"b{n}" for n in range(10)])
    assert reach_down(
        world.desk.reader, world.state, [world.key("a")], as_of=START, nodes=3
    ).truncated
