"""A naive world in which data really moves: what is inside each table, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import strategies as st
from openlineage_events import dataset, dataset_event, run_event

TABLES = ("a", "b", "c", "d", "e")
How = Literal["append", "overwrite", "fail", "truncate", "rewrite"]


@dataclass(frozen=True)
class Step:
    """A run that reads at ``read`` and writes at ``wrote``, both within its time."""

    how: How
    target: str
    sources: tuple[str, ...]
    start: int
    read: int
    wrote: int
    end: int

    def events(self, number: int) -> list[dict[str, Any]]:
        """As a producer tells it; one event where it takes no time."""
        if self.how == "truncate":
            return [dataset_event(self.end, dataset(self.target, change="TRUNCATE"))]
        mode = "overwrite" if self.how in ("overwrite", "rewrite") else ""
        told: dict[str, Any] = {
            "job": f"into {self.target}",
            "run": f"run-{number}",
            "inputs": [*self.sources, *([self.target] if self.how == "rewrite" else [])],
            "outputs": [dataset(self.target, mode=mode)],
        }
        last = run_event("FAIL" if self.how == "fail" else "COMPLETE", self.end, **told)
        return [last] if self.start == self.end else [run_event("START", self.start, **told), last]


@dataclass
class Tables:
    """What each table holds of which others, itself aside."""

    inside: dict[str, set[str]] = field(default_factory=lambda: {t: set() for t in TABLES})

    def play(self, steps: Iterable[Step], until: int) -> dict[str, set[str]]:
        """Let the steps happen up to a moment, in the order of what they read and write."""
        moments: list[tuple[int, int, int, Step]] = []
        for number, step in enumerate(steps):
            moments.append((step.read, 0, number, step))
            moments.append((step.wrote, 1, number, step))
        taken: dict[int, set[str]] = {}
        for moment, writes, number, step in sorted(moments, key=lambda m: (m[0], m[2], m[1])):
            if moment > until:
                continue
            if not writes:
                taken[number] = {origin for s in step.sources for origin in (s, *self.inside[s])}
                continue
            if step.how in ("overwrite", "truncate"):
                self.inside[step.target] = set()
            if step.how != "truncate":
                self.inside[step.target] |= taken[number]
        return {table: held - {table} for table, held in self.inside.items()}


@st.composite
def steps_after_each_other(draw: st.DrawFn) -> list[Step]:
    """Runs that do not overlap; each takes no time, or reads at once when it starts."""
    steps = []
    for number in range(draw(st.integers(1, 14))):
        at = 10 * number + 5
        start = at - draw(st.sampled_from([0, 3]))
        how, target, sources = draw(_what())
        if how == "truncate":
            start = at
        steps.append(Step(how, target, sources, start, start, at, at))
    return steps


@st.composite
def steps_at_once(draw: st.DrawFn) -> list[Step]:
    """Runs that overlap as they like, reading and writing at some moment of their time."""
    steps = []
    latest = draw(st.sampled_from([4, 20, 100]))
    for _ in range(draw(st.integers(1, 14))):
        start = draw(st.integers(0, latest))
        end = start + draw(st.integers(0, latest // 2))
        read = draw(st.integers(start, end))
        wrote = draw(st.integers(read, end))
        how, target, sources = draw(_what())
        if how == "truncate":
            read = wrote = start = end
        steps.append(Step(how, target, sources, start, read, wrote, end))
    return steps


@st.composite
def _what(draw: st.DrawFn) -> tuple[How, str, tuple[str, ...]]:
    how = draw(st.sampled_from(["append", "overwrite", "overwrite", "fail", "truncate", "rewrite"]))
    target = draw(st.sampled_from(TABLES))
    others = [table for table in TABLES if table != target]
    sources = draw(st.lists(st.sampled_from(others), unique=True, min_size=1, max_size=2))
    return how, target, tuple(sources)  # type: ignore[return-value]
