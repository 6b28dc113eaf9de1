"""Exposure: found, carried, stopped, and kept in models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from openlineage_events import dataset
from privacy_world import CANARY, MINUTE, START, World, ref

from lineage.refs import ColumnRef, ModelRef
from privacy.annotate import annotator
from privacy.deidentify import Rule, apply
from privacy.events import DatasetPurged, FindingReviewed, ScanCompleted, kind_of
from privacy.exposure import Exposure, exposure
from privacy.facets import deidentification_facet, pii_columns, pii_facet, retention_facet
from privacy.scan import scan_report

TABLE = pa.table({"id": [1, 2], "email": [CANARY, "b@example.org"], "carrier": ["UA", "AA"]})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    scan = scan_report(TABLE, secret=made.keys.secret)
    made.emit(
        "ingest", -60, [],
        [dataset("customers", columns=["id", "email", "carrier"], tracehold_pii=pii_facet(scan))],
    )  # fmt: skip
    yield made
    made.close()


def model(name: str, version: str) -> dict[str, Any]:
    facet = {"_producer": "https://x", "_schemaURL": "https://y", "name": name, "version": version}
    return {"namespace": "model", "name": f"{name}@{version}", "facets": {"tracehold_model": facet}}


def ask(world: World, of: ModelRef | None = None, as_of: int = START) -> Exposure:
    key = of.key(world.identity) if of else None
    return exposure(world.desk.reader, world.state, world.identity, as_of=as_of, model_key=key)


def column(name: str, field: str) -> str:
    return str(ColumnRef("warehouse", name, field))


def safe(world: World, *, rescan: bool = True, declared: bool = True) -> dict[str, Any]:
    made, records = apply(
        TABLE, [Rule("email", "pseudonymize")], world.keys.secret, dataset=ref("safe")
    )
    facets: dict[str, Any] = {}
    if rescan:
        facets["tracehold_pii"] = pii_facet(scan_report(made))
    if declared:
        facets["tracehold_deidentification"] = deidentification_facet(records)
    return dataset("safe", columns=["email"], lineage={"email": ["customers.email"]}, **facets)


def test_a_finding_travels_with_the_values_of_its_column_and_no_other(world: World) -> None:
    joined = dataset(
        "joined", columns=["contact", "airline"],
        lineage={"contact": ["customers.email"], "airline": ["customers.carrier"]},
    )  # fmt: skip
    world.emit("join", -50, ["customers"], [joined])
    answer = ask(world)
    assert [(r.ref, r.entity, r.how) for r in answer.rows] == [
        (column("customers", "email"), "EMAIL_ADDRESS", "found"),
        (column("joined", "contact"), "EMAIL_ADDRESS", "inherited"),
    ]
    assert answer.rows[1].path == (column("customers", "email"), column("joined", "contact"))
    assert answer.rows[1].facts
    assert answer.complete
    assert answer.known_at == world.state.position()
    assert answer.fold_version


@pytest.mark.parametrize(
    ("rescan", "declared", "stops"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
def test_it_stops_only_where_a_measure_is_declared_and_scanned_again(
    world: World, rescan: bool, declared: bool, stops: bool
) -> None:
    world.emit("mask", -50, ["customers"], [safe(world, rescan=rescan, declared=declared)])
    after = dataset("after", columns=["e"], lineage={"e": ["safe.email"]})
    world.emit("after", -40, ["safe"], [after])
    answer = ask(world)
    exposed = {row.ref for row in answer.rows if row.how == "inherited"}
    assert (column("after", "e") not in exposed) == stops
    if stops:
        (held,) = answer.stopped
        assert (held.ref, held.operator, held.pseudonymous) == (
            column("safe", "email"),
            "pseudonymize",
            True,
        )


def test_a_scan_older_than_the_measure_does_not_count(world: World) -> None:
    world.emit("scan", -50, ["customers"], [safe(world, declared=False)])
    world.emit("mask", -40, ["customers"], [safe(world, rescan=False)])
    assert ask(world).stopped == ()


def test_without_column_lineage_the_whole_dataset_inherits_unless_it_was_scanned(
    world: World,
) -> None:
    world.emit("blob", -50, ["customers"], ["blob"])
    clean = scan_report(pa.table({"n": ["x"]}))
    world.emit(
        "clean",
        -50,
        ["customers"],
        [dataset("clean", columns=["n"], tracehold_pii=pii_facet(clean))],
    )
    refs = {row.ref for row in ask(world).rows}
    assert ref("blob") in refs
    assert not any("clean" in one for one in refs)


def test_a_model_is_exposed_by_the_union_of_what_it_was_made_from(world: World) -> None:
    world.emit("mask", -50, ["customers"], [safe(world)])
    joined = dataset("joined", columns=["contact"], lineage={"contact": ["customers.email"]})
    world.emit("join", -50, ["customers"], [joined])
    world.emit("train1", -40, ["joined"], [model("m", "1")])
    world.emit("train2", -40, ["safe"], [model("m", "2")])
    one, two = ask(world, ModelRef("m", "1")), ask(world, ModelRef("m", "2"))
    assert [row.ref for row in one.rows] == [column("joined", "contact")]
    assert two.rows == ()
    assert [held.ref for held in two.stopped] == [column("safe", "email")]
    assert [(m.ref, m.entities) for m in ask(world).models] == [("model:m@1", ("EMAIL_ADDRESS",))]


def test_a_model_stays_exposed_after_what_it_was_trained_on_was_purged(world: World) -> None:
    joined = dataset("joined", columns=["contact"], lineage={"contact": ["customers.email"]})
    world.emit("join", -50, ["customers"], [joined])
    world.emit("train", -40, ["joined"], [model("m", "1")])
    for name in ("customers", "joined"):
        body = DatasetPurged(ref(name), "case")
        world.record("p-executor", kind_of(body), body, None)
    later = START + MINUTE
    assert ask(world, as_of=later).rows == ()
    assert [m.ref for m in ask(world, as_of=later).models] == ["model:m@1"]
    rows = ask(world, ModelRef("m", "1"), as_of=later).rows
    assert [row.ref for row in rows] == [column("joined", "contact")]


def test_a_model_stays_exposed_after_what_it_was_trained_on_was_overwritten(world: World) -> None:
    joined = dataset("joined", columns=["contact"], lineage={"contact": ["customers.email"]})
    world.emit("join", -50, ["customers"], [joined])
    world.emit("train1", -40, ["joined"], [model("m", "1")])
    empty = dataset("joined", columns=["contact"], lineage={"contact": ["x.y"]}, change="OVERWRITE")
    world.emit("refill", -30, ["x"], [empty])
    world.emit("train2", -20, ["joined"], [model("m", "2")])
    now = ask(world)
    assert [row.ref for row in now.rows] == [column("customers", "email")]
    assert [m.ref for m in now.models] == ["model:m@1"]
    rows = ask(world, ModelRef("m", "1")).rows
    assert [row.ref for row in rows] == [column("joined", "contact")]
    assert ask(world, ModelRef("m", "2")).rows == ()


def test_a_model_is_not_exposed_by_what_came_in_after_it_was_trained(world: World) -> None:
    joined = dataset("joined", columns=["contact"], lineage={"contact": ["customers.email"]})
    world.emit("early", -50, ["x"], ["joined"])
    world.emit("train", -45, ["joined"], [model("m", "1")])
    world.emit("join", -30, ["customers"], [joined])
    assert ask(world).models == ()


def test_as_of_shows_what_held_then(world: World) -> None:
    assert ask(world, as_of=START - 61 * MINUTE).rows == ()
    assert len(ask(world, as_of=START - 59 * MINUTE).rows) == 1


def test_a_review_survives_the_next_scan(world: World) -> None:
    for accepted, count in ((False, 0), (True, 1)):
        body = FindingReviewed(ref("customers"), "email", "EMAIL_ADDRESS", accepted, "looked at it")
        world.clock.now += 1
        world.record("p-officer", kind_of(body), body, None)
        scan = scan_report(TABLE)
        again = ScanCompleted(
            ref("customers"), scan.engine, scan.config_digest, scan.rows, pii_columns(scan)
        )
        world.clock.now += 1
        world.record("p-engineer", kind_of(again), again, None)
        assert len(ask(world, as_of=world.clock.now).rows) == count


def test_a_trace_is_annotated_with_findings_retention_and_absence(world: World) -> None:
    plain = dataset("plain", tracehold_retention=retention_facet("contracts", due="2030-01-01"))
    world.emit("x", -50, ["customers"], [plain])
    keys = [world.key("customers"), world.key("plain")]
    nodes = list(world.desk.reader.nodes(keys).values())
    notes = annotator(world.state, nodes, START)
    assert notes[keys[0]] == {"pii": {"EMAIL_ADDRESS": ["email"]}}
    assert notes[keys[1]] == {"retention": {"class": "contracts", "due": "2030-01-01"}}


def test_findings_are_nodes_of_the_graph_without_a_value(world: World) -> None:
    edges = world.desk.reader.neighbors(world.key("customers"), edge_types=("HAS_FINDING",))
    (finding,) = world.desk.reader.nodes([edge.dst for edge in edges]).values()
    assert (finding.label, finding.props["entity"]) == ("Finding", "EMAIL_ADDRESS")
    assert CANARY not in str(finding)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"tier": "confirmed"},
        {"entity": "EMAIL_ADDRESS", "tier": "confirmed", "prevalence": CANARY},
        {"entity": "EMAIL_ADDRESS", "tier": "confirmed", "samples": [CANARY]},
        {"entity": "EMAIL_ADDRESS", "tier": "confirmed", "also": [{}, 7, {"tier": CANARY}]},
        {"entity": {"of": CANARY}, "tier": [CANARY]},
    ],
)
def test_a_strange_finding_neither_stops_the_fold_nor_brings_a_value_in(
    world: World, said: dict[str, Any]
) -> None:
    facet = {**pii_facet(scan_report(TABLE)), "columns": {"note": said}}
    world.emit("odd", -5, [], [dataset("odd", tracehold_pii=facet)])
    assert "EMAIL_ADDRESS" in {row.entity for row in ask(world).rows}
    held = world.state.aspects([world.key("odd")], ("pii",))[world.key("odd")]["pii"]
    kept = {"entity", "tier", "also"}
    assert all(set(value.value) <= kept for value in held)
    if "also" not in said:
        assert CANARY not in str(held)
