"""A journal in memory whose parts can be erased, and events that meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import strategies as st
from openlineage_events import IDENTITY, at, dataset, dataset_event, facts_of, job_event, run_event
from quick_states import memory_state

from lineage.facts import Entity, Fact, FactType, Point
from lineage.journal.erasure import ERASED, STREAM, PartErased
from lineage.journal.parts import PartName
from lineage.state.advance import Folder
from lineage.state.registry import Registry

__all__ = ["REGISTRY", "ErasableList", "Noted", "events", "folded", "noted"]

TABLES = ("a", "b", "c")


class Noted(msgspec.Struct, frozen=True):
    """A native fact about a table."""

    name: str
    aspect: str
    value: Any


def _points(fact: Fact, body: Noted, _: object) -> list[Point]:
    subject = Entity("Dataset", ("warehouse", body.name), {"shown": body.aspect})
    return [Point(subject, body.aspect, body.value, time=fact.valid_time or 0)]


REGISTRY = Registry([FactType("test.noted/1", Noted, _points)])

_minutes = st.integers(0, 9)
_outputs = st.builds(
    lambda name, columns, change, mode, source: dataset(
        name, columns=columns, change=change, mode=mode,
        lineage={"x": [source]} if source else None,
    ),
    st.sampled_from(TABLES), st.sampled_from([(), ("x",), ("x", "y")]),
    st.sampled_from(["", "", "", "OVERWRITE", "DROP"]), st.sampled_from(["", "", "overwrite"]),
    st.sampled_from(["", "", "a.x", "b.y"]),
)  # fmt: skip
_runs = st.builds(
    lambda kind, minute, job, run, inputs, outputs: run_event(
        kind, minute, job=job, run=run, inputs=inputs, outputs=outputs
    ),
    st.sampled_from(["START", "RUNNING", "COMPLETE", "COMPLETE", "COMPLETE", "FAIL"]), _minutes,
    st.sampled_from(["one", "two"]), st.sampled_from(["r1", "r2", "r3"]),
    st.lists(st.sampled_from(TABLES), max_size=2, unique=True), st.lists(_outputs, max_size=2),
)  # fmt: skip
events = st.one_of(
    _runs,
    _runs,
    st.builds(lambda minute, inputs: job_event(minute, job="one", inputs=inputs, outputs=["c"]),
              _minutes, st.lists(st.sampled_from(TABLES), max_size=2, unique=True)),
    st.builds(dataset_event, _minutes, _outputs),
)  # fmt: skip
"""Events of few runs over few tables, so that they meet: late, split over a run, of every kind."""

noted = st.tuples(
    _minutes,
    st.builds(
        lambda name, said: Noted(name, *said),
        st.sampled_from(TABLES),
        st.sampled_from(
            [("write_mode", "overwrite"), ("write_mode", None), ("purged", {"case": "1"}),
             ("ownership", {"owners": [{"name": "p"}]})]
        ),
    ),
)  # fmt: skip


class ErasableList:
    """Facts in order; of the journal port ``read``, and erasing in its two steps."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.promised: list[int] = []
        self.erased: set[int] = set()

    def read(self, after: int = 0, limit: int = 1000) -> list[Fact]:
        return self.facts[after : after + limit]

    def send(self, event: dict[str, Any]) -> None:
        self.facts += facts_of([event], len(self.facts) + 1)

    def note(self, minute: int, body: Noted) -> None:
        number = len(self.facts) + 1
        self.facts.append(
            Fact(
                number, f"fact-{number:06d}", "test.noted/1", "p", None, at(minute), 0,
                msgspec.json.encode(body),
            )
        )  # fmt: skip

    def repeat(self, index: int) -> None:
        """The same event from another producer: another fact that says the same."""
        number = len(self.facts) + 1
        fact = self.facts[index]
        self.facts.append(replace(fact, position=number, fact_id=f"fact-{number:06d}", actor="q"))

    def erasable(self) -> list[int]:
        gone = self.erased | set(self.promised)
        return [n for n, fact in enumerate(self.facts) if fact.kind != ERASED and n not in gone]

    def promise(self, index: int, part: PartName = "distilled") -> None:
        """The fact that says so; the part is still there."""
        body = PartErased(fact=self.facts[index].fact_id, part=part, reason="test")
        number = len(self.facts) + 1
        self.facts.append(
            Fact(
                number, f"fact-{number:06d}", ERASED, "p", STREAM, None, 0,
                msgspec.json.encode(body),
            )
        )  # fmt: skip
        if part == "distilled":
            self.promised.append(index)

    def keep_promises(self) -> None:
        """Destroy the keys that are promised to be."""
        for index in self.promised:
            self.facts[index] = replace(self.facts[index], body=None)
        self.erased |= set(self.promised)
        self.promised.clear()

    def without_erased(self) -> list[Fact]:
        """The journal as if nothing that was erased had ever come in, nor any erasure."""
        gone = self.erased | set(self.promised)
        return [f for n, f in enumerate(self.facts) if n not in gone and f.kind != ERASED]


def folded(facts: list[Fact]) -> tuple[str, list[str], list[str]]:
    """Digest of the state of these facts, the whole graph as text, and what is stuck."""
    state = memory_state()
    try:
        if facts:
            Folder(ErasableList(), state, REGISTRY, IDENTITY).fold(facts)  # type: ignore[arg-type]
        graph = state.graph
        content = sorted(map(repr, [*graph.all_nodes(), *graph.all_edges()]))
        return state.digest(), content, [row[0] for row in state.stuck()]
    finally:
        state.close()
