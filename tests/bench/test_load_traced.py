"""The load goes through reading, journal and fold, and a trace finds what the estate says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from load import Estate, LoadSpec, events

from lineage.clock import parse_millis
from lineage.graph.port import Limits
from lineage.graph.router import GraphRouter
from lineage.identity import Identity
from lineage.journal.keys import ensure_keys
from lineage.journal.sqlite import open_journal
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from lineage.state.advance import Folder
from lineage.state.registry import Registry
from lineage.state.store import SqlState, open_state
from lineage.trace.resolve import resolve
from lineage.trace.walk import trace

SPEC = LoadSpec(jobs=60, levels=6, columns=3, runs=60)
NOW = parse_millis("2026-06-01")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqlState, Identity]]:
    """The state after the whole load."""
    home = tmp_path_factory.mktemp("load")
    keys = ensure_keys(home / "keys")
    (home / "data").mkdir()
    journal = open_journal(home / "data", home / "keys", origin="bench", clock=lambda: NOW)
    state = open_state(home / "data" / "state.db")
    identity = Identity(keys.secret)
    scrubber = LexicalScrubber()
    journal.append(
        [
            receive(event, actor="loader", scrubber=scrubber, max_bytes=1 << 20)
            for event in events(SPEC)
        ]
    )
    Folder(journal, state, Registry(facts=(), facets=(), projections=()), identity).catch_up()
    yield state, identity
    state.close()
    journal.close()


@pytest.mark.parametrize("number", [0, 25, 59])
def test_a_trace_up_reaches_exactly_what_a_table_comes_from(
    number: int, loaded: tuple[SqlState, Identity]
) -> None:
    state, identity = loaded
    estate = Estate(SPEC)
    ref, _ = resolve(state, identity, f"dataset:[bench]{estate.writes(number)}")
    found = trace(
        GraphRouter(state.graph, None),
        state,
        identity,
        ref,
        direction="up",
        as_of=NOW,
        limits=Limits(),
    )
    assert found.complete
    reached = {node.ref.rpartition("]")[2] for node in found.nodes}
    assert reached == {estate.writes(number), *estate.upstream(number)}
