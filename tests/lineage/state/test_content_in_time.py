"""The content view respects time along paths, held to tables in which data really moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_data import TABLES, Step, Tables, steps_after_each_other, steps_at_once
from openlineage_events import World, at, column, dataset, job_event, run_event, table
from rounds import rounds

from lineage.graph.content import BySpans, Contents, Passages, contents
from lineage.graph.port import Direction, Limits
from lineage.state.closings import Closings

WIDE = Limits(depth=64, nodes=10_000, seconds=60.0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def ask(
    world: World,
    name: str,
    direction: Direction,
    minutes: float,
    passages: Passages | None = None,
    limits: Limits = WIDE,
) -> Contents:
    return contents(
        world.state.graph,
        [table(name)],
        direction,
        as_of=at(minutes),
        limits=limits,
        passages=passages or world.state.passages(),
    )


def into(
    world: World, name: str, minutes: float = 99, passages: Passages | None = None
) -> set[str]:
    """Names of what is inside."""
    return _names(world, ask(world, name, "up", minutes, passages).depths) - {name}


def out_of(
    world: World, name: str, minutes: float = 99, passages: Passages | None = None
) -> set[str]:
    """Names of what holds something of it."""
    return _names(world, ask(world, name, "down", minutes, passages).inside) - {name}


def _names(world: World, keys: object) -> set[str]:
    return {str(n.props["name"]) for n in world.state.graph.nodes(list(keys)).values()}  # type: ignore[call-overload]


def run(minutes: float, job: str, source: str, target: str, mode: str = "") -> dict[str, object]:
    return run_event(
        "COMPLETE",
        minutes,
        job=job,
        run=f"{job} {minutes}",
        inputs=[source],
        outputs=[dataset(target, mode=mode)],
    )


def test_a_model_keeps_what_its_training_set_held_when_it_was_trained(world: World) -> None:
    world.send(
        run(1, "fill", "old", "set", "overwrite"),
        run(2, "train", "set", "model"),
        run(3, "refill", "new", "set", "overwrite"),
    )
    assert into(world, "model") == {"set", "old"}
    assert into(world, "set") == {"new"}
    assert out_of(world, "old") == {"model"}
    assert out_of(world, "new") == {"set"}
    assert out_of(world, "old", 2.5) == {"set", "model"}
    through = ask(world, "old", "down", 99)
    assert table("set") in through.depths
    assert table("set") not in through.inside


def test_a_model_keeps_its_sources_after_a_truncation(world: World) -> None:
    gone = run_event("COMPLETE", 3, job="clear", run="c", outputs=[dataset("set", change="DROP")])
    world.send(run(1, "fill", "old", "set"), run(2, "train", "set", "model"), gone)
    assert into(world, "model") == {"set", "old"}
    assert into(world, "set") == set()


def test_what_was_appended_later_is_not_in_a_model(world: World) -> None:
    world.send(
        run(1, "fill", "first", "set"),
        run(2, "train", "set", "model"),
        run(3, "more", "second", "set"),
    )
    assert into(world, "set") == {"first", "second"}
    assert into(world, "model") == {"set", "first"}
    world.send(run(4, "train", "set", "model"))
    assert into(world, "model") == {"set", "first", "second"}


def test_a_pipeline_that_overwrites_every_night_forgets_a_former_source(world: World) -> None:
    for night in range(3):
        world.send(run(10 * night + 1, "load", "old", "raw", "overwrite"))
        world.send(run(10 * night + 2, "clean", "raw", "mart", "overwrite"))
    world.send(run(31, "load", "new", "raw", "overwrite"))
    assert into(world, "mart") == {"raw", "old"}
    world.send(run(32, "clean", "raw", "mart", "overwrite"))
    assert into(world, "mart") == {"raw", "new"}
    assert out_of(world, "old") == set()
    assert into(world, "mart", 31.5) == {"raw", "old"}


def test_a_run_that_reads_what_it_overwrites_may_write_it_back(world: World) -> None:
    merge = run_event(
        "COMPLETE", 2, job="merge", run="m",
        inputs=["mart", "new"], outputs=[dataset("mart", mode="overwrite")],
    )  # fmt: skip
    world.send(run(1, "load", "old", "mart", "overwrite"), merge)
    assert into(world, "mart") == {"old", "new"}


def test_what_comes_in_while_a_run_overwrites_may_remain(world: World) -> None:
    told = {"job": "load", "run": "l", "inputs": ["x"]}
    outputs = [dataset("mart", mode="overwrite")]
    world.send(
        run_event("COMPLETE", 9, outputs=outputs, **told),
        run(1, "early", "before", "mart"),
        run(5, "append", "meanwhile", "mart"),
    )
    assert into(world, "mart") == {"x"}
    world.send(run_event("START", 3, outputs=outputs, **told))
    assert into(world, "mart") == {"x", "meanwhile"}
    assert world.standing("content", 20) == {("x", "mart"), ("meanwhile", "mart")}


def test_what_comes_in_as_an_overwriting_run_begins_may_remain(world: World) -> None:
    outputs = [dataset("mart", mode="overwrite")]
    told = {"job": "load", "run": "l", "inputs": ["x"], "outputs": outputs}
    world.send(
        run_event("START", 3, **told),
        run_event("COMPLETE", 9, **told),
        run(2, "early", "before", "mart"),
        run(3, "append", "meanwhile", "mart"),
    )
    assert into(world, "mart") == {"x", "meanwhile"}
    assert out_of(world, "meanwhile") == {"mart"}
    assert out_of(world, "before") == set()


def test_wiring_that_was_only_declared_may_move_data_at_any_moment(world: World) -> None:
    world.send(
        job_event(1, job="declared", inputs=["set"], outputs=["model"]),
        run(3, "fill", "later", "set"),
    )
    assert into(world, "model") == {"set", "later"}
    assert out_of(world, "later") == {"set", "model"}


def test_a_run_that_has_not_ended_may_still_be_reading(world: World) -> None:
    world.send(
        run_event("START", 1, job="train", run="t", inputs=["set"], outputs=["model"]),
        run(3, "fill", "later", "set"),
    )
    assert into(world, "model") == {"set", "later"}
    assert out_of(world, "later") == {"set", "model"}


def test_columns_respect_time_too(world: World) -> None:
    def carry(minutes: float, source: str, target: str) -> dict[str, object]:
        output = dataset(target, mode="overwrite", lineage={"v": [f"{source}.v"]})
        return run_event(
            "COMPLETE", minutes, job=f"into {target}", run=f"{target} {minutes}",
            inputs=[source], outputs=[output],
        )  # fmt: skip

    world.send(carry(1, "old", "raw"), carry(2, "raw", "mart"), carry(3, "new", "raw"))
    found = contents(
        world.state.graph, [column("mart", "v")], "up", as_of=at(9), limits=WIDE,
        passages=world.state.passages(), edge_type="FEEDS_COLUMN",
    )  # fmt: skip
    assert set(found.depths) == {column("mart", "v"), column("raw", "v"), column("old", "v")}


def test_very_many_runs_are_taken_together(world: World) -> None:
    world.send(*(run(n, "append", "log", "lake") for n in range(100)))
    world.send(run(50.5, "load", "src", "log"))
    assert into(world, "lake", 200) == {"log", "src"}
    assert out_of(world, "src", 200) == {"log", "lake"}


def test_limits_are_said(world: World) -> None:
    world.send(*(run(n, f"j{n}", f"t{n}", f"t{n + 1}") for n in range(6)))
    cut = ask(world, "t6", "up", 99, limits=Limits(depth=2, nodes=99, seconds=60.0))
    assert (len(cut.depths), cut.truncated) == (3, ("depth",))
    cut = ask(world, "t6", "up", 99, limits=Limits(depth=9, nodes=3, seconds=60.0))
    assert (len(cut.depths), cut.truncated) == (3, ("nodes",))


@contextmanager
def _played(steps: list[Step]) -> Iterator[World]:
    world = World()
    for number, step in enumerate(steps):
        world.send(*step.events(number))
    yield world
    world.close()


@settings(deadline=None, max_examples=rounds(usual=60, campaign=1_500))
@given(steps_after_each_other(), st.data())
def test_where_runs_follow_each_other_the_answer_is_exact(
    steps: list[Step], data: st.DataObject
) -> None:
    moment = data.draw(st.integers(0, len(steps))) * 10 + 6
    truth = Tables().play(steps, moment)
    with _played(steps) as world:
        for name in TABLES:
            fed = {t for t in TABLES if name in truth[t]}
            if world.state.node(table(name)) is None:
                continue
            assert into(world, name, moment) == truth[name]
            assert out_of(world, name, moment) == fed
            assert truth[name] <= into(world, name, moment, BySpans())
            assert fed <= out_of(world, name, moment, BySpans())


@settings(deadline=None, max_examples=rounds(usual=60, campaign=1_500))
@given(steps_at_once(), st.data())
def test_where_runs_overlap_nothing_is_lost(steps: list[Step], data: st.DataObject) -> None:
    moment = data.draw(st.integers(0, 150))
    truth = Tables().play(steps, moment)
    with _played(steps) as world:
        for name in TABLES:
            if world.state.node(table(name)) is not None:
                assert truth[name] <= into(world, name, moment)
                assert {t for t in TABLES if name in truth[t]} <= out_of(world, name, moment)


def test_a_closing_counts_from_the_moment_of_its_end(world: World) -> None:
    made = {"inputs": ["a"], "outputs": [dataset("b", change="OVERWRITE")]}
    world.send(run_event("START", 2, **made), run_event("COMPLETE", 3, **made))
    closings = Closings(world.state.connection())
    assert [closings.last(table("b"), at(minute)) for minute in (2.9, 3, 9)] == [None, at(2), at(2)]
    ends = [closings.next(table("b"), at(minute)) for minute in (1.9, 2, 2.1, 3)]
    assert ends == [at(3), None, None, None]
    assert [closings.replaced(table("b"), at(minute)) for minute in (2, 2.1)] == [at(2), None]
