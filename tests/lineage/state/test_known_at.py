"""The state as it was known: equal to a replay of the journal, at the cost of what is reached."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from histories import REGISTRY, TABLES, Said, fact_sets
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import (
    IDENTITY,
    NS,
    ListedJournal,
    World,
    at,
    column,
    dataset,
    run_event,
    table,
)
from quick_states import memory_state, quick_states
from rounds import rounds

from lineage.errors import InvalidInput, NotFound
from lineage.facts import Fact
from lineage.graph.port import Limits
from lineage.journal.port import Head
from lineage.refs import ColumnRef, DatasetRef, Ref
from lineage.state.advance import Folder
from lineage.state.known_at import NEAR, KnownAt, known_at, position_at, replayed
from lineage.trace.model import Coverage
from lineage.trace.render import as_json
from lineage.trace.walk import trace

WIDE = Limits(depth=100, nodes=1000, seconds=60)
NAMES = (*TABLES, "e", "f")
JOBS = ("one", "two", "three", "four", "five")
MOMENTS = (0, at(2), at(5), at(8), at(20))
ASPECTS = (
    "schema", "ownership", "write_mode", "terms", "purged", "version", "lifecycle", "hold",
)  # fmt: skip
NO_COVERAGE = Coverage(0, 0, 0, 0)


def traced(known: KnownAt, ref: Ref, **asked: Any) -> dict[str, Any] | str:
    try:
        found = trace(
            known.graph, known.state, IDENTITY, ref, limits=WIDE, coverage=NO_COVERAGE, **asked
        )
    except NotFound:
        return "unknown"
    answer = as_json(found)
    answer["said"] = {
        node.key: {
            "aspects": known.state.aspects([node.key], ASPECTS, asked["as_of"]),
            "history": [known.state.history(node.key, aspect) for aspect in ASPECTS],
            "node": known.state.node(node.key),
            "holds": [e.id for e in known.graph.neighbors(node.key, edge_types=("HELD_BY",))],
        }
        for node in found.nodes
    }
    return answer


@settings(max_examples=rounds(usual=60, campaign=6_000))
@given(fact_sets(NAMES, JOBS, mixed=True), st.randoms(use_true_random=True))
def test_what_was_known_at_a_position_equals_a_replay_to_it(
    facts: list[Fact], chance: random.Random
) -> None:
    position = chance.randint(0, len(facts))
    name = chance.choice(NAMES)
    ref: Ref = DatasetRef(NS, name)
    if chance.random() < 0.5:
        ref = ColumnRef(NS, name, chance.choice("xy"))
    journal: Any = ListedJournal(facts)
    with quick_states():
        state = memory_state()
        Folder(journal, state, REGISTRY, IDENTITY).catch_up(chance.choice([1, 3, 99]))
        with replayed(journal, REGISTRY, IDENTITY, position=position) as whole:
            for direction in ("up", "down"):
                with known_at(
                    journal, state, REGISTRY, IDENTITY, starts=[ref.key(IDENTITY)],
                    position=position, limits=WIDE, directions=[direction],
                ) as part:  # fmt: skip
                    assert part.truncated == ()
                    assert part.facts <= position
                    assert part.state.position() == position
                    for view in ("structural", "content"):
                        for columns in (False, True):
                            asked = {
                                "direction": direction,
                                "view": view,
                                "columns": columns,
                                "as_of": chance.choice(MOMENTS),
                            }
                            assert traced(part, ref, **asked) == traced(whole, ref, **asked)
        state.close()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[World]:
    """a → b → c, and a job beside them; then b is made from something else."""
    world = World(tmp_path)
    world.send(
        run_event("COMPLETE", 1, job="ab", run="1", inputs=["a"], outputs=["b"]),
        run_event("COMPLETE", 2, job="bc", run="2", inputs=["b"], outputs=["c"]),
        run_event("COMPLETE", 3, job="beside", run="3", inputs=["x"], outputs=["y"]),
        run_event("COMPLETE", 1.5, job="ab", run="4", inputs=["z"], outputs=["b"]),
    )
    yield world
    world.close()


def known(world: World, name: str, position: int, **asked: Any) -> Any:
    journal: Any = world.journal
    return known_at(
        journal, world.state, world.registry, IDENTITY,
        starts=[table(name)], position=position, **{"limits": WIDE, **asked},
    )  # fmt: skip


def feeds(then: KnownAt) -> set[tuple[str, str]]:
    names = {node.key: str(node.props["name"]) for node in then.graph.all_nodes()}
    return {(names[e.src], names[e.dst]) for e in then.graph.all_edges() if e.type == "FEEDS"}


def test_facts_behind_the_position_are_not_known(chain: World) -> None:
    with known(chain, "c", 3) as then:
        assert feeds(then) == {("a", "b"), ("b", "c")}
        assert (then.state.position(), then.position) == (3, 3)
    with known(chain, "c", 4) as then:
        assert feeds(then) == {("a", "b"), ("b", "c"), ("z", "b")}


def test_only_what_is_reached_is_folded_again(chain: World) -> None:
    with known(chain, "c", 4) as then:
        assert then.facts == 3
    with known(chain, "y", 4) as then:
        assert then.facts == 1
    with known(chain, "b", 4, directions=["up"]) as then:
        assert then.facts == 3
    with known(chain, "a", 4, directions=["up"]) as then:
        # The one that names it, for it is known by that.
        assert then.facts == 1


def test_at_position_0_nothing_is_known(chain: World) -> None:
    with known(chain, "c", 0) as then:
        assert list(then.graph.all_nodes()) == []
        assert (then.facts, then.truncated) == (0, ())


@pytest.mark.parametrize("position", [-1, 5])
def test_nothing_was_known_at_a_position_that_there_is_not(chain: World, position: int) -> None:
    with pytest.raises(InvalidInput), known(chain, "c", position):
        pass


def test_a_replay_past_the_end_is_refused(chain: World) -> None:
    journal: Any = chain.journal
    with pytest.raises(InvalidInput), replayed(journal, REGISTRY, IDENTITY, position=5):
        pass


def test_the_state_of_now_stays_as_it_is(chain: World) -> None:
    before = chain.state.digest()
    with known(chain, "c", 2):
        pass
    assert (chain.state.digest(), chain.state.position()) == (before, 4)


def test_too_many_facts_are_named_and_the_newest_are_taken(chain: World) -> None:
    with known(chain, "c", 4, most_facts=1, directions=["up"]) as then:
        assert then.truncated == ("facts",)
        assert then.facts <= 1
    with known(chain, "c", 4, most_facts=3, directions=["up"]) as then:
        assert (then.truncated, then.facts) == ((), 3)


def test_too_many_nodes_are_named(chain: World) -> None:
    with known(chain, "c", 4, limits=Limits(nodes=2, seconds=60)) as then:
        assert then.truncated == ("nodes",)
    with known(chain, "c", 4, limits=Limits(nodes=4, seconds=60)) as then:
        assert then.truncated == ()


def test_of_too_many_nodes_no_more_are_looked_at(tmp_path: Path) -> None:
    leaves = [f"leaf-{number}" for number in range(9)]
    fan = run_event("COMPLETE", 1, job="fan", inputs=["root"], outputs=leaves)
    on = (
        run_event("COMPLETE", 2, job=f"{leaf}-job", inputs=[leaf], outputs=[f"{leaf}-end"])
        for leaf in leaves
    )
    world = World(tmp_path).send(fan, *on)
    limits = Limits(nodes=3, seconds=60)
    with known(world, "root", 10, limits=limits, directions=["down"]) as then:
        assert (then.truncated, then.facts) == (("nodes",), 3)
    world.close()


class Reading(ListedJournal):
    """A journal that notes what is read."""

    def __init__(self, facts: list[Fact]) -> None:
        super().__init__(facts)
        self.asked: list[tuple[int, int]] = []

    def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
        self.asked.append((after, limit))
        return super().read(after, limit)


def test_facts_that_lie_near_each_other_are_read_in_one_piece(tmp_path: Path) -> None:
    far = [run_event("COMPLETE", 1, job=f"far-{n}", run=f"{n}") for n in range(NEAR + 1)]
    made, again, more = (
        run_event("COMPLETE", n, job="ab", run=f"ab-{n}", inputs=["a"], outputs=["b"])
        for n in range(3)
    )
    world = World(tmp_path).send(made, *far[:NEAR], again, far[NEAR], more)
    journal: Any = Reading(world.journal.facts)
    with known_at(
        journal, world.state, world.registry, IDENTITY,
        starts=[table("b")], position=NEAR + 4, limits=WIDE,
    ) as then:  # fmt: skip
        assert then.facts == 3
    assert journal.asked == [(NEAR + 1, 3), (0, 1)]
    world.close()


def test_an_edge_beyond_the_depth_ends_when_it_did(tmp_path: Path) -> None:
    world = World(tmp_path, REGISTRY).send(run_event("COMPLETE", 1, inputs=["a"], outputs=["b"]))
    purge = msgspec.json.encode(Said("b", "purged", {"case": "1"}))
    world.journal.facts.append(
        Fact(2, "fact-2", "test.said/1", "p", None, at(2), at(2), purge)
    )  # fmt: skip
    world.folder.catch_up()
    limits = Limits(depth=0, seconds=60)
    with known(world, "a", 2, limits=limits, directions=["down"]) as then:
        [edge] = then.graph.neighbors(table("a"), edge_types=("FEEDS",))
        assert edge.content == ((at(1), at(2)),)
    world.close()


def test_too_long_is_named(chain: World) -> None:
    clock = iter(range(0, 1_000, 10))
    with known(chain, "c", 4, limits=Limits(seconds=5), monotonic=lambda: next(clock)) as then:
        assert then.truncated == ("time",)


def test_a_depth_bounds_what_is_loaded_and_the_edges_beyond_are_known(chain: World) -> None:
    with known(chain, "c", 4, limits=Limits(depth=1, seconds=60), directions=["up"]) as then:
        assert ("a", "b") in feeds(then)


def test_a_column_starts_at_its_dataset(chain: World) -> None:
    chain.send(run_event("COMPLETE", 5, run="9", outputs=[dataset("w", columns=["x"])]))
    journal: Any = chain.journal
    with known_at(
        journal, chain.state, chain.registry, IDENTITY,
        starts=[column("w", "x")], position=5, limits=WIDE,
    ) as one, known(chain, "w", 5) as other:  # fmt: skip
        assert one.state.digest() == other.state.digest()


class Timed(ListedJournal):
    """A journal with a head."""

    def head(self) -> Head:
        return Head(len(self.facts), b"")


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(-5, 60))
def test_a_moment_is_the_last_position_recorded_not_after_it(times: list[int], moment: int) -> None:
    facts = [
        Fact(n, f"f{n}", "k/1", "a", None, None, time, None)
        for n, time in enumerate(sorted(times), 1)
    ]
    journal: Any = Timed(facts)
    expected = sum(time <= moment for time in times)
    assert position_at(journal, moment) == expected
