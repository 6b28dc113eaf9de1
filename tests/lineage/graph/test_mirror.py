"""The mirror: whatever happens to source or target, it ends equal, and never in the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from graph_builders import (
    KEYS,
    RememberingSql,
    Ticks,
    chain,
    dataset,
    feeds,
    graphs,
    remembering_sql,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_memory import connect
from tcp_gate import TcpGate

from lineage.errors import Unavailable
from lineage.graph.mirror import LONGEST_WAIT, Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import GraphDiff
from lineage.graph.sql import SqlGraph, create_tables

Target = RememberingSql | Neo4jGraph


@pytest.fixture(params=["sql", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    if request.param == "sql":
        yield remembering_sql()
        return
    graph = Neo4jGraph(
        request.getfixturevalue("neo4j_url"),
        *request.getfixturevalue("neo4j_auth"),
        deadline_seconds=60,
    )
    graph.load([], [], 0)
    graph.bolt.write([("MATCH (m:TraceholdMeta) DELETE m", {})])
    yield graph
    graph.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    opened(path)().close()
    return path


def opened(path: Path) -> Callable[[], SqlGraph]:
    def open_graph() -> SqlGraph:
        connection = connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        create_tables(connection)
        return SqlGraph(connection)

    return open_graph


def catch_up(mirror: Mirror) -> None:
    while mirror.step():
        pass


def test_an_empty_target_is_filled_and_then_follows(state: Path, target: Target) -> None:
    source = opened(state)()
    source.apply(chain(5), 3)
    mirror = Mirror(opened(state), target, batch=2)
    assert (mirror.status().position, mirror.status().state) == (None, "starting")
    catch_up(mirror)
    assert target.digest() == source.digest()
    for position in range(4, 9):
        source.apply(
            GraphDiff([dataset(f"x{position}")], drop_nodes=[f"n00{position - 4}"]), position
        )
    catch_up(mirror)
    assert target.digest() == source.digest()
    status = mirror.status()
    assert (status.reachable, status.position, status.lag) == (True, 8, 0)
    assert (status.last_error, status.state, status.fills) == ("", "following", 1)
    assert mirror.verify()


def test_a_wiped_target_is_filled_again(state: Path, target: Target) -> None:
    source = opened(state)()
    source.apply(chain(5), 3)
    mirror = Mirror(opened(state), target)
    catch_up(mirror)
    if isinstance(target, Neo4jGraph):
        target.bolt.write([("MATCH (n) DETACH DELETE n", {})])
    else:
        target.load([], [], 0)
    assert not mirror.verify()
    catch_up(mirror)
    assert mirror.verify()
    assert mirror.status().fills == 2


def test_a_target_ahead_of_a_restored_source_is_filled_again(
    state: Path, target: Target, tmp_path: Path
) -> None:
    source = opened(state)()
    source.apply(chain(5), 3)
    catch_up(Mirror(opened(state), target))
    restored = opened(tmp_path / "older.db")()
    restored.apply(chain(2), 2)
    mirror = Mirror(opened(tmp_path / "older.db"), target)
    catch_up(mirror)
    assert mirror.status().fills == 1
    assert target.digest() == restored.digest()


def test_a_source_with_another_history_is_noticed(
    state: Path, target: Target, tmp_path: Path
) -> None:
    opened(state)().apply(chain(5), 3)
    catch_up(Mirror(opened(state), target))
    other = opened(tmp_path / "other.db")()
    other.apply(GraphDiff([dataset("other")]), 3)
    other.apply(GraphDiff([dataset("more")]), 9)
    mirror = Mirror(opened(tmp_path / "other.db"), target)
    catch_up(mirror)
    assert target.digest() == other.digest()


def test_a_rebuilt_source_with_the_same_state_costs_no_fill(
    state: Path, target: Target, tmp_path: Path
) -> None:
    source = opened(state)()
    source.apply(chain(3), 1)
    source.apply(GraphDiff([dataset("later")]), 5)
    catch_up(Mirror(opened(state), target))
    rebuilt = opened(tmp_path / "rebuilt.db")()
    rebuilt.apply(GraphDiff([*chain(3).put_nodes, dataset("later")], chain(3).put_edges), 5)
    rebuilt.apply(GraphDiff([dataset("after")]), 6)
    mirror = Mirror(opened(tmp_path / "rebuilt.db"), target)
    catch_up(mirror)
    assert mirror.status().fills == 0
    assert target.digest() == rebuilt.digest()


def test_a_target_behind_pruned_tombstones_is_filled_again(state: Path, target: Target) -> None:
    source = opened(state)()
    source.apply(chain(5), 1)
    mirror = Mirror(opened(state), target)
    catch_up(mirror)
    source.apply(GraphDiff(drop_nodes=["n000"]), 2)
    source.apply(GraphDiff([dataset("x")]), 3)
    source.prune(3)
    catch_up(mirror)
    assert target.digest() == source.digest()


def test_fill_makes_good_what_others_changed(state: Path, target: Target) -> None:
    source = opened(state)()
    source.apply(chain(5), 1)
    mirror = Mirror(opened(state), target)
    catch_up(mirror)
    if isinstance(target, Neo4jGraph):
        target.bolt.write([("MATCH (n:Dataset {key: 'n001'}) SET n.name = 'forged'", {})])
    else:
        target._db.execute("UPDATE node SET props = '{}' WHERE key = 'n001'")
    assert not mirror.verify()
    assert mirror.fill()
    assert mirror.verify()


def test_following_drops_edges_and_changes_intervals(state: Path, target: Target) -> None:
    source = opened(state)()
    source.apply(GraphDiff([dataset("a"), dataset("b")], [feeds("a", "b"), feeds("b", "a")]), 1)
    mirror = Mirror(opened(state), target)
    catch_up(mirror)
    change = feeds("a", "b", structural=((0, 7),), note="closed")
    source.apply(GraphDiff(put_edges=[change], drop_edges=[feeds("b", "a").id]), 2)
    catch_up(mirror)
    assert target.digest() == source.digest()
    assert mirror.status().fills == 1


@settings(max_examples=30)
@given(st.lists(st.tuples(graphs(), st.integers(0, 3)), max_size=6), st.data())
def test_any_course_of_changes_and_steps_ends_equal(
    course: list[tuple[GraphDiff, int]], data: st.DataObject
) -> None:
    connection = connect(":memory:", isolation_level=None)
    create_tables(connection)
    source, target = KeptOpen(connection), remembering_sql()
    mirror = Mirror(lambda: source, target, batch=3)
    for position, (diff, steps) in enumerate(course, 1):
        edges = [edge.id for edge in source.all_edges()]
        drop = data.draw(st.sets(st.sampled_from(edges))) if edges else set()
        gone = data.draw(st.sets(st.sampled_from(KEYS), max_size=3))
        whole = GraphDiff(diff.put_nodes, diff.put_edges, sorted(gone), sorted(drop))
        source.apply(whole, position * 2)
        for _ in range(steps):
            mirror.step()
    catch_up(mirror)
    assert target.digest() == source.digest()
    assert mirror.status().fills <= 1


def test_a_fill_asked_for_meanwhile_waits_for_its_turn(state: Path) -> None:
    opened(state)().apply(chain(5), 1)
    inside, asked = [], []

    class Watched(RememberingSql):
        def begin(self, **how: Any) -> bool:
            inside.append(threading.current_thread())
            if len(inside) == 1:
                asked.append(threading.Thread(target=mirror.fill))
                asked[0].start()
                asked[0].join(timeout=0.2)
                assert len(inside) == 1
            return super().begin(**how)

    connection = connect(":memory:", isolation_level=None, check_same_thread=False)
    create_tables(connection)
    mirror = Mirror(opened(state), Watched(connection))
    catch_up(mirror)
    asked[0].join()
    assert len(set(inside)) == 2
    assert mirror.status().fills == 2


class KeptOpen(SqlGraph):
    """A source in memory, which must outlive the step that reads it."""

    def close(self) -> None:
        """Stay open."""


@pytest.mark.neo4j
def test_a_neo4j_that_dies_is_waited_for_with_growing_pauses(
    state: Path, neo4j_url: str, neo4j_auth: tuple[str, str]
) -> None:
    source, ticks = opened(state)(), Ticks()
    source.apply(chain(5), 1)
    address = urlsplit(neo4j_url)
    with TcpGate(address.hostname or "", address.port or 0) as gate:
        target = Neo4jGraph(f"bolt://127.0.0.1:{gate.port}", *neo4j_auth, deadline_seconds=60)
        mirror = Mirror(opened(state), target, monotonic=ticks)
        catch_up(mirror)
        assert mirror.status().reachable
        gate.shut()
        source.apply(GraphDiff([dataset("meanwhile")]), 4)
        pauses = []
        for _ in range(9):
            before = ticks.now
            mirror.step()
            while mirror._retry_at > ticks.now:
                assert mirror.step() is False
                ticks.now += 0.5
            pauses.append(ticks.now - before)
        status = mirror.status()
        assert (status.reachable, status.position, status.lag) == (False, 1, 3)
        assert status.state == "unreachable"
        assert "Neo4j" in status.last_error
        assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
        gate.open()
        catch_up(mirror)
        assert mirror.verify()
        assert (mirror.status().last_error, mirror.status().lag) == ("", 0)
        assert mirror._wait == 0.5
        target.close()


@pytest.mark.neo4j
def test_a_neo4j_that_was_down_at_the_start_is_filled_once_it_is_there(
    state: Path, neo4j_url: str, neo4j_auth: tuple[str, str]
) -> None:
    source, ticks = opened(state)(), Ticks()
    source.apply(chain(5), 1)
    address = urlsplit(neo4j_url)
    with TcpGate(address.hostname or "", address.port or 0) as gate:
        gate.shut()
        target = Neo4jGraph(f"bolt://127.0.0.1:{gate.port}", *neo4j_auth, deadline_seconds=60)
        mirror = Mirror(opened(state), target, monotonic=ticks)
        assert mirror.step() is False
        assert (mirror.status().reachable, mirror.status().position) == (False, None)
        with pytest.raises(Unavailable):
            mirror.verify()
        gate.open()
        ticks.now += LONGEST_WAIT
        assert mirror.fill()
        assert mirror.verify()
        target.close()


@pytest.mark.neo4j
def test_a_load_cut_short_is_done_again(
    state: Path, neo4j_url: str, neo4j_auth: tuple[str, str]
) -> None:
    source = opened(state)()
    source.apply(chain(5), 1)
    target = Neo4jGraph(neo4j_url, *neo4j_auth, deadline_seconds=60)
    mirror = Mirror(opened(state), target)
    catch_up(mirror)

    def torn() -> Iterator[object]:
        yield feeds("n000", "n001")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        target.load([dataset("n000")], torn(), 1)  # type: ignore[arg-type]
    assert target.position() == 0
    catch_up(mirror)
    assert mirror.verify()
    target.close()
