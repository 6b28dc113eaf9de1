"""A journal that a release wrote is opened, verified, read, folded and continued by this one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from golden_facts import folded
from journal_world import TickingClock, draft
from stored_journal import FOLDER, ORIGIN, copy_of, identity_of

from lineage.journal.sqlite import open_journal
from lineage.journal.verify import verify_journal
from tracehold.registry import make_registry

STORED = sorted(path for path in FOLDER.iterdir() if path.is_dir())


def test_there_is_one_of_the_first_form() -> None:
    assert STORED[0].name == "format-1"


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.name)
def test_it_is_verified_folded_and_continued(stored: Path, tmp_path: Path) -> None:
    told = json.loads((stored / "told.json").read_bytes())
    data, keys = copy_of(stored, tmp_path)
    before = verify_journal(data, keys)
    assert before.ok, before.problems
    assert (before.size, before.root) == (told["size"], told["checkpoint"].split("\n")[2])

    journal = open_journal(data, keys, origin=ORIGIN, clock=TickingClock())
    facts = journal.read(0, 1000)
    left = folded(facts, make_registry(), identity_of(keys))
    assert json.loads(json.dumps(left)) == told["leaves"]
    assert [len(journal.get(fact.fact_id).raw or b"") for fact in facts[:5]] == told["raw"]
    receipts = journal.append([draft(1), draft(2, stream="hold")])
    assert [receipt.position for receipt in receipts] == [told["size"] + 1, told["size"] + 2]
    journal.close()

    after = verify_journal(data, keys, witness=told["checkpoint"])
    assert after.ok, after.problems
    assert after.size == told["size"] + 2
