"""Structural and content lineage: what the timelines of jobs derive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

from lineage.facts import Entity, Fact, FactType, Point
from lineage.graph.port import OPEN
from lineage.openlineage.facets import IMPORTED
from lineage.refs import ModelRef
from lineage.state.registry import Registry


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def test_append_then_unwired_stays_in_the_content_view(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", inputs=["old"], outputs=["mart"]),
        run_event("COMPLETE", 2, run="b", inputs=["new"], outputs=["mart"]),
    )
    assert world.standing("structural", 3) == {("new", "mart")}
    assert world.standing("structural", 1.5) == {("old", "mart")}
    assert world.standing("content", 3) == {("old", "mart"), ("new", "mart")}


def test_an_overwrite_ends_former_content(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", inputs=["old"], outputs=["mart"]),
        run_event(
            "COMPLETE", 2, run="b", inputs=["new"], outputs=[dataset("mart", mode="overwrite")]
        ),
    )
    assert world.standing("content", 1.5) == {("old", "mart")}
    assert world.standing("content", 3) == {("new", "mart")}


def test_an_overwrite_of_another_job_ends_content_and_not_the_wiring(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, job="one", run="a", inputs=["old"], outputs=["mart"]),
        run_event(
            "COMPLETE",
            2,
            job="two",
            run="b",
            inputs=["new"],
            outputs=[dataset("mart", change="OVERWRITE")],
        ),
    )
    assert world.standing("content", 3) == {("new", "mart")}
    assert world.standing("structural", 3) == {("old", "mart"), ("new", "mart")}


def test_a_failed_overwrite_proves_nothing_and_may_have_left_data(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", inputs=["old"], outputs=["mart"]),
        run_event(
            "FAIL", 2, run="b", inputs=["new"], outputs=[dataset("mart", change="OVERWRITE")]
        ),
    )
    assert world.standing("content", 3) == {("old", "mart"), ("new", "mart")}
    assert world.standing("structural", 3) == {("old", "mart")}


def test_fail_sticks_when_complete_follows(world: World) -> None:
    world.send(
        run_event("FAIL", 1, run="a", inputs=["x"], outputs=["y"]),
        run_event("COMPLETE", 1.001, run="a", inputs=["x"], outputs=["y"]),
    )
    (run,) = world.state.runs()
    assert (run.state, run.contradicted) == ("FAIL", True)
    assert world.standing("structural", 2) == set()
    assert world.standing("content", 2) == {("x", "y")}
    assert [n.label for n in world.state.graph.list_nodes("Run")] == ["Run"]


def test_a_late_start_neither_reopens_a_run_nor_moves_its_end(world: World) -> None:
    world.send(
        run_event("COMPLETE", 5, run="a", inputs=["x"], outputs=["y"]),
        run_event("START", 1, run="a"),
        run_event("OTHER", 6, run="a"),
    )
    (run,) = world.state.runs()
    assert (run.state, run.started, run.ended) == ("COMPLETE", at(1), at(5))


def test_one_run_id_carries_several_jobs(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, job="one", inputs=["a"], outputs=["b"]),
        run_event("FAIL", 1, job="two", inputs=["c"], outputs=["d"]),
    )
    assert sorted(run.state for run in world.state.runs()) == ["COMPLETE", "FAIL"]
    assert world.standing("structural", 2) == {("a", "b")}


def test_a_run_id_that_is_no_uuid_is_kept(world: World) -> None:
    event = run_event("COMPLETE", 1, inputs=["a"], outputs=["b"])
    event["run"]["runId"] = "run_id"
    world.send(event)
    assert [run.run_id for run in world.state.runs()] == ["run_id"]


def test_a_complete_without_datasets_changes_nothing(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", inputs=["x"], outputs=["y"]),
        run_event("COMPLETE", 2, run="b"),
    )
    assert world.standing("structural", 3) == {("x", "y")}


def test_a_run_that_has_not_ended_adds_without_ending(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", inputs=["x"], outputs=["y"]),
        run_event("RUNNING", 2, run="b", inputs=["z"], outputs=["y"]),
    )
    assert world.standing("structural", 3) == {("x", "y"), ("z", "y")}


def test_inputs_and_outputs_accumulate_over_the_events_of_a_run(world: World) -> None:
    world.send(
        run_event("START", 1, inputs=["x"]),
        run_event("COMPLETE", 2, outputs=["y"]),
    )
    assert world.standing("structural", 3) == {("x", "y")}
    (run,) = world.state.runs()
    assert (run.inputs, run.outputs) == ((table("x"),), (table("y"),))


def test_a_late_event_splits_a_span(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", inputs=["x"], outputs=["y"]),
        run_event("COMPLETE", 3, run="c", inputs=["x"], outputs=["y"]),
    )
    assert world.edges()["x", "y"].structural == ((at(1), OPEN),)
    world.send(run_event("COMPLETE", 2, run="b", inputs=["z"], outputs=["y"]))
    assert world.edges()["x", "y"].structural == ((at(1), at(2)), (at(3), OPEN))
    assert world.edges()["z", "y"].structural == ((at(2), at(3)),)


def test_columns_beat_the_product(world: World) -> None:
    world.send(
        run_event(
            "COMPLETE", 1, inputs=["a", "b", "c"],
            outputs=[dataset("y", lineage={"total": ["a.price", "b.tax"]}), "z"],
        )
    )  # fmt: skip
    edges = world.edges()
    assert {ends: e.kind for ends, e in edges.items()} == {
        ("a", "y"): "columns", ("b", "y"): "columns",
        ("a", "z"): "product", ("b", "z"): "product", ("c", "z"): "product",
    }  # fmt: skip
    columns = world.edges("FEEDS_COLUMN")
    assert set(columns) == {("a.price", "y.total"), ("b.tax", "y.total")}
    assert columns["a.price", "y.total"].props == {"direct": True, "masking": "unknown"}


def test_explicit_lineage_beats_columns_and_an_empty_one_means_no_source(world: World) -> None:
    source = {"namespace": NS, "name": "a", "type": "DATASET"}
    world.send(
        run_event(
            "COMPLETE", 1, inputs=["a", "b"],
            outputs=[
                _explicit("y", [source]),
                _explicit("z", []),
            ],
        )
    )  # fmt: skip
    assert {ends: e.kind for ends, e in world.edges().items()} == {("a", "y"): "declared"}


def _explicit(name: str, inputs: list[dict[str, str]]) -> dict[str, object]:
    made = dataset(name, lineage={"c": ["b.c"]})
    made["facets"]["lineage"] = facet("LineageFacet", inputs=inputs)
    return made


def test_whole_dataset_influences_are_indirect_edges(world: World) -> None:
    output = dataset("y", lineage={"c": ["a.c"]})
    output["facets"]["columnLineage"]["dataset"] = [
        {"namespace": NS, "name": name, "field": "id",
         "transformations": [{"type": "INDIRECT", "subtype": "JOIN"}]}
        for name in ("a", "b")
    ]  # fmt: skip
    world.send(run_event("COMPLETE", 1, inputs=["a", "b"], outputs=[output]))
    assert {ends: e.kind for ends, e in world.edges().items()} == {
        ("a", "y"): "columns", ("b", "y"): "indirect",
    }  # fmt: skip


def test_masking_is_true_only_where_every_direct_way_masks(world: World) -> None:
    output = dataset("y", lineage={c: ["a.email"] for c in ("m", "n", "u")})
    ways = {
        "m": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}],
        "n": [{"type": "DIRECT", "masking": True}, {"type": "DIRECT", "masking": False}],
        "u": [],
    }
    for own, transformations in ways.items():
        fields = output["facets"]["columnLineage"]["fields"][own]["inputFields"]
        fields[0]["transformations"] = transformations
    world.send(run_event("COMPLETE", 1, inputs=["a"], outputs=[output]))
    masking = {ends[1]: e.props["masking"] for ends, e in world.edges("FEEDS_COLUMN").items()}
    assert masking == {"y.m": True, "y.n": False, "y.u": "unknown"}


def test_a_column_is_unmasked_while_what_came_in_unmasked_is_inside(world: World) -> None:
    told = []
    runs = [(True, ""), (True, ""), (False, ""), (True, ""), (True, "OVERWRITE")]
    for minute, (masking, change) in enumerate(runs, 1):
        fields = {"m": ["a.email"], f"c{minute}": ["a.x"]}
        output = dataset("y", lineage=fields, change=change)
        [source] = output["facets"]["columnLineage"]["fields"]["m"]["inputFields"]
        source["transformations"] = [{"type": "DIRECT", "masking": masking}]
        world.send(run_event("COMPLETE", minute, run=f"r{minute}", inputs=["a"], outputs=[output]))
        told.append(world.edges("FEEDS_COLUMN")["a.email", "y.m"].props["masking"])
    assert told == [True, True, False, False, True]


def test_a_self_loop_feeds_nothing(world: World) -> None:
    world.send(run_event("COMPLETE", 1, inputs=["x"], outputs=["x", "y"]))
    assert set(world.edges()) == {("x", "y")}


def test_a_drop_ends_wiring_and_content_until_a_run_writes_again(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", inputs=["x"], outputs=["y"]),
        run_event("COMPLETE", 1, job="next", run="n", inputs=["y"], outputs=["z"]),
        dataset_event(2, dataset("y", change="DROP")),
    )
    assert world.standing("structural", 3) == set()
    assert world.standing("content", 3) == {("y", "z")}
    world.send(run_event("COMPLETE", 4, run="b", inputs=["x"], outputs=["y"]))
    assert world.standing("structural", 5) == {("x", "y")}
    assert world.edges()["x", "y"].structural == ((at(1), at(2)), (at(4), OPEN))


def test_a_job_event_replaces_the_wiring(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, inputs=["x"], outputs=["y"]),
        job_event(2, inputs=["z"], outputs=["y"]),
    )
    assert world.standing("structural", 3) == {("z", "y")}
    assert world.edges()["z", "y"].kind == "static"


def imported(minutes: float, source: str) -> dict[str, Any]:
    """A JobEvent as an import writes it."""
    event = job_event(minutes, inputs=[source], outputs=["y"])
    kind = facet("JobTypeJobFacet", jobType="MODEL", integration="DBT", processingType="BATCH")
    event["job"]["facets"]["jobType"] = kind | {"_producer": f"{IMPORTED}dbt"}
    return event


def test_an_import_never_replaces_what_a_producer_has_shown(world: World) -> None:
    world.send(
        imported(1, "a"),
        imported(2, "b"),
        run_event("COMPLETE", 4, run="r", inputs=["c"], outputs=["y"]),
        imported(4, "d"),
        imported(6, "e"),
    )
    stood = [world.standing("structural", minute) for minute in (1.5, 3, 5, 9)]
    assert stood == [{("a", "y")}, {("b", "y")}, {("c", "y")}, {("c", "y")}]


def test_without_a_producer_the_newest_import_holds(world: World) -> None:
    world.send(imported(1, "a"), imported(2, "b"))
    assert world.standing("structural", 3) == {("b", "y")}


def test_a_drop_by_a_run_that_fails_after_all_is_taken_back(world: World) -> None:
    gone = {"job": "gone", "run": "d", "outputs": [dataset("y", change="DROP")]}
    world.send(
        run_event("COMPLETE", 1, inputs=["x"], outputs=["y"]),
        run_event("COMPLETE", 2, job="on", inputs=["y"], outputs=["z"]),
        run_event("COMPLETE", 3, **gone),
    )
    assert world.standing("structural", 5) == set()
    world.send(run_event("FAIL", 4, **gone))
    assert world.standing("structural", 5) == {("x", "y"), ("y", "z")}


def test_a_purge_recorded_by_another_package_ends_content(tmp_path: Path) -> None:
    class Purged(msgspec.Struct, frozen=True):
        name: str

    def points(fact: Fact, body: Purged, _: object) -> list[Point]:
        subject = Entity("Dataset", (NS, body.name))
        return [Point(subject, "purged", {"case": "c-1"}, time=fact.valid_time or 0)]

    world = World(tmp_path, Registry([FactType("test.purged/1", Purged, points)]))
    world.send(run_event("COMPLETE", 1, inputs=["x"], outputs=["y"]))
    world.journal.facts.append(
        Fact(2, "fact-000002", "test.purged/1", "p", None, at(2), at(2), b'{"name":"y"}')
    )
    world.folder.catch_up()
    assert world.standing("content", 3) == set()
    assert world.standing("content", 1.5) == {("x", "y")}
    assert world.standing("structural", 3) == {("x", "y")}
    world.close()


def test_what_a_run_says_of_a_model_is_said_of_the_model_and_not_of_a_dataset(world: World) -> None:
    model = dataset("churn@1", tracehold_model=facet("Model", name="churn", version="1"))
    model["outputFacets"] = {"outputStatistics": facet("Statistics", rowCount=7)}
    read = dataset("churn@1")
    read["inputFacets"] = {"inputStatistics": facet("Statistics", rowCount=9)}
    world.send(run_event("COMPLETE", 1, job="fit", inputs=[read], outputs=[model]))
    keys = {"model": ModelRef("churn", "1").key(IDENTITY), "table": table("churn@1")}
    said = world.state.aspects([*keys.values()], ["statistics"])
    rows = {name: [one.value for one in said[key]["statistics"]] for name, key in keys.items()}
    assert rows == {"model": [{"rows": 7}], "table": [{"rows": 9}]}


def test_a_model_is_fed_and_trained_on(world: World) -> None:
    training = dataset("bookings", tracehold_training=facet("Training", role="train", version="v7"))
    model = dataset("churn@1", tracehold_model=facet("Model", name="churn", version="1"))
    world.send(run_event("COMPLETE", 1, job="fit", inputs=[training], outputs=[model]))
    key = ModelRef("churn", "1").key(IDENTITY)
    node = world.state.node(key)
    assert node is not None
    assert (node.label, node.props["name"], node.props["version"]) == ("Model", "churn", "1")
    trained = world.edges("TRAINED_ON")["bookings", "churn"]
    assert trained.props == {"role": "train", "version": "v7"}
    assert trained.dst == key
    assert world.standing("structural", 2) == {("bookings", "churn")}
    assert world.state.graph.list_nodes("Dataset", text="churn") == []


def test_a_training_set_feeds_its_model_because_it_says_so(world: World) -> None:
    training = dataset("bookings", tracehold_training=facet("Training", role="train"))
    model = dataset("churn@1", tracehold_model=facet("Model", name="churn", version="1"))
    fit = run_event(
        "COMPLETE", 1, job="fit", inputs=[training, "settings"], outputs=[model, "scores"]
    )
    world.send(fit)
    assert {ends: edge.kind for ends, edge in world.edges().items()} == {
        ("bookings", "churn"): "declared",
        ("settings", "churn"): "product",
        ("bookings", "scores"): "product",
        ("settings", "scores"): "product",
    }


def test_columns_come_in_schema_order_and_know_when_they_left(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, run="a", outputs=[dataset("t", columns=["b", "a", "c"])]),
        run_event("COMPLETE", 2, run="b", outputs=[dataset("t", columns=["c", "b"])]),
    )
    columns = world.state.columns(table("t"))
    assert [c.props["field"] for c in columns] == ["c", "b", "a"]
    assert columns[-1].props["removed"] is True
    edges = world.edges("HAS_COLUMN")
    assert edges["t", "t.a"].structural == ((at(1), at(2)),)
    assert edges["t", "t.b"].structural == ((at(1), OPEN),)


def test_lineage_to_columns_that_no_schema_knows_is_kept(world: World) -> None:
    output = dataset("y", columns=["known"], lineage={"ghost": ["x.gone"]})
    world.send(run_event("COMPLETE", 1, inputs=["x"], outputs=[output]))
    assert column("y", "ghost") in {c.key for c in world.state.columns(table("y"))}
    assert ("x.gone", "y.ghost") in world.edges("FEEDS_COLUMN")


def test_a_parent_makes_the_job_a_child(world: World) -> None:
    event = run_event("START", 1, job="task")
    event["run"]["facets"]["parent"] = facet(
        "ParentRunFacet", run={"runId": "r"}, job={"namespace": NS, "name": "dag"}
    )
    world.send(event)
    edge = world.edges("CHILD_OF")["task", "dag"]
    assert (edge.owner, edge.kind) == (job_key("task"), "parent")


def test_symlinks_are_edges_and_never_merges(world: World) -> None:
    output = dataset("/data/t")
    output["facets"]["symlinks"] = facet(
        "SymlinksDatasetFacet", identifiers=[{"namespace": NS, "name": "db.t", "type": "TABLE"}]
    )
    world.send(run_event("COMPLETE", 1, outputs=[output]))
    assert world.edges("SAME_AS")["/data/t", "db.t"].kind == "symlink"
    assert world.state.count("Dataset") == 2
