"""From events to a trace over the real state, and the same trace from a mirrored Neo4j."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import IDENTITY, NS, World, at, dataset, facet, run_event

from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import Limits
from lineage.graph.router import GraphRouter
from lineage.refs import DatasetRef
from lineage.state.store import open_state
from lineage.trace.coverage import KeptCoverage, estate_coverage
from lineage.trace.model import Trace
from lineage.trace.render import text
from lineage.trace.resolve import resolve
from lineage.trace.walk import trace

UNHURRIED = Limits(seconds=60)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.send(
        run_event(
            "COMPLETE",
            1,
            job="clean",
            run="a",
            inputs=[dataset("raw", columns=["mail", "day"])],
            outputs=[
                dataset(
                    "tidy",
                    columns=["mail", "day"],
                    lineage={"mail": ["raw.mail"], "day": ["raw.day"]},
                )
            ],
        ),
        run_event("COMPLETE", 2, job="sum", run="b", inputs=["tidy"], outputs=["mart"]),
        run_event("COMPLETE", 9, job="sum", run="c", inputs=["other"], outputs=["mart"]),
    )
    yield world
    world.close()


def ask(world: World, reader: Any, name: str, **options: Any) -> Trace:
    ref, _ = resolve(world.state, IDENTITY, name)
    options = {"direction": "up", "as_of": at(10), "limits": UNHURRIED, **options}
    return trace(reader, world.state, IDENTITY, ref, **options)


def names(found: Trace) -> list[str]:
    return [f"{node.name}.{node.field}" if node.field else node.name for node in found.nodes]


def test_events_lead_to_a_trace_as_of_a_moment(world: World) -> None:
    graph = world.state.graph
    assert names(ask(world, graph, "mart")) == ["mart", "other"]
    assert names(ask(world, graph, "mart", as_of=at(3))) == ["mart", "tidy", "raw"]
    content = ask(world, graph, "mart", view="content")
    assert names(content) == ["mart", "other", "tidy", "raw"]
    assert content.complete
    assert {edge.job_name: edge.kind for edge in content.edges} == {
        "clean": "columns",
        "sum": "product",
    }
    assert f"dataset:[{NS}]tidy · sum (product, inferred)" in text(content)


def test_columns_end_in_the_open_where_a_job_told_none(world: World) -> None:
    graph = world.state.graph
    tidy = ask(world, graph, "tidy", columns=True)
    assert names(tidy) == ["tidy", "tidy.day", "tidy.mail", "raw.day", "raw.mail"]
    assert tidy.complete
    down = ask(world, graph, "raw#mail", direction="down", as_of=at(3))
    assert names(down) == ["raw.mail", "tidy.mail"]
    assert [reason.code for reason in down.reasons if reason.missing] == ["column-gap"]


@pytest.mark.neo4j
def test_a_mirrored_neo4j_gives_the_same_trace_and_digest(
    world: World, neo4j_url: str, neo4j_auth: tuple[str, str]
) -> None:
    neo4j = Neo4jGraph(neo4j_url, *neo4j_auth, deadline_seconds=60)

    def reader() -> Any:
        return open_state(world.path, read_only=True).graph

    mirror = Mirror(reader, neo4j, batch=3)
    assert mirror.fill()
    world.send(
        run_event("COMPLETE", 12, job="more", run="d", inputs=["mart"], outputs=["report"]),
        run_event("COMPLETE", 13, job="sum", run="e", inputs=["tidy"], outputs=["mart"]),
    )
    while mirror.step():
        pass
    assert mirror.verify()
    assert mirror.status().fills == 1
    router = GraphRouter(lambda: world.state.graph, neo4j)
    for view in ("structural", "content"):
        for columns in (False, True):
            asked = {"view": view, "columns": columns, "as_of": at(14)}
            ours = ask(world, world.state.graph, "report", **asked)
            theirs = ask(world, router, "report", **asked)
            assert theirs.answered_by == "neo4j"
            assert (ours.nodes, ours.edges) == (theirs.nodes, theirs.edges)
            assert ours.reasons == theirs.reasons
    neo4j.close()


def test_a_version_is_traced_as_its_dataset(world: World) -> None:
    found = ask(world, world.state.graph, f"dataset:[{NS}]mart@v1")
    assert found.ref == str(DatasetRef(NS, "mart", "v1"))
    assert names(found) == ["mart", "other"]


def test_a_content_trace_shows_what_data_went_through_and_left(world: World) -> None:
    world.send(
        run_event("COMPLETE", 3, job="fit", run="f", inputs=["mart"], outputs=["model"]),
        run_event(
            "COMPLETE", 4, job="refill", run="r",
            inputs=["other"], outputs=[dataset("mart", change="OVERWRITE")],
        ),
    )  # fmt: skip
    down = ask(world, world.state.graph, "raw", direction="down", view="content")
    said = {node.name: node.annotations for node in down.nodes}
    assert said == {
        "raw": {}, "tidy": {}, "model": {}, "mart": {"content": "passed on, no longer inside"},
    }  # fmt: skip
    up = ask(world, world.state.graph, "model", view="content")
    assert names(up) == ["model", "mart", "tidy", "raw"]
    columns = ask(world, world.state.graph, "raw", direction="down", view="content", columns=True)
    assert names(columns) == ["raw", "raw.day", "raw.mail", "tidy.day", "tidy.mail"]


def test_coverage_is_counted_once_per_position(world: World) -> None:
    kept = KeptCoverage()
    before = kept.at(world.state)
    assert before == estate_coverage(world.state)
    assert kept.at(world.state) is before
    world.send(run_event("COMPLETE", 11, job="alone", run="x", outputs=["island"]))
    after = kept.at(world.state)
    assert (after.datasets, after.without_lineage) == (before.datasets + 1, 1)


def test_a_costly_count_serves_a_moment_longer_and_says_for_which_fact(world: World) -> None:
    moments = iter([0.0, 1.0, 20.0, 60.0, 60.0])
    kept = KeptCoverage(lambda: next(moments))
    before = kept.at(world.state)
    world.send(run_event("COMPLETE", 11, job="alone", run="x", outputs=["island"]))
    late = kept.at(world.state)
    assert late is before
    assert late.known_at == world.state.position() - 1
    assert kept.at(world.state).known_at == world.state.position()


def test_files_are_counted_apart_and_withdrawn_terms_do_not_count(world: World) -> None:
    file = {"namespace": "file", "name": "/data/raw.csv", "facets": {}}
    owner = {"name": "team:a", "type": "OWNER"}
    owned = dataset("owned", ownership=facet("Ownership", owners=[owner]))
    world.send(
        run_event("COMPLETE", 11, job="in", run="i", inputs=[file], outputs=[owned]),
        run_event("COMPLETE", 12, job="no", run="n", inputs=[owned], outputs=["end"]),
    )
    counted = estate_coverage(world.state)
    assert (counted.files, counted.files_without_lineage) == (1, 0)
    assert counted.datasets - counted.without_owner == 1
    gone = dataset("owned", ownership={**facet("Ownership"), "_deleted": True})
    world.send(run_event("COMPLETE", 13, job="in", run="j", inputs=[file], outputs=[gone]))
    counted = estate_coverage(world.state)
    assert counted.datasets - counted.without_owner == 0


def test_what_only_a_column_map_names_is_listed(world: World) -> None:
    world.send(
        run_event(
            "COMPLETE", 11, job="map", run="m",
            outputs=[dataset("mapped", columns=["a"], lineage={"a": ["ghost.x"]})],
        )
    )  # fmt: skip
    found = ask(world, world.state.graph, "mapped", as_of=at(12))
    assert [(one.ref, one.why) for one in found.unresolved] == [
        (f"dataset:[{NS}]ghost", "mentioned")
    ]
    assert [(r.code, r.count, r.missing) for r in found.reasons if r.code == "mentioned"] == [
        ("mentioned", 1, False)
    ]
    column = ask(world, world.state.graph, "mapped#a", as_of=at(12))
    assert [(one.ref, one.why) for one in column.unresolved] == [
        (f"column:[{NS}]ghost#x", "no-schema")
    ]
    assert f"? in no schema: column:[{NS}]ghost#x" in text(column)
