"""What the state answers about aspects, runs and versions, and where names stand."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from openlineage_events import (
    IDENTITY,
    NS,
    World,
    at,
    column,
    dataset,
    dataset_event,
    facet,
    job_event,
    job_key,
    run_event,
    table,
)
from sqlite_memory import connect

from lineage.errors import Fault, Unavailable
from lineage.facts import Entity, FacetReader, Fact, FactType, Point, Source
from lineage.graph.port import Edge, Node
from lineage.state.advance import Folder
from lineage.state.point_table import read_points
from lineage.state.precedence import DEFAULT, PRECEDENCE
from lineage.state.registry import Registry
from lineage.state.resolve import resolve
from lineage.state.store import open_state


class Said(msgspec.Struct, frozen=True):
    aspect: str
    value: Any
    source: Any = "manifest"
    slot: str = ""


def _points(fact: Fact, body: Said, _: object) -> list[Point]:
    subject = Entity("Dataset", (NS, "t"))
    time = fact.valid_time or 0
    return [Point(subject, body.aspect, body.value, body.slot, body.source, time)]


def _licensed(entity: Entity, values: list[Any], identity: Any) -> tuple[list[Node], list[Edge]]:
    key = entity.key(identity)
    nodes = [Node(identity.key("License", v.value), "License", {"name": v.value}) for v in values]
    edges = [Edge("LICENSED_UNDER", key, n.key, f"{key}:license", "license") for n in nodes]
    return nodes, edges


REGISTRY = Registry(
    [FactType("test.said/1", Said, _points)],
    [FacetReader("acme_pii", "pii", varies=True, slotted=True)],
    [("license", _licensed)],
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, REGISTRY)
    yield world
    world.close()


def say(world: World, minutes: float, kind: str = "test.said/1", **body: Any) -> None:
    number = len(world.journal.facts) + 1
    raw = msgspec.json.encode(body)
    fact_id = f"fact-{number:06d}"
    world.journal.facts.append(
        Fact(number, fact_id, kind, "person-1", None, at(minutes), at(minutes), raw)
    )
    world.folder.catch_up()


def value(world: World, aspect: str, minutes: float | None = None, key: str = "") -> Any:
    key = key or table("t")
    as_of = None if minutes is None else at(minutes)
    values = world.state.aspects([key], [aspect], as_of).get(key, {}).get(aspect)
    return None if values is None else {v.slot: v.value for v in values}


def test_every_precedence_names_every_source_once() -> None:
    for order in (DEFAULT, *(order.sources for order in PRECEDENCE.values())):
        assert sorted(order) == sorted(get_args(Source))


def test_the_newest_of_each_slot_and_source_is_all_that_counts(world: World) -> None:
    rng = random.Random(7)
    for _ in range(120):
        said = rng.choice((None, "MIT", "GPL-3.0-only", "0BSD"))
        slot, source = rng.choice(("", "a", "*")), rng.choice(("manifest", "facet", "scan"))
        many = {"a": said, "b": "MIT"} if slot == "*" else said
        say(world, rng.randrange(6), aspect="terms", value=many, slot=slot, source=source)
    key = table("t")
    points = read_points(world.state.connection(), key, "terms")
    for moment in (None, *(at(minute) for minute in range(-1, 7))):
        found = world.state.aspects([key], ["terms"], moment).get(key, {}).get("terms", [])
        assert found == resolve("terms", points, moment)


def test_a_facet_holds_from_the_event_that_changed_it(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", outputs=[dataset("t", columns=["x"])]),
        run_event("COMPLETE", 2, run="b", outputs=[dataset("t", columns=["x"])]),
        run_event("COMPLETE", 4, run="d", outputs=[dataset("t", columns=["y"])]),
    )
    fields = [
        [f["name"] for f in v.value["fields"]] for v in world.state.history(table("t"), "schema")
    ]
    assert fields == [["x"], ["y"]]
    assert value(world, "schema", 3) == {"": {"fields": [{"name": "x", "type": "TEXT"}]}}
    assert value(world, "schema", 0.5) is None
    world.send(run_event("COMPLETE", 3, run="c", outputs=[dataset("t", columns=["z"])]))
    assert [v.time for v in world.state.history(table("t"), "schema")] == [at(1), at(3), at(4)]


def test_a_deleted_facet_is_withdrawn(world: World) -> None:
    owned = facet("Ownership", owners=[{"name": "team:a", "type": "OWNER"}])
    world.send(run_event("COMPLETE", 1, outputs=[dataset("t", ownership=owned)]))
    assert value(world, "ownership") == {"": {"owners": [{"name": "team:a", "type": "OWNER"}]}}
    assert world.edges("OWNED_BY")["t", "team:a"].props == {"role": "OWNER"}
    world.send(dataset_event(2, dataset("t", ownership=owned | {"_deleted": True})))
    assert value(world, "ownership") is None
    assert value(world, "ownership", 1.5) is not None
    assert world.edges("OWNED_BY") == {}
    assert world.state.graph.list_nodes("Agent") == []


def test_the_loser_of_the_precedence_is_shown(world: World) -> None:
    say(world, 1, aspect="license", value="MIT", source="manifest")
    say(world, 2, aspect="license", value="GPL-3.0-only", source="facet")
    (found,) = world.state.aspects([table("t")], ["license"])[table("t")]["license"]
    assert (found.value, found.source, found.fact_id) == ("MIT", "manifest", "fact-000001")
    assert found.losers == (("facet", "GPL-3.0-only"),)
    say(world, 3, aspect="license", value=None, source="manifest")
    assert value(world, "license") == {"": "GPL-3.0-only"}


def test_a_projection_follows_its_aspect_and_leaves_nothing_behind(world: World) -> None:
    say(world, 1, aspect="license", value="MIT")
    assert set(world.edges("LICENSED_UNDER")) == {("t", "MIT")}
    say(world, 2, aspect="license", value="Apache-2.0")
    assert set(world.edges("LICENSED_UNDER")) == {("t", "Apache-2.0")}
    assert [n.props["name"] for n in world.state.list_nodes("License")] == ["Apache-2.0"]


def test_a_slotted_facet_replaces_the_slots_it_filled(world: World) -> None:
    say(world, 1, aspect="pii", value={"tier": "none"}, source="decision", slot="phone")
    first = facet("Pii", mail={"tier": "confirmed"}, phone={"tier": "candidate"})
    world.send(run_event("COMPLETE", 2, run="a", outputs=[dataset("t", acme_pii=first)]))
    assert value(world, "pii") == {"mail": {"tier": "confirmed"}, "phone": {"tier": "none"}}
    second = facet("Pii", phone={"tier": "candidate"})
    world.send(run_event("COMPLETE", 3, run="b", outputs=[dataset("t", acme_pii=second)]))
    assert value(world, "pii") == {"phone": {"tier": "none"}}
    assert set(world.state.with_aspect("pii", at(2))) == {table("t")}


def test_statistics_of_each_run_are_kept(world: World) -> None:
    for minute, rows in ((1, 10), (2, 20)):
        output = dataset("t")
        output["outputFacets"] = {"outputStatistics": facet("Statistics", rowCount=rows, size=1)}
        world.send(run_event("COMPLETE", minute, run=str(minute), outputs=[output]))
    assert value(world, "statistics") == {"": {"rows": 20, "bytes": 1}}
    assert value(world, "statistics", 1.5) == {"": {"rows": 10, "bytes": 1}}


def test_facets_of_a_job_stand_with_the_job(world: World) -> None:
    event = job_event(1, job="etl")
    event["job"]["facets"]["documentation"] = facet("Documentation", description="nightly")
    world.send(event)
    assert value(world, "documentation", key=job_key("etl")) == {"": {"description": "nightly"}}


def test_versions_are_named_or_made_by_runs(world: World) -> None:
    version = facet("DatasetVersionDatasetFacet", datasetVersion="v1")
    world.send(
        run_event("COMPLETE", 1, run="a", outputs=[dataset("t", version=version)]),
        run_event("COMPLETE", 2, job="reader", run="b", inputs=[dataset("t", version=version)]),
        run_event("COMPLETE", 3, run="c", outputs=["t"]),
    )
    unnamed, named = world.state.versions(table("t"))
    assert (named.version, named.first, named.last) == ("v1", at(1), at(2))
    assert named.run_key in {run.key for run in world.state.runs(job_key=job_key("job"))}
    assert unnamed.first == unnamed.last == at(3)


def test_an_unknown_kind_is_named_and_the_rest_goes_on(world: World) -> None:
    say(world, 1, kind="test.unheard/9", x=1)
    say(world, 2, value="no aspect")
    say(world, 3, aspect="license", value="MIT")
    assert [(s[0], s[1]) for s in world.state.stuck()] == [
        ("fact-000001", "unknown kind"),
        ("fact-000002", "body does not fit its kind"),
    ]
    assert value(world, "license") == {"": "MIT"}
    assert world.state.position() == 3


def test_a_run_is_answered_although_it_stands_not_in_the_graph(world: World) -> None:
    event = run_event("COMPLETE", 1, outputs=["t"])
    event["run"]["facets"]["nominalTime"] = facet("NominalTime", nominalStartTime="2026-01-01")
    world.send(event)
    (run,) = world.state.runs(job_key=job_key("job"))
    assert run.facets["nominalTime"]["nominalStartTime"] == "2026-01-01"
    node = world.state.node(run.key)
    assert node is not None
    assert (node.label, node.props["job"], node.props["state"]) == ("Run", "job", "COMPLETE")
    assert world.state.graph.nodes([run.key]) == {}
    assert world.state.count("Run") == 1


def test_names_stand_in_no_key(world: World) -> None:
    canary = "canary-jane-doe"
    output = dataset(canary, columns=[canary], lineage={canary: [f"{canary}.in.{canary}"]})
    output["facets"]["ownership"] = facet("Ownership", owners=[{"name": canary}])
    world.send(
        run_event("FAIL", 1, job=canary, run="r", inputs=[f"{canary}-in"], outputs=[output]),
        dataset_event(2, output),
    )
    db = connect(world.path)
    keys = {
        "entity": ["key", "parent"], "point": ["entity_key", "slot", "rank", "actor"],
        "run": ["key", "job_key"], "sighting": ["run_key"], "shape_entity": ["entity_key"],
        "shape_io": ["entity_key", "owner"], "claim": ["key", "owner"], "node": ["key"],
        "owner": ["key"], "stuck": ["subject", "cause"],
    }  # fmt: skip
    for name, columns in keys.items():
        for member in columns:
            found = db.execute(f"select {member} from {name}").fetchall()
            assert not [row for row in found if canary in str(row[0])], (name, member)
    db.close()
    assert world.state.node(column(canary, canary)) is not None


def test_a_state_of_another_fold_version_is_not_folded_on(tmp_path: Path, world: World) -> None:
    world.close()
    state = open_state(world.path)
    other = Registry()
    assert state.needs_rebuild(other.version)
    assert not state.needs_rebuild(REGISTRY.version)
    with pytest.raises(Fault):
        Folder(world.journal, state, other, IDENTITY)  # type: ignore[arg-type]
    state.close()


def test_a_kind_declared_twice_is_a_fault() -> None:
    kind = FactType("test.said/1", Said, _points)
    with pytest.raises(Fault):
        Registry([kind, kind])


def test_a_missing_state_cannot_be_opened_for_reading(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        open_state(tmp_path / "none.db", read_only=True)


def test_a_fold_that_breaks_leaves_the_state_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send(run_event("COMPLETE", 1, run="a", inputs=["x"], outputs=["t"]))
    before = world.state.digest()
    monkeypatch.setattr(world.folder._folding._graph, "apply", _disk_full)
    with pytest.raises(sqlite3.OperationalError):
        world.send(run_event("COMPLETE", 2, run="b", inputs=["y"], outputs=["t"]))
    assert (world.state.digest(), world.state.position()) == (before, 1)
    monkeypatch.undo()
    world.folder.catch_up()
    assert world.state.position() == 2
    assert world.standing("structural", 3) == {("y", "t")}
    fresh = World(world.path.parent, REGISTRY)
    fresh.journal.facts.extend(world.journal.facts)
    fresh.folder.catch_up(1)
    assert fresh.state.digest() == world.state.digest()
    fresh.close()


def _disk_full(*_: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")
