"""Whatever befalls Neo4j, the mirror ends equal, says what is wrong, and keeps nobody waiting."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import neo4j
import pytest
from campaign import record
from graph_builders import Ticks, chain, dataset, feeds
from mirror_world import State, Target, behind, catch_up, every_call
from neo4j.exceptions import Neo4jError
from neo4j_service import Neo4jAddress
from rounds import rounds
from tcp_gate import TcpGate

from lineage.errors import Unavailable
from lineage.graph import bolt
from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import Edge, GraphDiff, Node
from lineage.graph.refusal import GraphRefused
from lineage.graph.router import Allowance, GraphRouter

pytestmark = [
    pytest.mark.neo4j,
    # The driver forgets connections that break while they are being made.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def gate(neo4j_address: Neo4jAddress) -> Iterator[TcpGate]:
    """The way to the test Neo4j."""
    address = urlsplit(neo4j_address.url)
    with TcpGate(address.hostname or "", address.port or 0) as gate:
        yield gate


# Hung, slow, gone


def test_no_call_outlasts_its_deadline_when_the_server_never_answers(
    target: Target, gate: TcpGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bolt, "GRACE", 0.2)
    graph = target(behind(gate))
    graph.begin()
    graph.apply(chain(3), 1)
    methods = {name for name, one in vars(Neo4jGraph).items() if callable(one) and name[0] != "_"}
    calls = every_call(graph)
    assert methods - set(calls) == {"close", "answering_within", "at"}
    gate.freeze()
    for name, call in calls.items():
        began = time.monotonic()
        with pytest.raises(Unavailable), graph.answering_within(0.3):
            call()
        assert time.monotonic() - began < 5, name


def test_a_batch_has_a_deadline_of_a_minute_where_nothing_shorter_is_said(
    target: Target, gate: TcpGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the mirror calls, as it calls it; only reading everything back may take longer."""
    seconds: list[float] = []

    def watched(self: bolt.Bolt, work: object, limit: float | None, *_: str) -> object:
        seconds.append(self.seconds if limit is None else limit)
        raise Unavailable("not called")

    graph = target(deadline_seconds=10)
    monkeypatch.setattr(bolt.Bolt, "_call", watched)
    for name, call in every_call(graph).items():
        seconds.clear()
        with suppress(Unavailable):
            call()
        assert max(seconds) <= (600 if name == "digest" else 60), name


def test_a_slow_neo4j_is_passed_over_for_sql_in_time_and_mirrored_into_all_the_same(
    state: State, target: Target, gate: TcpGate
) -> None:
    state.change(chain(5))
    graph = target(behind(gate))
    mirror = Mirror(state.open, graph)
    catch_up(mirror)
    gate.slow_down(2.0)
    router = GraphRouter(
        state.graph, target(behind(gate)), allowance=Allowance(answer_seconds=0.5),
        known=mirror.status,
    )  # fmt: skip
    began = time.monotonic()
    assert set(router.nodes(["n001"])) == {"n001"}
    assert time.monotonic() - began < 4
    assert router.answered_by in ("sql (neo4j takes too long)", "sql (neo4j cannot be reached)")
    began = time.monotonic()
    for _ in range(20):
        router.nodes(["n001"])
    assert time.monotonic() - began < 1
    state.change(GraphDiff([dataset("meanwhile")]))
    catch_up(mirror)
    assert mirror.status().position == state.position
    gate.open()
    assert mirror.verify()


def test_a_hung_neo4j_holds_up_neither_writing_the_state_nor_its_log(
    state: State, target: Target, gate: TcpGate
) -> None:
    graph = target(behind(gate), deadline_seconds=1)
    mirror = Mirror(state.open, graph)
    state.change(chain(20))
    gate.freeze()
    stepping = threading.Thread(target=mirror.step)
    stepping.start()
    for number in range(20):
        state.change(GraphDiff([dataset(f"x{number}")]))
    with closing(sqlite3.connect(state.path)) as other:
        busy, log, kept = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, log, kept) == (0, 0, 0)
    stepping.join(30)
    assert mirror.status().state == "unreachable"
    gate.open()
    graph.bolt.seconds = 60
    time.sleep(0.5)
    catch_up(mirror)
    assert mirror.verify()


def test_no_transaction_of_the_state_is_open_while_neo4j_is_written(
    state: State, target: Target
) -> None:
    """Whatever is being written: a load, a comparison, changes."""
    graph = target()
    checked: list[tuple[int, int, int]] = []

    def check() -> None:
        with closing(sqlite3.connect(state.path)) as other:
            # The next piece may be being read; nothing is read for long.
            other.execute("PRAGMA busy_timeout = 2000")
            checked.append(other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())

    class Watched(Neo4jGraph):
        def apply(self, diff: GraphDiff, position: int) -> None:
            check()
            super().apply(diff, position)

        def add(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
            check()
            super().add(nodes, edges)

        def rows(self, low: str, high: str) -> tuple[list[Node], list[Edge]]:
            check()
            return super().rows(low, high)

    graph.__class__ = Watched
    state.change(chain(30))
    mirror = Mirror(state.open, graph, batch=7)
    catch_up(mirror)
    state.change(chain(40))
    catch_up(mirror)
    graph.bolt.write([("MATCH (m:TraceholdMeta) SET m.digest = 'other'", {})])
    catch_up(mirror)
    assert mirror.status().fills == 2
    assert len(checked) > 10
    assert set(checked) == {(0, 0, 0)}


@pytest.mark.campaign
def test_a_connection_cut_in_the_middle_of_anything_costs_nothing_but_time(
    state: State, target: Target, gate: TcpGate
) -> None:
    chance, ticks = random.Random(5), Ticks()
    mirror = Mirror(state.open, target(behind(gate)), batch=30, monotonic=ticks)
    state.churn(chance)
    tried = rounds(usual=20, campaign=1_000)
    stop = threading.Event()
    cuts = 0

    def cut() -> None:
        nonlocal cuts
        while not stop.wait(chance.uniform(0.0, 0.15)):
            gate.cut()
            cuts += 1

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        while cuts < tried:
            state.churn(chance)
            with suppress(AssertionError):
                catch_up(mirror, ticks, steps=5)
    finally:
        stop.set()
        cutting.join()
    catch_up(mirror, ticks)
    equal = mirror.verify()
    record("Bolt connections cut under the mirror", tried=cuts, failed=int(not equal), unit="cuts")
    assert equal


# Killed, set back


# Refused


def test_a_wrong_password_is_told_apart_and_mended_by_the_right_one(
    state: State, target: Target, neo4j_address: Neo4jAddress
) -> None:
    admin, ticks = target(), Ticks()
    admin.bolt.alone(["CREATE USER mirror_test SET PASSWORD 'of-old-4711' CHANGE NOT REQUIRED"])
    try:
        state.change(chain(5))
        graph = target(user="mirror_test", password="the-new-one-4711")
        mirror = Mirror(state.open, graph, monotonic=ticks)
        assert not mirror.step()
        status = mirror.status()
        assert (status.state, status.reachable, status.position) == ("refused", False, None)
        assert "4711" not in status.last_error
        router = GraphRouter(state.graph, graph, known=mirror.status)
        assert set(router.nodes(["n001"])) == {"n001"}
        assert router.answered_by == "sql (neo4j is refused)"
        alone = GraphRouter(state.graph, graph)
        assert set(alone.nodes(["n001"])) == {"n001"}
        assert alone.answered_by == "sql (neo4j is refused)"
        admin.bolt.alone(["ALTER USER mirror_test SET PASSWORD 'the-new-one-4711'"])
        admin.bolt.alone(["ALTER USER mirror_test SET PASSWORD CHANGE NOT REQUIRED"])
        catch_up(mirror, ticks)
        assert mirror.verify()
        assert mirror.status().last_error == ""
    finally:
        admin.bolt.alone(["DROP USER mirror_test"])


def test_the_graph_of_another_workspace_is_refused_by_name_until_it_is_taken_over(
    state: State, target: Target, tmp_path: Path
) -> None:
    state.change(chain(3))
    ours, theirs = target(workspace="ours"), target(workspace="theirs")
    first = Mirror(state.open, ours)
    catch_up(first)
    other = State(tmp_path / "other.db")
    other.change(chain(9))
    second = Mirror(other.open, theirs)
    assert not second.step()
    assert not second.fill()
    status = second.status()
    assert status.state == "refused"
    assert "the mirror of another workspace" in status.last_error
    assert first.verify()
    with pytest.raises(GraphRefused, match="another workspace") as caught:
        theirs.load([], [], 0)
    assert "--take-over" in caught.value.advice
    with pytest.raises(Unavailable):
        theirs.apply(GraphDiff([dataset("x")]), 1)
    assert first.verify()
    assert second.fill(take_over=True)
    assert second.verify()
    assert not first.step()
    assert first.status().state == "refused"
    other.graph.close()


def test_of_two_workspaces_that_come_at_once_one_has_the_graph(
    state: State, target: Target, tmp_path: Path
) -> None:
    other = State(tmp_path / "other.db")
    pairs = [(state, "a"), (other, "b")]
    mirrors = [Mirror(one.open, target(workspace=name)) for one, name in pairs]
    for one, _ in pairs:
        one.change(chain(20))
    threads = [threading.Thread(target=mirror.step) for mirror in mirrors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mirror.status().state for mirror in mirrors) == ["following", "refused"]
    winner = next(mirror for mirror in mirrors if mirror.status().state == "following")
    assert winner.verify()
    other.graph.close()


# Changed by others


def test_a_graph_emptied_between_looking_and_writing_is_not_called_level(
    state: State, target: Target
) -> None:
    graph, ticks = target(), Ticks()

    class Emptied(Neo4jGraph):
        once = True

        def apply(self, diff: GraphDiff, position: int) -> None:
            if self.once:
                Emptied.once = False
                self.bolt.write([("MATCH (n) DETACH DELETE n", {})])
            super().apply(diff, position)

    state.change(chain(5))
    mirror = Mirror(state.open, graph, monotonic=ticks)
    catch_up(mirror, ticks)
    graph.__class__ = Emptied
    state.change(GraphDiff([dataset("more")]))
    assert not mirror.step()
    assert "emptied" in mirror.status().last_error
    catch_up(mirror, ticks)
    assert mirror.verify()


HARMS = {
    "a property": "MATCH (n:Dataset {key: 'n001'}) SET n.name = 'forged'",
    "a label": "MATCH (n:Dataset {key: 'n001'}) SET n:Model REMOVE n:Dataset",
    "a node gone": "MATCH (n:Dataset {key: 'n001'}) DETACH DELETE n",
    "a stray node": "CREATE (:Tracehold:Dataset {key: 'n0015', name: 'x'})",
    "intervals": "MATCH ()-[r:FEEDS]->() SET r.intervals = [0, 1]",
    "an edge gone": "MATCH (:Dataset {key: 'n001'})-[r:FEEDS]->() DELETE r",
    "an edge twice": "MATCH (a {key: 'n001'})-[r:FEEDS]->(b) CREATE (a)-[s:FEEDS]->(b) SET s = r",
    "an edge of their own": "MATCH (a:Dataset {key: 'n001'}) CREATE (a)-[:LIKES]->(a)",
    "an edge without owner": "MATCH (a:Dataset {key: 'n001'}) CREATE (a)-[:FEEDS]->(a)",
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("heal", ["compare", "fill"])
def test_what_others_changed_by_hand_is_found_and_made_good(
    state: State, target: Target, harm: str, heal: str
) -> None:
    state.change(chain(4))
    graph = target()
    mirror = Mirror(state.open, graph)
    catch_up(mirror)
    graph.bolt.write([(harm, {})])
    assert not mirror.verify()
    if heal == "fill":
        assert mirror.fill()
    else:
        graph.bolt.write([("MATCH (m:TraceholdMeta) SET m.digest = 'x'", {})])
        catch_up(mirror)
    assert mirror.verify()
    assert mirror.status().fills == 2


def test_another_generation_of_the_state_costs_only_the_rows_that_differ(
    state: State, target: Target, tmp_path: Path
) -> None:
    """A state folded anew has another digest at every position."""
    state.change(chain(200))
    graph = target()
    catch_up(Mirror(state.open, graph))
    anew = State(tmp_path / "anew.db")
    nodes = [n for n in chain(200).put_nodes if n.key != "n100"]
    edges = [*chain(200).put_edges, feeds("n000", "n199", owner="other")]
    anew.change(GraphDiff([*nodes, dataset("erased", mark=1)], edges))
    written: list[int] = []

    class Counted(Neo4jGraph):
        def apply(self, diff: GraphDiff, position: int) -> None:
            written.append(len(diff))
            super().apply(diff, position)

        def add(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
            raise AssertionError("nothing is loaded")

    graph.__class__ = Counted
    mirror = Mirror(anew.open, graph)
    catch_up(mirror)
    assert mirror.verify()
    assert sum(written) == 3
    anew.graph.close()


@pytest.mark.campaign
def test_facts_that_come_during_a_fill_are_in_it_and_none_is_written_over(
    state: State, target: Target
) -> None:
    chance = random.Random(3)
    graph = target()

    class Busy(Neo4jGraph):
        def add(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
            state.churn(chance)
            super().add(nodes, edges)

        def rows(self, low: str, high: str) -> tuple[list[Node], list[Edge]]:
            found = super().rows(low, high)
            state.churn(chance)
            return found

    graph.__class__ = Busy
    for _ in range(3):
        state.churn(chance, 100)
    mirror = Mirror(state.open, graph, batch=25)
    for _ in range(rounds(usual=3, campaign=200)):
        catch_up(mirror)
        equal = mirror.verify()
        record("fills while facts come in", tried=1, failed=int(not equal), unit="fills")
        assert equal
        graph.bolt.write([("MATCH (m:TraceholdMeta) SET m.digest = 'x'", {})])
        state.churn(chance)


# Deadlocks


@pytest.mark.campaign
def test_a_storm_of_deadlocks_is_weathered_with_a_bounded_number_of_attempts(
    state: State, target: Target, neo4j_address: Neo4jAddress
) -> None:
    keys = [f"k{number:02}" for number in range(12)]
    state.change(GraphDiff([dataset(key) for key in keys], [feeds(a, a) for a in keys]))
    ticks = Ticks()
    mirror = Mirror(state.open, target(), monotonic=ticks)
    catch_up(mirror, ticks)
    stop = threading.Event()
    met: list[str | None] = []
    touch = "MATCH (n:Tracehold {key: $key}) SET n.touched = 1 REMOVE n.touched"

    def quarrel(order: Iterable[str]) -> None:
        auth = (neo4j_address.user, neo4j_address.password)
        with neo4j.GraphDatabase.driver(neo4j_address.url, auth=auth) as driver:
            while not stop.is_set():
                try:
                    with driver.session() as session, session.begin_transaction() as tx:
                        for key in order:
                            tx.run(touch, key=key).consume()
                        tx.commit()
                except Neo4jError as error:
                    met.append(error.code)

    orders = (keys, keys[::-1], keys[6:] + keys[:6])
    threads = [threading.Thread(target=quarrel, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    try:
        for turn in range(rounds(usual=15, campaign=300)):
            state.change(GraphDiff([dataset(key, turn=turn) for key in reversed(keys)]))
            catch_up(mirror, ticks)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    deadlocks = met.count("Neo.TransientError.Transaction.DeadlockDetected")
    assert deadlocks
    state.change(GraphDiff([dataset(key, turn=-1) for key in keys]))
    catch_up(mirror, ticks)
    equal = mirror.verify()
    record("Deadlocks beside the mirror", tried=deadlocks, failed=int(not equal), unit="deadlocks")
    assert equal


def test_what_stays_transient_is_given_up_after_few_attempts(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = target()
    attempts = []

    def deadlocked(self: bolt.Bolt, *_: object) -> None:
        attempts.append(1)
        raise Neo4jError._hydrate_neo4j(
            code="Neo.TransientError.Transaction.DeadlockDetected", message="again"
        )

    monkeypatch.setattr(bolt.Bolt, "_attempt", deadlocked)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="DeadlockDetected"):
        graph.meta()
    assert len(attempts) == len(bolt.PAUSES) + 1
    assert time.monotonic() - began < 10


# What is said


def test_lag_is_told_in_facts_and_seconds_and_limits_decide_who_answers(
    state: State, target: Target
) -> None:
    ticks = Ticks()
    graph = target()
    mirror = Mirror(state.open, graph, max_lag=3, monotonic=ticks)
    state.change(chain(4))
    ticks.now = 7.0
    assert mirror.status().seconds_behind == 7.0
    catch_up(mirror, ticks)
    assert (mirror.status().lag, mirror.status().seconds_behind) == (0, 0.0)
    allowance = Allowance(lag=3, seconds_behind=10.0, answer_seconds=60)
    router = GraphRouter(state.graph, graph, allowance=allowance, known=mirror.status)

    def who() -> str:
        return router.answer(lambda engine: engine.nodes(["n001"]))[1]

    assert who() == "neo4j"
    for number in range(3):
        state.change(GraphDiff([dataset(f"x{number}")]))
    assert who() == "neo4j (3 facts behind)"
    state.change(GraphDiff([dataset("x4")]))
    assert who() == "sql (neo4j is 4 facts behind)"


WRITTEN = (0, 20, 40, 50, 70, 90)
"""Nodes and edges written before each piece of 50 nodes and 49 edges, 20 at once."""


def test_the_progress_of_a_fill_is_told_while_it_goes_on(state: State, target: Target) -> None:
    state.change(chain(50))
    graph = target()
    seen: list[tuple[str, int, int]] = []

    class Watched(Neo4jGraph):
        def add(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
            status = mirror.status()
            seen.append((status.state, status.done, status.total))
            super().add(nodes, edges)

    graph.__class__ = Watched
    mirror = Mirror(state.open, graph, batch=20)
    catch_up(mirror)
    assert {(what, total) for what, _, total in seen} == {("filling", 99)}
    passed = [done for _, done, _ in seen]
    # A piece is read while the one before is written.
    assert passed == sorted(passed)
    assert all(0 <= done - written <= 20 for done, written in zip(passed, WRITTEN, strict=True))
    assert mirror.status().total == 0
