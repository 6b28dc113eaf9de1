"""What came late is noted while somebody watches, and handed over once."""

from __future__ import annotations

import msgspec
from histories import REGISTRY, Said
from openlineage_events import World, at, job_key, run_event, table

from lineage.facts import Fact
from lineage.state.late import Late


def test_only_facts_that_hold_at_the_watched_moment_or_before_are_noted() -> None:
    world = World()
    late = world.state.late
    world.send(run_event("COMPLETE", 1, run="r1", inputs=["a"], outputs=["b"]))
    assert (late.before, late.take()) == (None, set())
    late.watch(at(5))
    assert late.before == at(5)
    world.send(run_event("COMPLETE", 6, run="r2", inputs=["x"], outputs=["y"]))
    assert late.take() == set()
    world.send(run_event("COMPLETE", 5, run="r3", inputs=["b"], outputs=["c"]))
    assert late.take() == {job_key("job"), table("b"), table("c")}
    assert late.take() == set()
    late.watch(None)
    world.send(run_event("COMPLETE", 2, run="r4", inputs=["d"], outputs=["e"]))
    assert late.take() == set()
    world.close()


def test_what_another_process_noted_is_counted_with_ones_own() -> None:
    late = Late()
    late.watch(9)
    late.note(9, ["a"])
    late.add(["b"], natives=2)
    late.add([], natives=3)
    late.lose()
    assert (late.take(), late.natives, late.losses) == ({"a", "b"}, 5, 1)


def test_what_is_said_by_a_native_fact_is_noted_and_counted() -> None:
    world = World(registry=REGISTRY)
    world.state.late.watch(at(5))
    for position, moment in ((1, 4), (2, 6)):
        body = msgspec.json.encode(Said("a", "terms", {"at": moment}))
        fact = Fact(position, f"fact-{position}", "test.said/1", "p", None, at(moment), at(9), body)
        world.journal.facts.append(fact)
        world.folder.catch_up()
        taken = world.state.late.take()
        assert (taken, world.state.late.natives) == (
            {table("a")} if moment == 4 else set(),
            position,
        )
    world.close()
