"""What may not be seen: shown as hidden, told nowhere, not even how much."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_world import IDENTITY, Estate, annotate_terms, churn_estate

from lineage.errors import NotFound
from lineage.graph.port import Limits, Node
from lineage.refs import DatasetRef
from lineage.trace.model import Hidden, Trace
from lineage.trace.render import as_json, mermaid, text
from lineage.trace.walk import trace

NOW = 1_388_534_400_000


def ask(estate: Estate, ref: Any, direction: Any = "up", **options: Any) -> Trace:
    asked: dict[str, Any] = {"as_of": NOW, "limits": Limits(seconds=60)}
    return trace(
        estate.graph, estate.state, IDENTITY, ref, direction=direction, **{**asked, **options}
    )


def without(*names: str) -> Any:
    return lambda node: node.props.get("name") not in names


def test_a_hidden_node_is_a_placeholder_and_what_lies_behind_is_not_shown() -> None:
    estate, model = churn_estate()
    found = ask(
        estate, model, allowed=without("loyalty", "ingest_loyalty"), annotators=(annotate_terms,)
    )
    assert found.hidden == Hidden(1, behind=True)
    [hidden] = [node for node in found.nodes if node.label == "Hidden"]
    assert (hidden.key, hidden.ref, hidden.name, hidden.annotations) == (
        "hidden-1", "hidden:1", "", {},
    )  # fmt: skip
    assert not found.complete
    reason = next(r for r in found.reasons if r.code == "hidden")
    assert (reason.count, reason.missing) == (1, True)
    shown = json.dumps(as_json(found)) + text(found) + mermaid(found)
    assert "loyalty" not in shown
    assert DatasetRef("demo", "loyalty").key(IDENTITY) not in shown
    assert any(edge.src == "hidden-1" for edge in found.edges)


def test_what_another_way_leads_to_is_shown() -> None:
    estate, model = churn_estate()
    found = ask(estate, model, allowed=without("test_set"))
    assert found.hidden == Hidden(1)
    assert "dataset:[demo]bookings" in {node.ref for node in found.nodes}


def test_a_hidden_job_leaves_its_edge_without_name() -> None:
    estate, model = churn_estate()
    found = ask(estate, model, allowed=without("make_training_set"))
    assert found.hidden == Hidden()
    assert {e.job_name for e in found.edges if e.kind == "columns"} >= {""}
    assert "make_training_set" not in json.dumps(as_json(found))


def test_a_hidden_start_or_end_is_told_like_nothing() -> None:
    estate, model = churn_estate()
    with pytest.raises(NotFound):
        ask(estate, model, allowed=without("churn"))
    with pytest.raises(NotFound):
        ask(estate, model, to=DatasetRef("demo", "loyalty"), allowed=without("loyalty"))


def test_a_way_through_something_hidden_is_hidden() -> None:
    estate, model = churn_estate()
    source = DatasetRef("file", "/work/sources/loyalty.csv")
    found = ask(estate, source, "down", to=model, allowed=without("training_set"))
    assert [node.label for node in found.nodes] == ["Dataset", "Dataset", "Hidden"]
    assert found.hidden == Hidden(1, behind=True)


@given(st.sets(st.integers(1, 7)), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_no_hidden_name_is_told_and_every_node_is_accounted_for(
    barred: set[int], pairs: set[tuple[int, int]]
) -> None:
    estate = Estate()
    refs = [estate.dataset(f"name{n}") for n in range(8)]
    for a, b in sorted(pairs):
        estate.feed(refs[a], refs[b], "job")
    names = {f"name{n}" for n in barred}

    def allowed(node: Node) -> bool:
        return node.props["name"] not in names

    whole = ask(estate, refs[0], "down")
    found = ask(estate, refs[0], "down", allowed=allowed)
    shown = json.dumps(as_json(found))
    assert not any(name in shown for name in names)
    assert (len(found.nodes) < len(whole.nodes)) is found.hidden.behind
    assert sum(node.label == "Hidden" for node in found.nodes) == found.hidden.nodes
    keys = {node.key for node in found.nodes}
    assert all(edge.src in keys and edge.dst in keys for edge in found.edges)
    assert found.complete == (not found.hidden.nodes)
