"""Splitting an event as clients do, and caches that hold next to nothing, change nothing."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from choices import Choices, chosen
from histories import REGISTRY, fact_sets
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import (
    IDENTITY,
    ListedJournal,
    World,
    dataset,
    facet,
    facts_of,
    job_key,
    run_event,
)
from quick_states import memory_state
from rounds import rounds

from lineage.facts import Fact, FactType, Point
from lineage.state import folding, picture, run_table, shape_table, timelines, wiring
from lineage.state.advance import Folder
from lineage.state.late import Late
from lineage.state.rebuild import rebuild
from lineage.state.registry import Registry
from lineage.state.store import SqlState, open_state

COLUMNS: tuple[tuple[str, ...], ...] = ((), ("x",), ("x", "y"))


def told(state: SqlState) -> Any:
    """What the state tells, without which fact said it and how ties would be broken."""
    graph = state.graph
    nodes = sorted((n.key, n.label, repr(sorted(n.props.items()))) for n in graph.all_nodes())
    edges = sorted(repr(edge) for edge in graph.all_edges())
    rows = state.connection().execute("select distinct entity_key, aspect from point").fetchall()
    values = sorted(
        (key, aspect, value.slot, value.source, value.time, repr(value.value))
        for key, aspect in rows
        for value in state.aspects([key], [aspect]).get(key, {}).get(aspect, ())
    )
    runs = sorted(
        (r.key, r.state, r.started, r.ended, r.contradicted, sorted(r.inputs), sorted(r.outputs))
        for r in state.runs(limit=1000)
    )
    return nodes, edges, values, runs


def tables(choices: Choices, names: str, sources: str = "") -> list[dict[str, Any]]:
    made = []
    for name in choices.some(names, len(names)):
        columns = choices.of(COLUMNS)
        extra: dict[str, Any] = {}
        if choices.yes():
            extra["ownership"] = facet("Ownership", owners=[{"name": f"team:{name}"}])
        lineage: dict[str, Sequence[str]] | None = None
        if sources and choices.yes():
            lineage = {"x": [f"{choices.of(sources)}.x"]}
        made.append(dataset(name, columns=columns, lineage=lineage, **extra))
    return made


def whole_events(choices: Choices) -> list[dict[str, Any]]:
    made = []
    for number in range(choices.between(1, 5)):
        run = f"run {number}"
        job = choices.of(["one", "two"])
        read, written = tables(choices, "ab"), tables(choices, "cd", "ab")
        if choices.yes():
            made.append(run_event("START", 2 * number, job=job, run=run))
        kind = choices.of(["COMPLETE", "COMPLETE", "FAIL", "RUNNING"])
        made.append(run_event(kind, 2 * number + 1, job=job, run=run, inputs=read, outputs=written))
        made[-1]["job"]["facets"] = {"sql": facet("SQLJobFacet", query=f"select {job}")}
        made[-1]["run"]["facets"] = {"nominalTime": facet("NominalTime", nominalStartTime="2026")}
    return made


def split(event: dict[str, Any], chance: random.Random) -> list[dict[str, Any]]:
    """The same said by several events of the same moment, each with a share of the datasets."""
    parts = [copy.deepcopy(event) for _ in range(chance.randint(1, 4))]
    for side in ("inputs", "outputs"):
        for part in parts:
            part[side] = []
        for one in event[side]:
            chance.choice(parts)[side].append(one)
    for part in parts[1:]:
        # What stands for the whole run is said once, or again.
        if chance.random() < 0.5:
            part["run"]["facets"] = {}
        for side in ("inputs", "outputs"):
            if not part[side] and chance.random() < 0.5:
                del part[side]
    return parts


@settings(max_examples=rounds(usual=60, campaign=8_000))
@given(chosen(whole_events, size=150), st.randoms(use_true_random=True), st.integers(1, 4))
def test_an_event_split_into_several_says_the_same(
    events: list[dict[str, Any]], chance: random.Random, batch: int
) -> None:
    parts = [part for event in events for part in split(event, chance)]
    chance.shuffle(parts)
    whole = World().send(*events)
    pieces = World().send(*parts, batch=batch)
    assert told(pieces.state) == told(whole.state)
    whole.close()
    pieces.close()


def folded(facts: list[Fact], batch: int) -> tuple[str, Any]:
    state = memory_state()
    journal: Any = ListedJournal(facts)
    Folder(journal, state, REGISTRY, IDENTITY).catch_up(batch)
    found = state.digest(), told(state)
    state.close()
    return found


@settings(max_examples=rounds(usual=25, campaign=2_000))
@given(fact_sets(), st.integers(1, 3))
def test_caches_that_hold_next_to_nothing_change_nothing(facts: list[Fact], batch: int) -> None:
    expected = folded(facts, 1000)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (folding, "_TIPS"), (picture, "_KNOWN"), (run_table, "_CACHED"),
            (shape_table, "_CACHED"), (shape_table, "_FACETS"), (timelines, "_CACHED"),
        ):  # fmt: skip
            patch.setattr(module, name, 0)
        assert folded(facts, batch) == expected


class Said(msgspec.Struct, frozen=True):
    """Says nothing."""


class Failing(Exception):
    """As a mistake of ours would be."""


def test_a_batch_that_fails_leaves_everything_as_it_was_and_can_be_tried_again(
    tmp_path: Path,
) -> None:
    facts = facts_of(
        [
            run_event("START", 1, inputs=["a"]),
            run_event("COMPLETE", 2, inputs=["a"], outputs=[dataset("b", columns=["x"])]),
            run_event("COMPLETE", 3, run="r2", inputs=["a"], outputs=["b"]) | {"eventTime": None},
            run_event("FAIL", 4, run="r3", inputs=["b"], outputs=["c"]),
        ]
    )
    failing = True

    def points(fact: Fact, body: Any, context: Any) -> list[Point]:
        if failing:
            raise Failing
        return []

    registry = Registry([FactType("test.failing/1", Said, points)])
    last = Fact(5, "fact-5", "test.failing/1", "p", None, 0, 0, b"{}")
    state = open_state(tmp_path / "state.db")
    journal: Any = ListedJournal()
    folder = Folder(journal, state, registry, IDENTITY)
    folder.fold(facts[:2])
    before = state.digest(), state.position(), told(state)
    with pytest.raises(Failing):
        folder.fold([*facts[2:], last])
    assert (state.digest(), state.position(), told(state)) == before
    failing = False
    folder.fold([*facts[2:], last])
    found = state.digest(), told(state)
    state.close()
    again = open_state(tmp_path / "again.db")
    Folder(journal, again, registry, IDENTITY).fold([*facts, last])
    assert (again.digest(), told(again)) == found
    again.close()


def test_the_seconds_of_each_stage_are_told(tmp_path: Path) -> None:
    state = open_state(tmp_path / "state.db")
    journal: Any = ListedJournal(facts_of([run_event("COMPLETE", 1, outputs=["b"])]))
    ticks = itertools.count(0.0, 1.0)
    folder = Folder(journal, state, REGISTRY, IDENTITY, monotonic=lambda: next(ticks))
    step = folder.advance()
    stages = ("fold", "settle", "graph", "commit", "read")
    assert dict(step.seconds) == dict.fromkeys(stages, 1.0)
    assert (step.position, step.folded) == (1, 1)
    assert dict(folder.advance().seconds) == {"read": 1.0}
    assert folder.catch_up().seconds == {}
    state.close()


def test_what_comes_late_is_noted_once_and_only_where_somebody_looks() -> None:
    late = Late()
    late.note(1, ["a"])
    assert late.take() == set()
    late.watch(5)
    late.note(5, ["a", "b"])
    late.note(6, ["c"])
    late.note(4, ["b"])
    assert late.take() == {"a", "b"}
    assert late.take() == set()
    late.watch(None)
    late.note(0, ["a"])
    assert late.take() == set()


def test_a_rebuild_tells_how_far_it_is(tmp_path: Path) -> None:
    facts = facts_of([run_event("COMPLETE", n, run=str(n), outputs=["b"]) for n in range(3)])
    journal: Any = ListedJournal(facts)
    told_of: list[int] = []
    made = rebuild(journal, tmp_path / "state.db", REGISTRY, IDENTITY, progress=told_of.append)
    assert made.position == 3
    assert told_of[-1] == 3
    assert told_of == sorted(set(told_of))


@pytest.mark.parametrize("batch", [1, 1000])
def test_a_product_that_is_too_large_is_named_once_per_job(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "PRODUCT_LIMIT", 4)
    small = run_event("COMPLETE", 1, inputs=["a", "b"], outputs=["x", "y"])
    world = World(tmp_path).send(small)
    assert world.state.stuck() == []
    assert len(world.edges()) == 4
    wide = run_event("COMPLETE", 2, run="r2", inputs=["a", "b", "c"], outputs=["x", "y"])
    wider = run_event("COMPLETE", 3, run="r3", inputs=["a", "b", "c", "d"], outputs=["x", "y"])
    world.send(wide, wide | {"job": {"namespace": "n", "name": "other"}}, batch=batch)
    causes = {cause.partition(" without")[0] for _, cause, _, _ in world.state.stuck()}
    assert causes == {"3 inputs x 2 outputs"}
    assert len(world.state.stuck()) == 2
    world.send(wider, run_event("COMPLETE", 4, run="r4"), batch=batch)
    mine = [cause for owner, cause, _, _ in world.state.stuck() if owner == job_key("job")]
    assert len(mine) == 1
    assert "4 inputs x 2 outputs" in mine[0] or "3 inputs x 2 outputs" in mine[0]
    world.close()
