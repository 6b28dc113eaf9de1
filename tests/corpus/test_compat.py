"""The consumer scenarios of OpenLineage/compatibility-tests: one state in any order, and the right
one. What is expected is written out by hand from the events."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from compat_expected import EXPECTED, SCENARIOS, sent
from openlineage_events import World

pytestmark = pytest.mark.corpus

if not SCENARIOS.is_dir():
    pytest.skip("../shared/corpus is not here", allow_module_level=True)


def shuffled(events: list[bytes]) -> list[bytes]:
    return random.Random("a scenario").sample(events, len(events))


ORDERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "by file name": list,
    "reversed": lambda events: events[::-1],
    "shuffled": shuffled,
    "doubled": lambda events: [*events, *events],
}


def test_every_scenario_is_expected() -> None:
    assert sorted(path.name for path in SCENARIOS.iterdir()) == sorted(EXPECTED)
    assert sum(len(sent(scenario)) for scenario in EXPECTED) == 74


@pytest.mark.parametrize("scenario", EXPECTED)
def test_a_scenario_gives_one_state_in_any_order(scenario: str, tmp_path: Path) -> None:
    digests = {}
    for order, arranged in ORDERS.items():
        world = World(tmp_path).send(*arranged(sent(scenario)), batch=3)
        assert world.state.stuck() == [], order
        digests[order] = world.state.digest()
        world.close()
    assert len(set(digests.values())) == 1, digests


def named(world: World) -> dict[str, str]:
    names = {}
    for node in world.state.graph.all_nodes():
        props: Any = node.props
        if node.label == "Dataset":
            names[node.key] = f"{props['namespace']} {props['name']}"
        elif node.label == "Column":
            names[node.key] = f"{props['namespace']} {props['name']} {props['field']}"
        elif node.label == "Job":
            names[node.key] = str(props["name"])
    return names


@pytest.mark.parametrize("scenario", EXPECTED)
@pytest.mark.parametrize("order", ORDERS)
def test_a_scenario_shows_the_nodes_and_edges_that_its_events_tell(
    scenario: str, order: str, tmp_path: Path
) -> None:
    want = EXPECTED[scenario]
    world = World(tmp_path).send(*ORDERS[order](sent(scenario)))
    names = named(world)
    edges = list(world.state.graph.all_edges())

    def between(kind: str) -> list[tuple[str, str, Any]]:
        return [(names[e.src], names[e.dst], e) for e in edges if e.type == kind]

    jobs = world.state.list_nodes("Job", limit=1000)
    assert {(job.props["namespace"], job.props["name"]) for job in jobs} == {
        (want.namespace, job) for job in want.jobs
    }
    assert {ends[:2] for ends in between("CHILD_OF")} == want.inside
    moved = {src for src, _, _ in between("READ")} | {dst for _, dst, _ in between("WROTE")}
    assert moved == want.datasets
    feeds = {(src, dst, edge.kind) for src, dst, edge in between("FEEDS")}
    assert feeds == want.feeds
    columns = {(src, dst): edge.props["direct"] for src, dst, edge in between("FEEDS_COLUMN")}
    assert columns == want.columns
    assert {edge.props["masking"] for _, _, edge in between("FEEDS_COLUMN")} <= {False, "unknown"}
    assert {ends[:2] for ends in between("SAME_AS")} == want.names
    runs: Sequence[Any] = world.state.runs(limit=1000)
    assert [run.state for run in runs] == ["COMPLETE"] * want.runs
    world.close()


def test_masking_that_a_producer_does_not_tell_is_unknown(tmp_path: Path) -> None:
    world = World(tmp_path).send(*sent("airflow"))
    assert {e.props["masking"] for e in world.edges("FEEDS_COLUMN").values()} == {"unknown"}
    world.close()


def test_a_symlink_of_a_drop_gives_way_to_that_of_the_table_created_after(tmp_path: Path) -> None:
    world = World(tmp_path).send(*sent("spark_dataproc_simple_producer_test_complete"))
    names = named(world)
    standing = {
        names[edge.dst]
        for edge in world.state.graph.all_edges()
        if edge.type == "SAME_AS" and edge.structural[-1][1] > 4_000_000_000_000
    }
    assert standing == {
        f"hive://dataproc-producer-test-m:9083 default.{name}" for name in ("t1", "t2")
    }
    world.close()
