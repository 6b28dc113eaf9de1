"""Only what lies between two things: tables, columns, models, other names."""

from __future__ import annotations

from typing import Any

import pytest
from trace_world import IDENTITY, Estate, churn_estate

from lineage.errors import InvalidInput, NotFound
from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import OPEN, Edge, Limits
from lineage.graph.router import GraphRouter
from lineage.graph.sql import SqlGraph
from lineage.refs import ColumnRef, DatasetRef, JobRef, ModelRef, Ref
from lineage.trace.model import Trace
from lineage.trace.walk import trace

NOW = 1_388_534_400_000
BOOKINGS = DatasetRef("demo", "bookings")
LOYALTY = DatasetRef("demo", "loyalty")
SCORES = DatasetRef("demo", "scores")
TIER = ColumnRef("demo", "loyalty", "tier")


def ask(estate: Estate, ref: Ref, to: Ref, direction: Any = "down", **options: Any) -> Trace:
    asked: dict[str, Any] = {"as_of": NOW, "limits": Limits(seconds=60)}
    return trace(
        estate.graph,
        estate.state,
        IDENTITY,
        ref,
        to=to,
        direction=direction,
        **{**asked, **options},
    )


def refs(found: Trace) -> list[str]:
    return [node.ref for node in found.nodes]


def test_both_ways_between_a_table_and_a_model_are_shown() -> None:
    estate, model = churn_estate()
    found = ask(estate, BOOKINGS, model)
    assert refs(found) == [
        str(BOOKINGS), "dataset:[demo]test_set", "dataset:[demo]training_set", str(model),
    ]  # fmt: skip
    assert len(found.edges) == 4
    assert (found.to, found.complete, found.total) == (str(model), True, 4)


def test_upwards_it_is_the_same_from_the_other_end() -> None:
    estate, model = churn_estate()
    up = ask(estate, model, BOOKINGS, "up")
    down = ask(estate, BOOKINGS, model)
    assert set(refs(up)) == set(refs(down))
    assert up.edges == down.edges
    assert [n.depth for n in up.nodes] == [n.depth for n in down.nodes]


def test_a_way_to_itself_is_itself_and_its_cycles() -> None:
    estate, model = churn_estate()
    assert refs(ask(estate, model, model)) == [str(model)]
    estate.feed(SCORES, BOOKINGS, "feedback")
    assert set(refs(ask(estate, model, model))) >= {str(SCORES), str(BOOKINGS)}


@pytest.mark.parametrize("view", ["structural", "content"])
def test_columns_lead_to_columns_tables_and_models(view: Any) -> None:
    estate, model = churn_estate()
    made = "column:[demo]training_set#tier"
    asked = {"view": view}
    column = ask(estate, TIER, ColumnRef("demo", "training_set", "tier"), **asked)
    assert refs(column) == [str(TIER), made]
    table = ask(estate, TIER, DatasetRef("demo", "training_set"), **asked)
    assert refs(table) == [str(TIER), made, "dataset:[demo]training_set"]
    trained = ask(estate, TIER, model, **asked)
    assert refs(trained) == [str(TIER), made, str(model)]
    assert trained.edges[-1].kind == "input"
    whole = ask(estate, LOYALTY, model, columns=True, **asked)
    assert refs(whole) == [str(LOYALTY), str(TIER), made, str(model)]
    back = ask(estate, model, TIER, "up", **asked)
    assert refs(back) == [str(model), made, str(TIER)]
    nowhere = ask(estate, TIER, ColumnRef("demo", "training_set", "email_hash"), **asked)
    assert refs(nowhere) == []


def test_a_table_without_columns_at_an_end_is_told() -> None:
    estate, model = churn_estate()
    found = ask(estate, DatasetRef("demo", "test_set"), model, columns=True)
    assert refs(found) == []
    assert {r.code for r in found.reasons if r.missing} == {"no-columns"}
    assert not found.complete


def test_content_leads_only_where_it_was_there_to_be_read() -> None:
    estate = Estate()
    a, b, c = (estate.dataset(name) for name in "abc")
    estate.feed(b, c, "second", structural=((0, 5),), content=((0, 5),))
    estate.feed(a, b, "first", structural=((10, OPEN),), content=((10, OPEN),))
    assert refs(ask(estate, a, c, view="content", as_of=20)) == []
    estate.feed(b, c, "again", structural=((30, OPEN),), content=((30, OPEN),))
    assert refs(ask(estate, a, c, view="content", as_of=40)) == [str(a), str(b), str(c)]
    # Wired so at the same moment they never were, but at the end they are.
    assert refs(ask(estate, a, c, as_of=3)) == []


@pytest.mark.parametrize("view", ["structural", "content"])
def test_a_way_goes_on_from_another_name(view: Any) -> None:
    estate = Estate()
    source, copy, mart = (estate.dataset(name) for name in ("source", "s3_copy", "mart"))
    estate.dataset("third_name")
    estate.feed(copy, mart, "load", kind="columns")
    for one, other in ((source, copy), (copy, DatasetRef("demo", "third_name"))):
        same = Edge("SAME_AS", one.key(IDENTITY), other.key(IDENTITY), "o", "symlink")
        estate.put(edges=[same])
    found = ask(estate, source, mart, view=view)
    assert refs(found) == [str(source), str(copy), str(mart)]
    assert {edge.type for edge in found.edges} == {"SAME_AS", "FEEDS"}
    back = ask(estate, mart, source, "up", view=view)
    assert refs(back) == [str(mart), str(copy), str(source)]


def test_a_limit_met_from_one_end_does_not_matter_where_the_other_end_sees_all() -> None:
    estate = Estate()
    hub, end = estate.dataset("hub"), estate.dataset("end")
    for number in range(30):
        estate.feed(estate.dataset(f"s{number:02}"), end, "join")
    estate.feed(hub, end, "join")
    small = Limits(nodes=10, seconds=60)
    for view in ("structural", "content"):
        found = ask(estate, hub, end, limits=small, view=view)
        assert (refs(found), found.complete) == ([str(hub), str(end)], True)
    for number in range(30):
        estate.feed(hub, estate.dataset(f"t{number:02}"), "fan")
    for view in ("structural", "content"):
        found = ask(estate, hub, end, limits=small, view=view)
        assert not found.complete
        assert set(refs(found)) <= {str(hub), str(end)}
        if not found.nodes:
            [none] = [r for r in found.reasons if r.code == "no-path"]
            assert none.text.endswith("as far as the walk went")


def test_ends_are_data_that_is_known() -> None:
    estate, model = churn_estate()
    with pytest.raises(NotFound):
        ask(estate, model, DatasetRef("no", "where"))
    with pytest.raises(InvalidInput, match="begins at data"):
        ask(estate, model, JobRef("demo", "score"))


@pytest.mark.neo4j
@pytest.mark.parametrize("view", ["structural", "content"])
def test_neo4j_finds_the_same_between(
    neo4j_url: str, neo4j_auth: tuple[str, str], view: Any
) -> None:
    estate, model = churn_estate()
    neo4j = Neo4jGraph(neo4j_url, *neo4j_auth, deadline_seconds=60)

    class KeptOpen(SqlGraph):
        def close(self) -> None: ...

    assert Mirror(lambda: KeptOpen(estate.graph._db), neo4j).fill()
    router = GraphRouter(estate.graph, neo4j)
    ends: list[tuple[Ref, Ref]] = [
        (BOOKINGS, model), (LOYALTY, SCORES), (TIER, model), (SCORES, BOOKINGS),
        (DatasetRef("file", "/work/sources/loyalty.csv"), ModelRef("churn", "1")),
    ]  # fmt: skip
    for ref, to in ends:
        for limits in (
            Limits(seconds=60),
            Limits(depth=1, seconds=60),
            Limits(edges=2, seconds=60),
        ):
            asked: dict[str, Any] = {
                "direction": "down", "to": to, "view": view, "as_of": NOW, "limits": limits,
            }  # fmt: skip
            ours = trace(estate.graph, estate.state, IDENTITY, ref, **asked)
            theirs = trace(router, estate.state, IDENTITY, ref, **asked)
            assert (ours.answered_by, theirs.answered_by) == ("sql", "neo4j")
            assert (ours.nodes, ours.edges) == (theirs.nodes, theirs.edges)
            assert (ours.reasons, ours.unresolved) == (theirs.reasons, theirs.unresolved)
    neo4j.close()
