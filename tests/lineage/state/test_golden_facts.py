"""Every version of every fact ever released stays readable and leaves what it always left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from golden_facts import FOLDER, files_of, folded, left_by, read_fact

from lineage.journal.erasure import ERASED
from lineage.openlineage.read import KIND
from tracehold.registry import make_registry

REGISTRY = make_registry()
KINDS = sorted({KIND, ERASED, *REGISTRY.facts, *REGISTRY.older})
FILES = sorted(FOLDER.glob("*/*.json"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_declared_version_has_a_golden_file(kind: str) -> None:
    assert files_of(kind), f"run: python tests/support/golden_facts.py {kind}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_stored_fact_leaves_what_it_always_left(path: Path) -> None:
    stored = json.loads(path.read_bytes())
    assert stored["fact"]["kind"].replace("/", "-") == path.parent.name
    left = left_by(read_fact(stored), REGISTRY)
    assert json.loads(json.dumps(left)) == stored["leaves"]
    assert not left.get("stuck")


def test_all_of_them_fold_together() -> None:
    facts = [read_fact(json.loads(path.read_bytes())) for path in FILES]
    state = folded(facts, REGISTRY)
    assert state["stuck"] == []
    assert len(state["points"]) > len(KINDS)
