"""The state as it was known: equal to a replay of the journal, at the cost of what is reached."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from histories import REGISTRY, TABLES, fact_sets
from hypothesis import given
from hypothesis import strategies as st
from openlineage_events import (
    IDENTITY,
    NS,
    ListedJournal,
    at,
)

from lineage.errors import NotFound
from lineage.facts import Fact
from lineage.graph.port import Limits
from lineage.refs import ColumnRef, DatasetRef, Ref
from lineage.state.advance import Folder
from lineage.state.known_at import KnownAt, known_at, replayed
from lineage.state.store import open_state
from lineage.trace.model import Coverage
from lineage.trace.render import as_json
from lineage.trace.walk import trace

WIDE = Limits(depth=100, nodes=1000, seconds=60)
NAMES = (*TABLES, "e", "f")
JOBS = ("one", "two", "three", "four", "five")
MOMENTS = (0, at(2), at(5), at(8), at(20))
ASPECTS = (
    "schema", "ownership", "write_mode", "terms", "purged", "version", "lifecycle", "hold",
)  # fmt: skip
NO_COVERAGE = Coverage(0, 0, 0, 0)


def traced(known: KnownAt, ref: Ref, **asked: Any) -> dict[str, Any] | str:
    try:
        found = trace(
            known.graph, known.state, IDENTITY, ref, limits=WIDE, coverage=NO_COVERAGE, **asked
        )
    except NotFound:
        return "unknown"
    answer = as_json(found)
    answer["said"] = {
        node.key: {
            "aspects": known.state.aspects([node.key], ASPECTS, asked["as_of"]),
            "history": [known.state.history(node.key, aspect) for aspect in ASPECTS],
            "node": known.state.node(node.key),
            "holds": [e.id for e in known.graph.neighbors(node.key, edge_types=("HELD_BY",))],
        }
        for node in found.nodes
    }
    return answer


@given(fact_sets(NAMES, JOBS, mixed=True), st.data())
def test_what_was_known_at_a_position_equals_a_replay_to_it(
    facts: list[Fact], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(facts)))
    name = data.draw(st.sampled_from(NAMES))
    ref: Ref = DatasetRef(NS, name)
    if data.draw(st.booleans()):
        ref = ColumnRef(NS, name, data.draw(st.sampled_from(["x", "y"])))
    journal: Any = ListedJournal(facts)
    with TemporaryDirectory() as folder:
        state = open_state(Path(folder) / "state.db")
        Folder(journal, state, REGISTRY, IDENTITY).catch_up(data.draw(st.sampled_from([1, 3, 99])))
        with replayed(journal, REGISTRY, IDENTITY, position=position) as whole:
            for direction in ("up", "down"):
                with known_at(
                    journal, state, REGISTRY, IDENTITY, starts=[ref.key(IDENTITY)],
                    position=position, limits=WIDE, directions=[direction],
                ) as part:  # fmt: skip
                    assert part.truncated == ()
                    assert part.facts <= position
                    assert part.state.position() == position
                    for view in ("structural", "content"):
                        for columns in (False, True):
                            asked = {
                                "direction": direction,
                                "view": view,
                                "columns": columns,
                                "as_of": data.draw(st.sampled_from(MOMENTS)),
                            }
                            assert traced(part, ref, **asked) == traced(whole, ref, **asked)
        state.close()
