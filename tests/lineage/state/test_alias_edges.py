"""Other names are edges with rule and actor: they come, go and are rejected, and never merge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import NS, World, at, dataset, facet, run_event, table

from lineage.graph.content import Aliases
from lineage.graph.port import OPEN, Edge


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def named(name: str, *others: str, **more: Any) -> dict[str, Any]:
    identifiers = [{"namespace": NS, "name": other, "type": "TABLE"} for other in others]
    symlinks = facet("SymlinksDatasetFacet", identifiers=identifiers, **more)
    return dataset(name, symlinks=symlinks)


def alias(world: World, name: str, other: str) -> Edge | None:
    found: Edge | None = world.edges("SAME_AS").get((name, other))
    return found


def twins(world: World, name: str, minutes: float) -> set[str]:
    return Aliases(world.state.graph, at(minutes)).of([table(name)]) - {table(name)}


def test_an_alias_says_by_which_rule_and_by_whom(world: World) -> None:
    world.send(run_event("COMPLETE", 1, outputs=[named("t", "path")]))
    edge = alias(world, "t", "path")
    assert edge is not None
    assert edge.kind == "symlink"
    assert edge.props == {"rule": "symlinks", "actor": "producer-1", "alias": "TABLE"}
    assert edge.structural == ((at(1), OPEN),)
    assert world.state.count("Dataset") == 2


@pytest.mark.parametrize("last", [named("t"), named("t", "other"), named("t", _deleted=True)])
def test_a_producer_withdraws_an_alias_by_not_naming_it_any_more(
    world: World, last: dict[str, Any]
) -> None:
    world.send(
        run_event("COMPLETE", 1, run="1", outputs=[named("t", "path")]),
        run_event("COMPLETE", 5, run="2", outputs=[last]),
    )
    edge = alias(world, "t", "path")
    assert edge is not None
    assert edge.structural == ((at(1), at(5)),)
    # What came in under the other name may still be inside.
    assert edge.content == ((at(1), OPEN),)
    assert table("path") in twins(world, "t", 9)


def test_a_run_that_says_nothing_of_other_names_withdraws_none(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="1", outputs=[named("t", "path")]),
        run_event("COMPLETE", 5, run="2", outputs=["t"]),
    )
    edge = alias(world, "t", "path")
    assert edge is not None
    assert edge.structural == ((at(1), OPEN),)


def test_an_alias_that_comes_back_stands_in_two_intervals(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="1", outputs=[named("t", "path")]),
        run_event("COMPLETE", 9, run="3", outputs=[named("t", "path")]),
        run_event("COMPLETE", 5, run="2", outputs=[named("t")]),
    )
    edge = alias(world, "t", "path")
    assert edge is not None
    assert edge.structural == ((at(1), at(5)), (at(9), OPEN))
    assert edge.content == ((at(1), OPEN),)


def test_a_thing_is_no_alias_of_itself_nor_of_what_has_no_name(world: World) -> None:
    event = run_event("COMPLETE", 1, outputs=[named("t", "t", "")])
    event["outputs"][0]["facets"]["symlinks"]["identifiers"] += [7, {"name": "x"}]
    world.send(event)
    assert world.edges("SAME_AS") == {}


def test_aliases_are_known_from_either_end_and_not_before_they_were_said(world: World) -> None:
    world.send(run_event("COMPLETE", 3, outputs=[named("t", "path")]))
    assert twins(world, "path", 4) == {table("t")}
    assert twins(world, "path", 2) == set()
