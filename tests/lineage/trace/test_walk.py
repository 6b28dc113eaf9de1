"""The trace: where data comes from and goes to, how sure that is, and what may be missing."""

from __future__ import annotations

from typing import Any

import pytest
from graph_builders import chain, sql_graph
from hypothesis import given
from hypothesis import strategies as st
from trace_world import IDENTITY, Estate, GraphState, annotate_terms, churn_estate

from lineage.errors import InvalidInput, NotFound
from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import OPEN, GraphDiff, Limits, Node
from lineage.graph.router import GraphRouter
from lineage.graph.sql import SqlGraph
from lineage.refs import ColumnRef, DatasetRef, JobRef, ModelRef, Ref, RunRef
from lineage.trace.model import Coverage, Trace
from lineage.trace.walk import trace

NOW = 1_388_534_400_000


def ask(estate: Estate, ref: Ref, direction: Any = "up", **options: Any) -> Trace:
    options.setdefault("as_of", NOW)
    return trace(estate.graph, estate.state, IDENTITY, ref, direction=direction, **options)


def refs(found: Trace) -> set[str]:
    return {node.ref for node in found.nodes}


def codes(found: Trace) -> list[str]:
    return [reason.code for reason in found.reasons]


def test_a_model_is_traced_to_every_source_and_the_answer_is_complete() -> None:
    estate, model = churn_estate()
    found = ask(estate, model)
    sources = {ref for ref in refs(found) if ref.startswith("dataset:[file]")}
    assert sources == {
        f"dataset:[file]/work/sources/{name}.csv" for name in ("flights", "bookings", "loyalty")
    }
    assert (found.complete, codes(found)) == (True, ["inferred"])
    assert (found.nodes[0].ref, found.nodes[0].depth) == ("model:churn@1", 0)
    assert (found.as_of, found.known_at, found.answered_by) == (NOW, estate.position, "sql")
    assert [node.depth for node in found.nodes] == sorted(node.depth for node in found.nodes)


def test_a_source_is_traced_to_everything_made_from_it() -> None:
    estate, _ = churn_estate()
    found = ask(estate, DatasetRef("file", "/work/sources/loyalty.csv"), "down")
    assert [node.ref for node in found.nodes] == [
        "dataset:[file]/work/sources/loyalty.csv",
        "dataset:[demo]loyalty",
        "dataset:[demo]training_set",
        "model:churn@1",
        "dataset:[demo]scores",
    ]
    assert found.nodes[3].version == "1"


def test_edges_carry_job_kind_and_the_role_of_a_training_set() -> None:
    estate, model = churn_estate()
    found = ask(estate, model)
    keys = {node.key: node.name for node in found.nodes}
    into = {keys[edge.src]: edge for edge in found.edges if edge.dst == model.key(IDENTITY)}
    assert {name: edge.role for name, edge in into.items()} == {
        "training_set": "train",
        "test_set": "test",
    }
    edge = into["test_set"]
    assert (edge.job, edge.job_name) == ("job:[demo]train_churn", "train_churn")
    assert (edge.kind, edge.inferred) == ("declared", False)
    assert any(edge.inferred for edge in found.edges)
    assert all(edge.inferred == (edge.kind == "product") for edge in found.edges)


def test_annotations_of_all_annotators_stand_beside_the_nodes() -> None:
    estate, model = churn_estate()

    def shout(state: GraphState, nodes: Any, as_of: int) -> Any:
        assert as_of == NOW
        return {node.key: {"name": node.props["name"].upper()} for node in nodes}

    found = ask(estate, model, annotators=(annotate_terms, shout))
    noted = {node.name: node.annotations for node in found.nodes}
    assert noted["loyalty"] == {"license": {"short": "CC-BY-NC-4.0"}, "name": "LOYALTY"}


def test_views_differ_where_wiring_ended_but_data_stays() -> None:
    estate = Estate()
    old, new = estate.dataset("old"), estate.dataset("new", write_mode="append")
    estate.feed(old, new, "load", structural=((0, 10),), content=((0, OPEN),))
    assert refs(ask(estate, new, as_of=20)) == {str(new)}
    assert refs(ask(estate, new, as_of=5)) == {str(new), str(old)}
    content = ask(estate, new, as_of=20, view="content")
    assert refs(content) == {str(new), str(old)}
    assert "write-mode-unknown" not in codes(content)


def test_the_content_view_says_where_the_write_mode_is_unknown() -> None:
    estate, model = churn_estate()
    found = ask(estate, model, view="content")
    reason = next(reason for reason in found.reasons if reason.code == "write-mode-unknown")
    assert (reason.count, reason.missing, found.complete) == (1, False, True)
    assert "write-mode-unknown" not in codes(ask(estate, model))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(depth=1, seconds=60), "depth"),
        (Limits(nodes=3, seconds=60), "nodes"),
        (Limits(seconds=0), "time"),
    ],
)
def test_a_limit_reached_makes_the_answer_incomplete_and_is_named(
    limits: Limits, code: str
) -> None:
    estate, model = churn_estate()
    found = ask(estate, model, limits=limits)
    assert (found.complete, codes(found)[0]) == (False, code)


def test_a_node_without_name_is_shown_by_key_and_counts_as_unresolved() -> None:
    estate = Estate()
    end = estate.dataset("end")
    nameless = DatasetRef("ns", "erased")
    estate.feed(nameless, end, "load", kind="columns")
    found = ask(estate, end)
    assert (found.complete, codes(found)) == (False, ["unresolved"])
    assert found.nodes[1].ref == f"dataset:?{nameless.key(IDENTITY)}"


def test_a_dataset_that_nothing_feeds_is_a_source_and_complete() -> None:
    estate = Estate()
    alone = estate.dataset("alone")
    found = ask(estate, alone)
    assert (refs(found), found.complete, found.reasons) == ({str(alone)}, True, ())


def test_cycles_end() -> None:
    estate = Estate()
    a, b = estate.dataset("a"), estate.dataset("b")
    estate.feed(a, b, "there")
    estate.feed(b, a, "back")
    estate.feed(a, a, "in place")
    found = ask(estate, a)
    assert len(found.nodes) == 2
    assert len(found.edges) == 3


def test_a_column_is_traced_along_columns_without_being_told() -> None:
    estate, _ = churn_estate()
    found = ask(estate, ColumnRef("demo", "training_set", "email_hash"))
    assert found.columns
    assert [node.ref for node in found.nodes] == [
        "column:[demo]training_set#email_hash",
        "column:[demo]bookings#email",
    ]
    assert found.nodes[1].field == "email"
    assert found.edges[0].props == {"masking": True}


def test_all_columns_of_a_dataset_are_traced_from_the_dataset() -> None:
    estate, _ = churn_estate()
    found = ask(estate, DatasetRef("demo", "training_set"), columns=True)
    assert [(node.ref, node.depth) for node in found.nodes] == [
        ("dataset:[demo]training_set", 0),
        ("column:[demo]training_set#email_hash", 1),
        ("column:[demo]training_set#tier", 1),
        ("column:[demo]bookings#email", 2),
        ("column:[demo]loyalty#tier", 2),
    ]
    assert {edge.type for edge in found.edges} == {"HAS_COLUMN", "FEEDS_COLUMN"}
    assert found.complete


def test_the_columns_of_a_model_are_those_of_its_inputs() -> None:
    estate, model = churn_estate()
    found = ask(estate, model, columns=True)
    assert {str(ref) for ref in refs(found)} >= {
        "model:churn@1",
        "column:[demo]training_set#tier",
        "column:[demo]loyalty#tier",
    }
    inputs = [edge for edge in found.edges if edge.dst == model.key(IDENTITY)]
    assert {(edge.kind, edge.inferred, edge.role) for edge in inputs} == {("input", True, None)}
    assert codes(found) == ["no-columns", "inferred"]  # nobody told the columns of the test set
    assert not found.complete


def test_a_column_leads_down_to_the_models_that_its_dataset_feeds() -> None:
    estate, _ = churn_estate()
    found = ask(estate, ColumnRef("demo", "loyalty", "tier"), "down")
    assert [(node.ref, node.depth) for node in found.nodes] == [
        ("column:[demo]loyalty#tier", 0),
        ("column:[demo]training_set#tier", 1),
        ("model:churn@1", 2),
    ]


def test_a_column_that_ends_at_a_job_without_column_map_makes_the_answer_incomplete() -> None:
    estate = Estate()
    source, target = estate.dataset("source"), estate.dataset("target")
    estate.column(source, "a")
    column = estate.column(target, "a")
    estate.feed(source, target, "opaque")
    found = ask(estate, column)
    assert (found.complete, codes(found)) == (False, ["column-gap"])
    told = Estate()
    source, target = told.dataset("source"), told.dataset("target")
    made = told.column(target, "made")
    told.feed(source, target, "open", kind="columns")
    assert ask(told, made).complete  # the job told its columns; this one comes from none


def test_coverage_counts_the_datasets_that_lack_something() -> None:
    estate, model = churn_estate()
    estate.dataset("forgotten")
    coverage = ask(estate, model).coverage
    assert coverage == Coverage(
        7, without_lineage=1, without_owner=3, without_class=6, files=3, known_at=estate.position
    )
    assert coverage.share(1) == 1 / 7
    known = Coverage(1, 1, 1, 1)
    assert ask(estate, model, coverage=known).coverage is known
    assert Coverage(0, 0, 0, 0).share(0) == 0


def test_what_nobody_knows_is_not_found() -> None:
    with pytest.raises(NotFound, match="nothing is known"):
        ask(Estate(), DatasetRef("no", "where"))


@pytest.mark.parametrize("ref", [JobRef("ns", "job"), RunRef("ns", "job", "1")])
def test_a_trace_begins_at_data(ref: Ref) -> None:
    with pytest.raises(InvalidInput, match="begins at data"):
        ask(Estate(), ref)


def test_a_long_chain_is_traced_to_its_end() -> None:
    estate = Estate()
    nodes = [
        Node(DatasetRef("t", f"d{n}").key(IDENTITY), "Dataset", {"namespace": "t", "name": f"d{n}"})
        for n in range(300)
    ]
    edges = [
        type(edge)(edge.type, nodes[i].key, nodes[i + 1].key, "o", "columns", {}, edge.structural)
        for i, edge in enumerate(chain(300).put_edges)
    ]
    estate.graph.apply(GraphDiff(nodes, edges), 1)
    found = ask(estate, DatasetRef("t", "d299"), limits=Limits(depth=1000, seconds=60))
    assert (len(found.nodes), found.complete) == (300, True)


@given(st.data())
def test_nothing_downstream_of_a_source_misses_it_upstream(data: st.DataObject) -> None:
    """Up and down are each other's inverse."""
    estate = Estate()
    datasets = [estate.dataset(f"d{n}") for n in range(7)]
    pairs = data.draw(st.sets(st.tuples(st.sampled_from(range(7)), st.sampled_from(range(7)))))
    for a, b in sorted(pairs):
        estate.feed(datasets[a], datasets[b], "job")
    below = {ref: refs(ask(estate, ref, "down")) for ref in datasets}
    for ref in datasets:
        assert refs(ask(estate, ref)) == {str(o) for o in datasets if str(ref) in below[o]}


@pytest.mark.neo4j
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("view", ["structural", "content"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_neo4j_gives_the_same_trace(
    neo4j_url: str, neo4j_auth: tuple[str, str], direction: str, view: str, columns: bool
) -> None:
    estate, _ = churn_estate()
    neo4j = Neo4jGraph(neo4j_url, *neo4j_auth, deadline_seconds=60)

    class KeptOpen(SqlGraph):
        def close(self) -> None: ...

    mirror = Mirror(lambda: KeptOpen(estate.graph._db), neo4j)
    assert mirror.fill()
    router = GraphRouter(estate.graph, neo4j)
    for ref in (ModelRef("churn", "1"), DatasetRef("demo", "bookings")):
        options: dict[str, Any] = {
            "direction": direction,
            "view": view,
            "columns": columns,
            "as_of": NOW,
            "limits": Limits(seconds=60),
        }
        ours = trace(sql_twin(estate), estate.state, IDENTITY, ref, **options)
        theirs = trace(router, estate.state, IDENTITY, ref, **options)
        assert (ours.answered_by, theirs.answered_by) == ("sql", "neo4j")
        assert (ours.nodes, ours.edges, ours.reasons) == (
            theirs.nodes,
            theirs.edges,
            theirs.reasons,
        )
        assert (ours.coverage, ours.known_at) == (theirs.coverage, theirs.known_at)
    neo4j.close()


def sql_twin(estate: Estate) -> SqlGraph:
    twin = sql_graph()
    twin.load(estate.graph.all_nodes(), estate.graph.all_edges(), estate.position)
    return twin
