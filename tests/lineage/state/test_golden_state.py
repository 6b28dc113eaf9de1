"""The same facts give the same state for as long as the fold version is the same."""

from __future__ import annotations

import json

import pytest
from golden_state import FILE, history, says

from lineage.state.registry import FOLD_VERSION

TOLD = json.loads(FILE.read_bytes()) if FILE.exists() else {}


@pytest.mark.parametrize("batch", [1000, 9])
@pytest.mark.parametrize("part", ["edges", "nodes", "aspects", "runs", "digest", "all"])
def test_a_long_history_gives_what_it_gave_when_the_fold_version_was_set(
    part: str, batch: int
) -> None:
    advice = (
        f"fold version {FOLD_VERSION} gives another state now: if it was released, raise"
        " FOLD_VERSION; then run tests/support/golden_state.py and read the difference"
    )
    now = says(history(), batch)
    if part == "all":
        assert now.keys() == TOLD.keys()
        assert [name for name in TOLD if now[name] != TOLD[name]] == [], advice
    else:
        assert now[part] == TOLD[part], advice


def test_the_history_has_something_of_everything() -> None:
    assert all(TOLD[name] for name in TOLD)
    kinds = {edge[2]["type"] for edge in TOLD["edges"]}
    assert kinds >= {"FEEDS", "FEEDS_COLUMN", "READ", "WROTE", "CHILD_OF", "SAME_AS", "HELD_BY"}
    states = {run[2] for run in TOLD["runs"]}
    assert states >= {"COMPLETE", "FAIL", "ABORT", "START", "RUNNING", "OTHER"}
