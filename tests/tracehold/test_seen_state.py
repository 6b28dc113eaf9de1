"""Lists and counts of what may be seen are those of a filter over everything, whatever way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from openlineage_events import IDENTITY

from catalog.grants import Grant
from lineage.graph.port import GraphDiff, Node
from lineage.identity import Label
from lineage.refs import DatasetRef, JobRef, ModelRef
from lineage.state.store import SqlState, open_state
from tracehold import seen_state
from tracehold.seeing import Seeing, Sight
from tracehold.seen_state import SeenState

LABELS: tuple[Label, ...] = ("Dataset", "Job", "Model")


@dataclass(frozen=True)
class Filled:
    state: SqlState
    nodes: list[Node]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    state = open_state(tmp_path_factory.mktemp("state") / "state.db")
    nodes = []
    for number in range(600):
        namespace, name = f"ns{number % 7}", f"thing {number % 50} of {number}"
        made = {"namespace": namespace, "name": name}
        nodes.append(Node(DatasetRef(namespace, name).key(IDENTITY), "Dataset", made))
        nodes.append(Node(JobRef(namespace, name).key(IDENTITY), "Job", made))
        model = {"name": name, "version": "1"}
        nodes.append(Node(ModelRef(name, "1").key(IDENTITY), "Model", model))
    # A name that was erased: only the key is left of it.
    nodes.append(Node(DatasetRef("gone", "gone").key(IDENTITY), "Dataset", {"name": ""}))
    state.writer_graph().apply(GraphDiff(nodes, []), 1)
    yield Filled(state, nodes)
    state.close()


def sights(filled: Filled) -> Iterator[Seeing]:
    rng = random.Random(3)
    namespaces = [f"ns{number}" for number in range(7)]
    keys = [node.key for node in filled.nodes if node.label != "Job"]
    for _ in range(12):
        opened = tuple(rng.choice([["*"], rng.sample(namespaces, rng.randint(0, 6))]))
        grant = Grant(
            "G", (rng.choice(["*", "ns3"]),), (rng.choice(["special", "personal"]),), "", "", 0, 9
        )
        marks = dict.fromkeys(rng.sample(keys, rng.choice([0, 5, 80])), frozenset({"special"}))
        yield Seeing(Sight(opened, rng.choice([(), (grant,)])), marks, IDENTITY)


@pytest.mark.parametrize("few", [0, 2_000])
def test_lists_and_counts_are_those_of_a_filter(
    filled: Filled, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_state, "_FEW", few)
    hidden = 0
    for seeing in sights(filled):
        seen = SeenState(filled.state, seeing)
        for label in LABELS:
            whole = filled.state.list_nodes(label, limit=10_000)
            expected = [node for node in whole if seeing.sees(node)]
            hidden += len(whole) - len(expected)
            assert seen.count(label) == len(expected)
            assert seen.list_nodes(label, limit=10_000) == expected
            assert paged(seen, label, 37) == expected
            some = [node for node in expected if "thing 4" in node.props["name"]]
            assert seen.list_nodes(label, text="Thing 4", limit=10_000) == some
    assert hidden > 1_000


def paged(seen: SeenState, label: Label, size: int) -> list[Node]:
    found: list[Node] = []
    while page := seen.list_nodes(label, after=found[-1].key if found else "", limit=size):
        found += page
    return found


WITHOUT_NAMES = {
    "path", "connections", "connection", "writer", "writer_graph", "close", "position", "digest",
    "fold_version", "standing", "erased", "is_erased", "needs_rebuild", "claim_version", "within",
    "made",
}  # fmt: skip
"""Where the state stands, and how it is opened."""
AMONG_KEYS = {"mentioned"}
"""Answers with some of the keys that it is given."""
NOT_NARROWED = {"graph", "passages", "steps"}
"""What traces walk, with ``Seeing.allowed`` in their hands."""


def test_each_question_to_the_state_is_narrowed_or_tells_nothing_of_what_there_is() -> None:
    public = {name for name in vars(SqlState) if not name.startswith("_")}
    narrowed = {name for name in vars(SeenState) if not name.startswith("_")}
    assert public - narrowed == WITHOUT_NAMES | AMONG_KEYS | NOT_NARROWED
    assert narrowed <= public
