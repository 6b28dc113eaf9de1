"""Jobs that tell their SQL and no datasets: edges marked ``derived-sql``, as long as it counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import IDENTITY, NS, World, at, dataset, draft, facet, run_event, table

from lineage.facts import Fact
from lineage.refs import DatasetRef
from lineage.state.mentions import facts_naming, named_by
from lineage.state.registry import Registry
from lineage.trace.walk import trace

INSERT = "INSERT INTO clean SELECT * FROM raw WHERE mail = 'jane@example.org'"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def sql(query: str, *, dialect: str = "", source: str = "", **event: Any) -> dict[str, Any]:
    made = run_event(event.pop("kind", "COMPLETE"), event.pop("minutes", 1), **event)
    more = {"dialect": dialect} if dialect else {}
    made["job"]["facets"]["sql"] = facet("SQLJobFacet", query=query, **more)
    if source:
        made["run"]["facets"]["externalQuery"] = facet(
            "ExternalQueryRunFacet", externalQueryId="q1", source=source
        )
    return made


def test_a_job_that_tells_sql_alone_is_wired_by_it(world: World) -> None:
    world.send(sql(INSERT))
    edge = world.edges("FEEDS")["raw", "clean"]
    assert (edge.kind, edge.structural[0][0]) == ("derived-sql", at(1))
    assert world.edges("READ")["raw", "job"].kind == "derived-sql"
    assert world.edges("WROTE")["job", "clean"].kind == "derived-sql"
    [run] = world.state.runs()
    assert (run.inputs, run.outputs) == ((table("raw"),), (table("clean"),))
    assert world.state.mentioned([table("raw")]) == set()


def test_a_trace_says_that_an_edge_was_derived_from_sql(world: World) -> None:
    world.send(sql(INSERT))
    found = trace(
        world.state.graph, world.state, IDENTITY, DatasetRef(NS, "clean"), direction="up",
        view="structural", as_of=at(9),
    )  # fmt: skip
    assert [node.name for node in found.nodes] == ["clean", "raw"]
    [edge] = found.edges
    assert edge.kind == "derived-sql"


def test_tables_lie_where_the_producer_says_that_the_query_ran(world: World) -> None:
    world.send(sql(INSERT, source="postgres://h:5432"))
    nodes = world.state.list_nodes("Dataset")
    assert {node.props["namespace"] for node in nodes} == {"postgres://h:5432"}


def test_datasets_that_the_producer_tells_take_the_place_of_the_sql(world: World) -> None:
    begun = sql(INSERT, kind="START", minutes=1)
    ended = sql(INSERT, minutes=2, inputs=["db.raw"], outputs=["db.clean"])
    world.send(begun)
    assert set(world.edges("FEEDS")) == {("raw", "clean")}
    world.send(ended)
    assert set(world.edges("FEEDS")) == {("db.raw", "db.clean")}
    # What only the SQL named is not known any more.
    assert world.state.count("Dataset") == 2


def test_sql_that_drops_or_empties_a_table_ends_nothing(world: World) -> None:
    world.send(
        run_event("COMPLETE", 1, job="load", inputs=["raw"], outputs=["t"]),
        sql("TRUNCATE TABLE t", job="clean", minutes=2),
        sql("DROP TABLE t", job="drop", minutes=3),
    )
    edge = world.edges("FEEDS")["raw", "t"]
    assert edge.holds_at("content", at(9))
    assert edge.holds_at("structural", at(9))


def test_sql_that_cannot_be_read_is_named_beside_its_job(world: World) -> None:
    world.send(sql("SELECT FROM WHERE ("))
    [(subject, cause, kind, _)] = world.state.stuck()
    assert (cause, kind) == ("the SQL cannot be parsed: no datasets taken from it", "wiring")
    assert subject
    world.send(sql("SELECT FROM WHERE (", minutes=2, run="2", inputs=["a"], outputs=["b"]))
    assert set(world.edges("FEEDS")) == {("a", "b")}


def test_an_erasure_finds_the_facts_whose_sql_names_a_table(world: World) -> None:
    registry = Registry()
    world.send(sql('INSERT INTO clean SELECT * FROM "shop"."raw"'), sql("SELECT 1", run="2"))
    [fact, other] = world.journal.facts
    wanted = DatasetRef(NS, "shop.raw")
    assert wanted.key(IDENTITY) in named_by(fact, registry, IDENTITY)
    journal: Any = world.journal
    found = list(facts_naming(journal, [wanted], registry, IDENTITY))
    assert [mention.fact_id for mention in found] == [fact.fact_id]
    assert other.fact_id not in {mention.fact_id for mention in found}


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_sql_and_datasets_give_one_state_in_any_order(tmp_path: Path, batch: int) -> None:
    events = [
        sql(INSERT, kind="START", minutes=1),
        sql(INSERT, minutes=2, inputs=["db.raw"], outputs=[dataset("db.clean")]),
        sql(INSERT, job="other", run="o", minutes=3),
        sql("INSERT INTO end SELECT * FROM clean", job="next", run="n", minutes=4),
    ]
    digests = set()
    for order in permutations(events):
        world = World(tmp_path).send(*order, batch=batch)
        digests.add(world.state.digest())
        world.close()
    assert len(digests) == 1


def test_the_facet_is_taken_as_it_is_stored_masked() -> None:
    fact: Fact | Any = draft(sql(INSERT))
    assert b"jane@example.org" not in fact.body
