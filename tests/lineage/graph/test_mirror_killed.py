"""A Neo4j that is killed, or set back to what it was, ends equal to the state."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from campaign import record
from graph_builders import Ticks, chain, dataset
from mirror_world import State, Target, catch_up
from neo4j_home import Neo4jHome
from rounds import rounds

from lineage.graph.mirror import LONGEST_WAIT, Mirror
from lineage.graph.port import GraphDiff

pytestmark = [
    pytest.mark.neo4j,
    # The driver forgets connections that break while they are being made.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jHome]:
    """A Neo4j of our own."""
    with Neo4jHome(tmp_path_factory.mktemp("neo4j") / "home") as home:
        yield home


@pytest.mark.campaign
@pytest.mark.slow
def test_a_neo4j_killed_in_a_transaction_comes_back_and_is_made_equal(
    state: State, target: Target, home: Neo4jHome
) -> None:
    chance, ticks = random.Random(7), Ticks()
    server = home.server
    assert server is not None
    graph = target(server.url, server.password, deadline_seconds=30)
    mirror = Mirror(state.open, graph, batch=30, monotonic=ticks)
    for turn in range(rounds(usual=1, campaign=50)):
        state.churn(chance)
        if turn:
            catch_up(mirror, ticks)
        state.churn(chance, 100)
        killing = threading.Timer(chance.uniform(0.0, 0.25), home.kill)
        killing.start()
        while killing.is_alive():
            mirror.step()
            ticks.now += LONGEST_WAIT
            state.churn(chance)
        killing.join()
        mirror.step()
        ticks.now += LONGEST_WAIT
        assert not mirror.step()
        assert mirror.status().state == "unreachable"
        home.start()
        catch_up(mirror, ticks)
        equal = mirror.verify()
        record("kill -9 of Neo4j under the mirror", tried=1, failed=int(not equal), unit="kills")
        assert equal


@pytest.mark.slow
def test_a_neo4j_set_back_to_an_older_state_gets_what_it_misses_and_no_more(
    state: State, target: Target, home: Neo4jHome
) -> None:
    server, ticks = home.server, Ticks()
    assert server is not None
    graph = target(server.url, server.password, deadline_seconds=30)
    mirror = Mirror(state.open, graph, monotonic=ticks)
    state.change(chain(30))
    assert mirror.fill(take_over=True)
    home.keep()
    home.start()
    state.change(GraphDiff([dataset("later")], drop_nodes=["n003"]))
    catch_up(mirror, ticks)
    fills = mirror.status().fills
    home.restore()
    home.start()
    catch_up(mirror, ticks)
    assert mirror.verify()
    assert mirror.status().fills == fills
    # What was dropped since is forgotten: only comparing helps.
    state.graph.prune(state.position)
    home.restore()
    home.start()
    catch_up(mirror, ticks)
    assert mirror.verify()
    assert mirror.status().fills == fills + 1
