"""Random histories: events of a few jobs over a few tables, and native facts about the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from choices import Choices, chosen
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

__all__ = ["REGISTRY", "TABLES", "Held", "Said", "fact_sets"]

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

CHANGES = ("", "", "", "OVERWRITE", "TRUNCATE", "DROP", "CREATE")
MODES = ("", "", "append", "overwrite")
COLUMNS: tuple[tuple[str, ...], ...] = ((), ("x",), ("x", "y"), ("y", "x"))
LINEAGE: tuple[dict[str, Sequence[str]] | None, ...] = (
    None, None, {"x": ["a.x"]}, {"x": ["b.x", "c.y"]}, {"y": ["a.x"]},
)  # fmt: skip
KINDS = (
    "COMPLETE", "COMPLETE", "COMPLETE", "START", "RUNNING", "FAIL", "ABORT", "OTHER",
    "job", "dataset",
)  # fmt: skip
SAID: tuple[tuple[str, Any], ...] = (
    ("write_mode", "overwrite"), ("write_mode", None), ("purged", {"case": "1"}),
    ("terms", {"write_mode": "append"}), ("ownership", {"owners": [{"name": "p"}]}),
)  # fmt: skip


def _minute(choices: Choices) -> int:
    return choices.below(13)


def _tables(
    choices: Choices, names: Sequence[str], *, outputs: bool, least: int = 0
) -> list[dict[str, Any]]:
    made = []
    for name in choices.some(names, 2, least):
        columns = choices.of(COLUMNS)
        extra: dict[str, Any] = {}
        if choices.yes():
            version = choices.of(["v1", "v2"])
            extra["version"] = facet("DatasetVersionDatasetFacet", datasetVersion=version)
        if choices.yes():
            owner = choices.of(["team:a", "team:b"])
            deleted = {"_deleted": True} if choices.yes() else {}
            extra["ownership"] = facet("Ownership", owners=[{"name": owner}], **deleted)
        if choices.below(4) == 3:
            extra["symlinks"] = _symlinks(choices, names)
        if not outputs:
            made.append(dataset(name, columns=columns, **extra))
            continue
        made.append(
            dataset(
                name, columns=columns, lineage=choices.of(LINEAGE),
                change=choices.of(CHANGES), mode=choices.of(MODES), **extra,
            )
        )  # fmt: skip
    return made


def _symlinks(choices: Choices, names: Sequence[str]) -> dict[str, Any]:
    others = choices.some([*names, "path"], 2)
    deleted = {"_deleted": True} if choices.below(4) == 3 else {}
    identifiers = [{"namespace": NS, "name": name, "type": "TABLE"} for name in others]
    return facet("SymlinksDatasetFacet", identifiers=identifiers, **deleted)


def _event(choices: Choices, names: Sequence[str], jobs: Sequence[str]) -> dict[str, Any]:
    """An event of any type, in time or late, or without a time."""
    kind, moment = choices.of(KINDS), _minute(choices)
    if kind == "dataset":
        return dataset_event(moment, _tables(choices, names, outputs=True, least=1)[0])
    job = choices.of(jobs)
    inputs = _tables(choices, names, outputs=False)
    outputs = _tables(choices, names, outputs=True)
    if kind == "job":
        return job_event(moment, job=job, inputs=inputs, outputs=outputs)
    run = choices.of(["r1", "r2", "r3", "r4"])
    event = run_event(kind, moment, job=job, run=run, inputs=inputs, outputs=outputs)
    if choices.below(10) == 9:
        del event["eventTime"]
    return event


def _said(choices: Choices, names: Sequence[str]) -> Said:
    aspect, value = choices.of(SAID)
    return Said(choices.of(names), aspect, value, choices.of(["manifest", "decision"]))


def fact_sets(
    names: Sequence[str] = TABLES,
    jobs: Sequence[str] = JOBS,
    *,
    most: int = 14,
    mixed: bool = False,
) -> st.SearchStrategy[list[Fact]]:
    """The facts of a journal.

    Args:
        names: Tables they speak of.
        jobs: Jobs that touch them.
        most: Events at most.
        mixed: Whether native facts stand between the events, or behind them all.
    """

    def make(choices: Choices) -> list[Fact]:
        facts = facts_of([_event(choices, names, jobs) for _ in range(choices.between(1, most))])
        bodies: list[tuple[str, Any]] = [
            ("test.said/1", _said(choices, names)) for _ in range(choices.below(5))
        ]
        bodies += [
            ("test.held/1", Held(choices.of(["h1", "h2"]), choices.some(names, 2)))
            for _ in range(choices.below(3))
        ]
        for kind, body in bodies:
            moment, encoded = at(_minute(choices)), msgspec.json.encode(body)
            facts.append(Fact(0, "", kind, "p", None, moment, at(0), encoded))
        if mixed:
            facts = choices.shuffled(facts)
        return [_numbered(fact, number) for number, fact in enumerate(facts, 1)]

    return chosen(make)


def _numbered(fact: Fact, number: int) -> Fact:
    return Fact(
        number, f"fact-{number:06d}", fact.kind, fact.actor, fact.stream,
        fact.valid_time, at(0) + number, fact.body,
    )  # fmt: skip
