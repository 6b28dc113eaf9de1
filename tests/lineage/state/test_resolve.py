"""What holds follows from the set of points: neither order nor repetition nor lateness count."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage_events import World, at, dataset, facet, run_event, table

from lineage.facts import Json, Source
from lineage.state.precedence import PRECEDENCE, rank
from lineage.state.resolve import MANY, StoredPoint, resolve

SOURCES: tuple[Source, ...] = get_args(Source)
ASPECTS = ("schema", "license", "pii", "never heard of")

values = st.one_of(st.none(), st.sampled_from(["x", "y", {"a": 1}]))
many = st.dictionaries(st.sampled_from(["", "s", "t"]), values, max_size=3)


@st.composite
def points(draw: st.DrawFn) -> list[StoredPoint]:
    found: list[StoredPoint] = []
    for number in range(draw(st.integers(0, 12))):
        slot = draw(st.sampled_from(["", "s", "t", MANY]))
        value: Json = draw(many) if slot == MANY else draw(values)
        place = (slot, draw(st.sampled_from(SOURCES)), draw(st.integers(0, 4)))
        # The rank makes the order total: one fact says one thing about a slot.
        found.append(StoredPoint(*place, f"{number:02d}", f"f{number}", number, "a", value))
    return found


@given(st.sampled_from(ASPECTS), points(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_order_and_repetition_change_nothing(
    aspect: str, said: list[StoredPoint], chance: random.Random, as_of: int
) -> None:
    again = said + chance.choices(said, k=len(said)) if said else []
    chance.shuffle(again)
    for moment in (None, as_of):
        assert resolve(aspect, again, moment) == resolve(aspect, said, moment)


@given(st.sampled_from(ASPECTS), points(), st.integers(0, 5))
def test_what_is_said_later_changes_nothing_before(
    aspect: str, said: list[StoredPoint], as_of: int
) -> None:
    until = [point for point in said if point.time <= as_of]
    assert resolve(aspect, said, as_of) == resolve(aspect, until)


@given(st.sampled_from(ASPECTS), points())
def test_the_first_source_of_the_table_holds_and_everyone_else_is_shown(
    aspect: str, said: list[StoredPoint]
) -> None:
    latest: dict[tuple[str, Source], dict[str, Json]] = {}
    order: dict[tuple[str, Source], tuple[int, str]] = {}
    for point in sorted(said, key=lambda p: (p.time, p.rank)):
        latest[point.slot, point.source] = (
            point.value if point.slot == MANY else {point.slot: point.value}
        )
        order[point.slot, point.source] = (point.time, point.rank)
    heard: dict[str, list[tuple[int, Json]]] = {}
    for (_, source), slots in latest.items():
        for slot, value in slots.items():
            if value is not None:
                heard.setdefault(slot, []).append((rank(aspect, source), value))
    found = {value.slot: value for value in resolve(aspect, said)}
    assert found.keys() == heard.keys()
    for slot, value in found.items():
        assert rank(aspect, value.source) == min(place for place, _ in heard[slot])
        shown = [value.value, *(lost for _, lost in value.losers)]
        for _, other in heard[slot]:
            assert other in shown


@pytest.mark.parametrize("aspect", [*PRECEDENCE, "never heard of"])
def test_every_order_names_every_source_once(aspect: str) -> None:
    places = [rank(aspect, source) for source in SOURCES]
    assert sorted(places) == list(range(len(SOURCES)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def owned(by: str) -> dict[str, Any]:
    return dataset("t", ownership=facet("Ownership", owners=[{"name": by}]))


@pytest.mark.parametrize(
    ("when", "code"),
    [(None, "time-missing"), ("soon", "time-unreadable"), ("1888-01-01T00:00:00Z", "time-absurd")],
)
def test_a_missing_or_absurd_time_orders_first_and_is_a_finding(
    world: World, when: str | None, code: str
) -> None:
    odd = run_event("COMPLETE", 0, run="odd", outputs=[owned("team:odd")])
    if when is None:
        del odd["eventTime"]
    else:
        odd["eventTime"] = when
    world.send(run_event("COMPLETE", 1, run="fine", outputs=[owned("team:fine")]), odd)
    [value] = world.state.aspects([table("t")], ["ownership"])[table("t")]["ownership"]
    assert value.value == {"owners": [{"name": "team:fine"}]}
    assert value.time == at(1)
    first = world.state.history(table("t"), "ownership")[0]
    assert (first.time, first.value) == (0, {"owners": [{"name": "team:odd"}]})
    assert code in {finding.code for finding in world.state.findings()}
