"""A DROP means the table that was created, whatever path it names, or waits for a person."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openlineage_events import IDENTITY, NS, World, at, dataset, facet, run_event, table
from rounds import rounds

from catalog.events import AliasDecided, kind_of
from lineage.facts import Fact
from lineage.graph.port import OPEN, Limits
from lineage.refs import DatasetRef
from lineage.state.known_at import known_at, replayed
from lineage.trace.walk import trace
from tracehold.registry import make_registry

HOME = "/wh/gov.db/t2"
WRONG = "/wh/gov.db/gov.db/t2"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, make_registry())
    yield world
    world.close()


def named(path: str, place: str, short: str = "gov.t2", **more: Any) -> dict[str, Any]:
    identifiers = [{"namespace": place, "name": short, "type": "TABLE"}]
    symlinks = facet("SymlinksDatasetFacet", identifiers=identifiers)
    return dataset(path, symlinks=symlinks, **more)


def create(minutes: float = 1, path: str = HOME, short: str = "gov.t2") -> dict[str, Any]:
    output = named(path, "hive://m", short)
    return run_event("COMPLETE", minutes, job=f"create {path}", inputs=["raw"], outputs=[output],
                     run=f"create at {minutes}")  # fmt: skip


def use(minutes: float = 2) -> dict[str, Any]:
    return run_event("COMPLETE", minutes, job="use", inputs=[HOME], outputs=["end"])


def drop(minutes: float = 5, path: str = WRONG, short: str = "gov.t2") -> dict[str, Any]:
    gone = named(path, "file:/wh", short, change="DROP")
    return run_event("COMPLETE", minutes, job="drop_table", outputs=[gone])


def states(world: World) -> dict[str, tuple[str, str | None]]:
    rows = world.state.connection().execute("select entity_key, state, target from dropped")
    return {key: (state, target) for key, state, target in rows}


def test_a_drop_by_a_wrong_path_means_the_table_of_that_short_name(world: World) -> None:
    world.send(create(), use(), drop())
    assert states(world) == {table(WRONG): ("resolved", table(HOME))}
    feeds = world.edges("FEEDS")
    assert feeds["raw", HOME].structural == ((at(1), at(5)),)
    assert feeds["raw", HOME].content == ((at(1), at(5)),)
    assert feeds[HOME, "end"].structural == ((at(2), at(5)),)
    # What went on is still where it went.
    assert feeds[HOME, "end"].content == ((at(2), OPEN),)
    edge = world.edges("SAME_AS")[WRONG, HOME]
    assert (edge.kind, edge.props["rule"], edge.props["actor"]) == ("drop", "drop", "producer-1")


@pytest.mark.parametrize("turned", [False, True])
def test_a_table_first_read_by_the_name_that_its_drop_gives_is_the_one_that_was_meant(
    world: World, turned: bool
) -> None:
    gone = named(WRONG, NS, change="DROP")
    dropped = run_event("COMPLETE", 5, job="drop_table", outputs=[gone])
    read = run_event("COMPLETE", 2, job="use", inputs=["gov.t2"], outputs=["end"])
    world.send(*((read, dropped) if turned else (dropped, read)), batch=1)
    assert states(world) == {table(WRONG): ("resolved", table("gov.t2"))}
    assert world.edges("FEEDS")["gov.t2", "end"].structural == ((at(2), at(5)),)


def test_a_table_that_is_created_again_lives_again(world: World) -> None:
    world.send(create(), drop(), create(9))
    edge = world.edges("FEEDS")["raw", HOME]
    assert edge.structural == edge.content == ((at(1), at(5)), (at(9), OPEN))


def test_a_drop_of_what_others_read_or_wrote_means_that(world: World) -> None:
    world.send(create(), use(), drop(path=HOME))
    assert states(world) == {table(HOME): ("itself", None)}
    assert world.edges("FEEDS")["raw", HOME].structural == ((at(1), at(5)),)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([drop()], "unknown"),
        ([create(short="gov.t3"), drop()], "unknown"),
        ([create(path="/elsewhere/t2"), drop()], "unknown"),
        ([create(), create(2, path="/wh/gov.db/gov.db/t2_old"), drop()], "ambiguous"),
    ],
)
def test_a_drop_that_fits_nothing_or_several_is_left_for_a_person(
    world: World, events: list[Any], state: str
) -> None:
    world.send(*events)
    assert states(world) == {table(WRONG): (state, None)}
    assert all(edge.structural[-1][1] == OPEN for edge in world.edges("FEEDS").values())


def decided(position: int, accepted: bool, other: str = HOME) -> Fact:
    body = AliasDecided(f"dataset:[{NS}]{WRONG}", f"dataset:[{NS}]{other}", accepted, "looked")
    return Fact(
        position, f"fact-{position:06d}", kind_of(body), "officer", None, at(7), at(7),
        msgspec.json.encode(body),
    )  # fmt: skip


def decide(world: World, *, accepted: bool, other: str = HOME) -> None:
    world.journal.facts.append(decided(len(world.journal.facts) + 1, accepted, other))
    world.folder.catch_up()


def test_a_person_can_say_that_another_table_was_meant(world: World) -> None:
    world.send(create(path="/elsewhere/t2"), drop())
    decide(world, accepted=True, other="/elsewhere/t2")
    assert states(world) == {table(WRONG): ("resolved", table("/elsewhere/t2"))}
    assert world.edges("FEEDS")["raw", "/elsewhere/t2"].structural == ((at(1), at(5)),)


def test_a_person_can_say_that_the_table_was_not_meant(world: World) -> None:
    world.send(create(), drop())
    decide(world, accepted=False)
    assert states(world) == {table(WRONG): ("unknown", None)}
    assert world.edges("FEEDS")["raw", HOME].structural == ((at(1), OPEN),)


def test_a_run_that_failed_dropped_nothing(world: World) -> None:
    failed = drop() | {"eventType": "FAIL"}
    world.send(create(), failed)
    assert world.edges("FEEDS")["raw", HOME].content == ((at(1), OPEN),)


@pytest.mark.campaign
@pytest.mark.parametrize("batch", [1, 2, 100])
def test_drops_are_resolved_alike_in_any_order(tmp_path: Path, batch: int) -> None:
    begun = drop(4)
    del begun["outputs"][0]["facets"]["lifecycleStateChange"]
    begun |= {"eventType": "START"}
    events = [create(), use(), begun, drop(), create(3, "/wh/gov.db/t4", "gov.t4"),
              drop(6, "/wh/gov.db/gov.db/t4", "gov.t4")]  # fmt: skip
    orders = list(permutations(events))[:: 720 // rounds(usual=24, campaign=720)]
    digests = set()
    for order in orders:
        world = World(tmp_path, make_registry()).send(*order, batch=batch)
        digests.add(world.state.digest())
        assert {state for state, _ in states(world).values()} == {"resolved"}
        world.close()
    assert len(digests) == 1


def inside(state: Any, graph: Any, name: str, minutes: float) -> list[str]:
    found = trace(
        graph, state, IDENTITY, DatasetRef(NS, name), direction="up", view="content",
        as_of=at(minutes),
    )  # fmt: skip
    return [node.name for node in found.nodes]


def test_nothing_is_inside_a_dropped_table_and_what_was_read_before_stays(world: World) -> None:
    world.send(create(), use(), drop())
    state = world.state
    assert inside(state, state.graph, HOME, 4) == [HOME, "raw"]
    assert inside(state, state.graph, HOME, 9) == [HOME]
    assert inside(state, state.graph, "end", 9) == ["end", HOME, "raw"]


@pytest.mark.parametrize("start", [HOME, WRONG, "end", "from_sql"])
def test_drops_and_sql_are_known_as_they_were(world: World, start: str) -> None:
    query = run_event("COMPLETE", 3, job="query", run="q")
    text = f'INSERT INTO from_sql SELECT * FROM "{HOME}"'
    query["job"]["facets"]["sql"] = facet("SQLJobFacet", query=text)
    world.send(drop(), use(), query, create(), create(8))
    journal: Any = world.journal
    key = table(start)
    for position in range(1, 6):
        with (
            known_at(
                journal, world.state, world.registry, IDENTITY, starts=[key],
                position=position, limits=Limits(),
            ) as partly,
            replayed(journal, world.registry, IDENTITY, position=position) as wholly,
        ):  # fmt: skip
            if wholly.state.node(key) is None:
                continue
            for minutes in (4, 6, 9):
                told = [inside(one.state, one.graph, start, minutes) for one in (partly, wholly)]
                assert told[0] == told[1], (position, minutes)


@pytest.mark.parametrize("batch", [1, 9])
def test_what_sql_alone_names_is_not_what_a_drop_meant(tmp_path: Path, batch: int) -> None:
    query = run_event("START", 0, job="a", run="r")
    text = facet("SQLJobFacet", query="INSERT INTO o SELECT * FROM p")
    query["job"]["facets"]["sql"] = text
    gone = dataset("/d/o", change="DROP") | {"namespace": NS}
    gone["facets"]["symlinks"] = facet(
        "Symlinks", identifiers=[{"namespace": NS, "name": "o", "type": "T"}]
    )
    dropped = run_event("START", 0, job="a", run="r", outputs=["x", gone])
    digests = set()
    for order in ([query, dropped], [dropped, query]):
        world = World(tmp_path, make_registry()).send(*order, batch=batch)
        assert states(world) == {table("/d/o"): ("unknown", None)}
        digests.add(world.state.digest())
        world.close()
    assert len(digests) == 1
