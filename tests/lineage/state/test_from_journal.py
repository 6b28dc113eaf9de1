"""From bytes through the journal into the state, with nothing put in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from journal_world import TickingClock
from openlineage_events import IDENTITY, SCRUBBER, ListedJournal, dataset, facts_of, run_event

from lineage.facts import Fact
from lineage.journal.sqlite import open_journal
from lineage.openlineage.read import receive
from lineage.state.advance import Folder
from lineage.state.rebuild import rebuild
from lineage.state.registry import Registry
from lineage.state.store import open_state


def test_events_reach_the_state_once_and_a_rebuild_agrees(tmp_path: Path) -> None:
    journal = open_journal(
        tmp_path / "data", tmp_path / "keys", origin="test", clock=TickingClock()
    )
    events = [
        run_event("START", 1, inputs=["a"], outputs=["b"]),
        run_event("COMPLETE", 2, inputs=["a"], outputs=[dataset("b", columns=["x"])]),
    ]
    drafts = [
        receive(msgspec.json.encode(e), actor="p", scrubber=SCRUBBER, max_bytes=10**6)
        for e in events
    ]
    receipts = [journal.submit(draft).result(10) for draft in (*drafts, *drafts)]
    assert [receipt.duplicate for receipt in receipts] == [False, False, True, True]

    path, registry = tmp_path / "state.db", Registry()
    state = open_state(path)
    done = Folder(journal, state, registry, IDENTITY).catch_up()
    assert (done.position, done.folded) == (2, 2)
    assert [run.state for run in state.runs()] == ["COMPLETE"]
    reader = open_state(path, read_only=True)
    assert reader.digest() == state.digest()
    assert {n.props["name"] for n in reader.list_nodes("Dataset")} == {"a", "b"}
    reader.close()
    state.close()
    outcome = rebuild(journal, path, registry, IDENTITY)
    assert outcome.equal
    assert outcome.comparable
    journal.close()


def test_a_fold_that_is_far_behind_takes_twice_as_many_facts_each_time(tmp_path: Path) -> None:
    asked: list[int] = []

    class Noting(ListedJournal):
        def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
            asked.append(limit)
            return super().read(after, limit)

    events = [run_event("COMPLETE", n, run=f"r{n}") for n in range(20)]
    journal: Any = Noting(facts_of(events))
    state = open_state(tmp_path / "state.db")
    assert Folder(journal, state, Registry(), IDENTITY).catch_up(2).folded == 20
    assert asked == [2, 4, 8, 16, 16]
    state.close()
