"""Random histories: events of a few jobs over a few tables, and native facts about the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st
from openlineage_events import (
    NS,
    at,
    dataset,
    dataset_event,
    facet,
    facts_of,
    job_event,
    run_event,
)

from lineage.facts import Entity, Fact, FactType, Point
from lineage.graph.port import Edge
from lineage.identity import Identity
from lineage.state.port import AspectValue
from lineage.state.registry import Registry

__all__ = ["REGISTRY", "TABLES", "Held", "Said", "events", "fact_sets", "said"]

TABLES = ("a", "b", "c", "d")
JOBS = ("one", "two", "three")


class Said(msgspec.Struct, frozen=True):
    """Something said about a table."""

    name: str
    aspect: str
    value: Any
    source: Any = "manifest"


class Held(msgspec.Struct, frozen=True):
    """Something that names tables from elsewhere."""

    hold: str
    names: list[str]


def _points(fact: Fact, body: Said, _: object) -> list[Point]:
    subject = Entity("Dataset", (NS, body.name), {"shown": body.aspect})
    time = fact.valid_time or 0
    return [Point(subject, body.aspect, body.value, source=body.source, time=time)]


def _held(fact: Fact, body: Held, _: object) -> list[Point]:
    subject = Entity("Hold", (body.hold,), {"name": body.hold})
    return [Point(subject, "hold", {"names": body.names}, time=fact.valid_time or 0)]


def _holds(
    entity: Entity, values: list[AspectValue], identity: Identity
) -> tuple[list[Any], list[Edge]]:
    hold = entity.key(identity)
    return [], [
        Edge("HELD_BY", identity.key("Dataset", NS, name), hold, f"{hold}:hold", "hold")
        for value in values
        for name in value.value["names"]
    ]


REGISTRY = Registry(
    [FactType("test.said/1", Said, _points), FactType("test.held/1", Held, _held)],
    projections=[("hold", _holds)],
)

minutes = st.integers(0, 12)
changes = st.sampled_from(["", "", "", "OVERWRITE", "TRUNCATE", "DROP", "CREATE"])
modes = st.sampled_from(["", "", "append", "overwrite"])


@st.composite
def _tables(draw: st.DrawFn, names: Sequence[str], *, outputs: bool) -> list[dict[str, Any]]:
    made = []
    for name in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        columns = draw(st.sampled_from([(), ("x",), ("x", "y"), ("y", "x")]))
        extra: dict[str, Any] = {}
        if draw(st.booleans()):
            version = draw(st.sampled_from(["v1", "v2"]))
            extra["version"] = facet("DatasetVersionDatasetFacet", datasetVersion=version)
        if draw(st.booleans()):
            owner = draw(st.sampled_from(["team:a", "team:b"]))
            deleted = {"_deleted": True} if draw(st.booleans()) else {}
            extra["ownership"] = facet("Ownership", owners=[{"name": owner}], **deleted)
        if draw(st.integers(0, 3)) == 0:
            extra["symlinks"] = draw(_symlinks(names))
        if not outputs:
            made.append(dataset(name, columns=columns, **extra))
            continue
        lineage = draw(
            st.sampled_from([None, None, {"x": ["a.x"]}, {"x": ["b.x", "c.y"]}, {"y": ["a.x"]}])
        )
        made.append(
            dataset(
                name, columns=columns, lineage=lineage,
                change=draw(changes), mode=draw(modes), **extra,
            )
        )  # fmt: skip
    return made


@st.composite
def _symlinks(draw: st.DrawFn, names: Sequence[str]) -> dict[str, Any]:
    others = draw(st.lists(st.sampled_from([*names, "path"]), max_size=2, unique=True))
    deleted = {"_deleted": True} if draw(st.integers(0, 3)) == 0 else {}
    identifiers = [{"namespace": NS, "name": name, "type": "TABLE"} for name in others]
    return facet("SymlinksDatasetFacet", identifiers=identifiers, **deleted)


@st.composite
def events(
    draw: st.DrawFn, names: Sequence[str] = TABLES, jobs: Sequence[str] = JOBS
) -> dict[str, Any]:
    """An event of any type, in time or late, or without a time."""
    kind = draw(
        st.sampled_from(
            ["START", "RUNNING", "COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "ABORT", "OTHER",
             "job", "dataset"]
        )
    )  # fmt: skip
    moment = draw(minutes)
    if kind == "dataset":
        return dataset_event(moment, draw(_tables(names, outputs=True).filter(bool))[0])
    job = draw(st.sampled_from(jobs))
    inputs, outputs = draw(_tables(names, outputs=False)), draw(_tables(names, outputs=True))
    if kind == "job":
        return job_event(moment, job=job, inputs=inputs, outputs=outputs)
    run = draw(st.sampled_from(["r1", "r2", "r3", "r4"]))
    event = run_event(kind, moment, job=job, run=run, inputs=inputs, outputs=outputs)
    if draw(st.integers(0, 9)) == 0:
        del event["eventTime"]
    return event


@st.composite
def said(draw: st.DrawFn, names: Sequence[str] = TABLES) -> tuple[int, Said]:
    """A moment, and what is said of a table then."""
    aspect, value = draw(
        st.sampled_from(
            [("write_mode", "overwrite"), ("write_mode", None), ("purged", {"case": "1"}),
             ("terms", {"write_mode": "append"}), ("ownership", {"owners": [{"name": "p"}]})]
        )
    )  # fmt: skip
    source = draw(st.sampled_from(["manifest", "decision"]))
    return draw(minutes), Said(draw(st.sampled_from(names)), aspect, value, source)


@st.composite
def fact_sets(
    draw: st.DrawFn,
    names: Sequence[str] = TABLES,
    jobs: Sequence[str] = JOBS,
    *,
    most: int = 14,
    mixed: bool = False,
) -> list[Fact]:
    """The facts of a journal.

    Args:
        draw: Given by Hypothesis.
        names: Tables they speak of.
        jobs: Jobs that touch them.
        most: Events at most.
        mixed: Whether native facts stand between the events, or behind them all.
    """
    facts = facts_of(draw(st.lists(events(names, jobs), min_size=1, max_size=most)))
    bodies: list[tuple[int, str, Any]] = [
        (moment, "test.said/1", body) for moment, body in draw(st.lists(said(names), max_size=4))
    ]
    holds = st.lists(st.sampled_from(names), max_size=2, unique=True)
    bodies += [
        (draw(minutes), "test.held/1", Held(hold, draw(holds)))
        for hold in draw(st.lists(st.sampled_from(["h1", "h2"]), max_size=2))
    ]
    for moment, kind, body in bodies:
        facts.append(Fact(0, "", kind, "p", None, at(moment), at(0), msgspec.json.encode(body)))
    if mixed:
        facts = draw(st.permutations(facts))
    return [_numbered(fact, number) for number, fact in enumerate(facts, 1)]


def _numbered(fact: Fact, number: int) -> Fact:
    return Fact(
        number, f"fact-{number:06d}", fact.kind, fact.actor, fact.stream,
        fact.valid_time, at(0) + number, fact.body,
    )  # fmt: skip
