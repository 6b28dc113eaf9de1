"""The fold is a function of the set of facts: order, repetition and batches do not matter."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from choices import Choices, chosen
from histories import REGISTRY, fact_sets
from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import IDENTITY, ListedJournal, dataset, facts_of, run_event
from quick_states import memory_state
from rounds import rounds

from lineage.facts import Fact
from lineage.state.advance import Folder
from lineage.state.rebuild import rebuild
from lineage.state.store import open_state


def fold(facts: list[Fact], batches: list[int]) -> tuple[str, list[Any]]:
    """Digest and content of the state of these facts, folded in batches of these sizes."""
    state = memory_state()
    folder_of = Folder(ListedJournal(), state, REGISTRY, IDENTITY)  # type: ignore[arg-type]
    start, sizes = 0, list(batches)
    while start < len(facts):
        size = sizes.pop() if sizes else len(facts)
        folder_of.fold(facts[start : start + size])
        start += size
    graph = state.graph
    content = sorted(map(repr, [*graph.all_nodes(), *graph.all_edges()]))
    assert graph.digest() == graph.stored_digest()
    digest = state.digest()
    state.close()
    return digest, content


@settings(max_examples=rounds(usual=100, campaign=8_000))
@given(fact_sets(), st.randoms(use_true_random=True))
def test_any_order_with_repetitions_in_any_batches_gives_one_state(
    facts: list[Fact], chance: random.Random
) -> None:
    digest, content = fold(facts, [])
    again = facts + chance.choices(facts, k=len(facts) // 2)
    chance.shuffle(again)
    sizes = chance.choices(range(1, 5), k=chance.randrange(21))
    other, other_content = fold(again, sizes)
    assert other_content == content
    assert other == digest


SHAPES: list[dict[str, Any]] = [
    {"inputs": ["a"], "outputs": ["b"]},
    {"inputs": ["a"], "outputs": [dataset("b", mode="overwrite")]},
    {"inputs": ["c"], "outputs": ["b"]},
    {"inputs": ["a"], "outputs": [dataset("b", change="DROP")]},
    {},
]


def _repeated(choices: Choices) -> list[dict[str, Any]]:
    return [
        run_event(
            choices.of(["COMPLETE", "COMPLETE", "COMPLETE", "START", "FAIL"]),
            choices.below(31),
            job=choices.of(["one", "one", "one", "two"]),
            run=f"r{choices.below(8)}",
            **SHAPES[choices.of([0, 0, 0, 1, 1, 1, 2, 3, 4, 4])],
        )
        for _ in range(choices.between(4, 20))
    ]


@settings(max_examples=rounds(usual=100, campaign=4_000))
@given(chosen(_repeated, size=120), st.randoms(use_true_random=True))
def test_the_short_way_of_an_unchanged_shape_gives_the_state_of_the_long_way(
    sent: list[dict[str, Any]], chance: random.Random
) -> None:
    facts = facts_of(sent)
    sizes = chance.choices([1, 2], k=chance.randrange(26))
    expected = fold(facts, [])
    assert fold(facts, sizes) == expected
    chance.shuffle(facts)
    assert fold(facts, sizes) == expected


def test_a_run_that_began_earlier_than_first_heard_opens_again_what_another_job_dropped() -> None:
    overwrites = SHAPES[1]
    facts = facts_of(
        [
            run_event("COMPLETE", 1, job="one", run="r0", **overwrites),
            run_event("COMPLETE", 3, job="one", run="r0", **SHAPES[0]),
            run_event("START", 3, job="one", run="r1", **overwrites),
            run_event("COMPLETE", 2, job="two", run="r0", **SHAPES[3]),
            run_event("START", 2, job="one", run="r1", **overwrites),
        ]
    )
    assert fold(facts, [1, 1, 2, 1]) == fold(facts, [])


def test_a_run_that_began_before_a_drop_of_its_own_job_opens_nothing_again() -> None:
    drops = SHAPES[3]
    facts = facts_of(
        [
            run_event("COMPLETE", 1, job="one", run="r0", **drops),
            run_event("COMPLETE", 3, job="one", run="r0", **drops),
            run_event("START", 3, job="one", run="r1", **drops),
            run_event("START", 2, job="one", run="r1", **SHAPES[0]),
        ]
    )
    assert fold(facts, [1, 2, 1]) == fold(facts, [])


def test_an_overwrite_ends_sooner_what_one_that_took_longer_had_ended() -> None:
    overwrites = SHAPES[1]
    facts = facts_of(
        [
            run_event("COMPLETE", 3, job="one", run="r0", **SHAPES[0]),
            run_event("COMPLETE", 1, job="one", run="r0", **overwrites),
            run_event("COMPLETE", 0, job="one", run="r1", inputs=["c"], outputs=[dataset("b")]),
            run_event("COMPLETE", 2, job="one", run="r2", **overwrites),
        ]
    )
    assert fold(facts, [1, 1, 1, 1]) == fold(facts, [])


def test_the_same_event_from_another_producer_changes_no_digest() -> None:
    event = run_event("COMPLETE", 1, inputs=["a"], outputs=[dataset("b", columns=["x"])])
    once = facts_of([event])
    assert fold(once, []) == fold(facts_of([event, event]), [])


def test_a_rebuild_gives_the_same_digest_and_takes_the_place_of_the_state(tmp_path: Path) -> None:
    facts = facts_of(
        [
            run_event("COMPLETE", 3, run="b", inputs=["c"], outputs=["b"]),
            run_event("START", 1, run="a", inputs=["a"], outputs=["b"]),
            run_event("COMPLETE", 2, run="a", inputs=["a"], outputs=[dataset("b", columns=["x"])]),
        ]
    )
    path = tmp_path / "state.db"
    state = open_state(path)
    journal = ListedJournal(facts)
    Folder(journal, state, REGISTRY, IDENTITY).catch_up(1)  # type: ignore[arg-type]
    digest = state.digest()
    state.close()
    outcome = rebuild(journal, path, REGISTRY, IDENTITY)  # type: ignore[arg-type]
    assert (outcome.digest, outcome.former, outcome.comparable) == (digest, digest, True)
    with_new = open_state(path)
    assert (with_new.digest(), with_new.position()) == (digest, 3)
    with_new.close()
    assert not list(tmp_path.glob("*.rebuild*"))
