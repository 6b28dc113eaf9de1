"""Renderings: golden files for the usual, properties for whatever names people invent."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from golden import golden
from hypothesis import given
from hypothesis import strategies as st
from trace_world import IDENTITY, Estate, annotate_terms, churn_estate

from lineage.graph.port import Limits, Node
from lineage.identity import Label
from lineage.refs import DatasetRef
from lineage.trace.model import Coverage, Trace, TraceEdge, TraceNode
from lineage.trace.names import clean, display_width, reference, reference_text, wrap
from lineage.trace.paging import Cursor, Page
from lineage.trace.render import as_json, mermaid, text
from lineage.trace.tree import short
from lineage.trace.walk import trace

GOLDEN = Path(__file__).parents[2] / "golden" / "trace"
NOW = 1_388_534_400_000
BOOKINGS = DatasetRef("demo", "bookings")
ODD = "日本語の顧客データ/👩‍👩‍👧/e\u0301té\x1b[31mred\x07\u202egnp.exe\n\u200b\"'`<b>#;|%[x]"


def ask(estate: Estate, ref: Any, direction: Any = "up", **options: Any) -> Trace:
    options.setdefault("as_of", NOW)
    return trace(
        estate.graph,
        estate.state,
        IDENTITY,
        ref,
        direction=direction,
        annotators=(annotate_terms,),
        **options,
    )


def odd_estate() -> tuple[Estate, DatasetRef]:
    estate = Estate()
    refs = [estate.dataset(f"{ODD}/{n}", namespace=ODD) for n in range(3)]
    estate.feed(refs[0], refs[1], ODD)
    estate.feed(refs[1], refs[2], ODD, kind="columns")
    estate.feed(refs[2], refs[0], ODD)
    estate.state.say(refs[0].key(IDENTITY), "license", {"declared": ODD})
    return estate, refs[2]


def deep_estate() -> tuple[Estate, DatasetRef]:
    estate = Estate()
    refs = [estate.dataset(f"warehouse.schema_number_{n}.table_number_{n}") for n in range(40)]
    for src, dst in pairwise(refs):
        estate.feed(src, dst, "a_job_with_quite_a_long_name", kind="columns")
    return estate, refs[-1]


def first_page(estate: Estate, model: Any) -> Cursor:
    return Cursor.read(str(ask(estate, model, page=Page(4)).next))


def cases() -> dict[str, Trace]:
    estate, model = churn_estate()
    odd, odd_ref = odd_estate()
    deep, deep_ref = deep_estate()
    return {
        "model-up": ask(estate, model),
        "model-up-content": ask(estate, model, view="content"),
        "model-up-columns": ask(estate, model, columns=True),
        "model-up-cut": ask(estate, model, limits=Limits(depth=1, nodes=2, seconds=60)),
        "bookings-down": ask(estate, BOOKINGS, "down", as_of=NOW + 12_345_678),
        "bookings-down-columns": ask(estate, BOOKINGS, "down", columns=True),
        "path": ask(estate, DatasetRef("demo", "loyalty"), "down", to=model),
        "no-path": ask(estate, model, "down", to=BOOKINGS),
        "page": ask(estate, model, page=Page(4, first_page(estate, model))),
        "hidden": ask(estate, model, allowed=lambda node: node.props["name"] != "loyalty"),
        "odd-names": ask(odd, odd_ref),
        "deep": ask(deep, deep_ref),
    }


FORMS = {
    "txt": text,
    "mmd": mermaid,
    "json": lambda found: json.dumps(as_json(found), indent=2, ensure_ascii=False) + "\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", cases())
def test_a_rendering_equals_its_golden_file(name: str, form: str) -> None:
    """Run with ``UPDATE_GOLDEN=1`` to write the files, then read the difference."""
    rendered = FORMS[form](cases()[name])
    assert rendered == golden(GOLDEN / f"{name}.{form}", rendered)


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    for line in text(cases()[name], width=width).splitlines():
        assert display_width(line) <= width, line


def test_every_node_stands_in_the_tree_in_full_once() -> None:
    estate, model = churn_estate()
    found = ask(estate, model)
    drawn = text(found)
    full = [line for line in drawn.splitlines() if ":" in line and "shown above" not in line]
    for node in found.nodes:
        assert (
            sum(re.search(rf"{re.escape(node.ref)}( |$)", line) is not None for line in full) == 1
        )
    assert drawn.count("(shown above)") == 1


def test_a_deep_tree_tells_its_level_as_a_number() -> None:
    estate, ref = deep_estate()
    drawn = text(ask(estate, ref))
    assert "39⋯ " in drawn
    assert "".join(drawn.split()).count("warehouse.schema_number_0.table_number_0") == 1


def names() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)


@given(names(), names(), st.integers(20, 100))
def test_no_name_breaks_out_of_its_line(name: str, note: str, width: int) -> None:
    node = TraceNode("k", "Dataset", f"dataset:[ns]{name}", name, "ns", None, None, 0, {note: name})
    coverage = Coverage(0, 0, 0, 0)
    found = Trace("r", "up", "structural", False, (node,), (), True, (), NOW, 1, "sql", coverage)
    drawn = text(found, width=width)
    for line in drawn.split("\n"):
        assert display_width(line) <= max(width, 40)
    assert not {unicodedata.category(char) for char in drawn if char != "\n"} & {
        "Cc", "Cf", "Cs", "Zl", "Zp",
    }  # fmt: skip
    chart = mermaid(found)
    assert chart.count("\n") == 2
    inside = chart.splitlines()[1].removeprefix('  n0["').removesuffix('"]')
    assert not set('"`<>|{}\\') & set(inside.replace("<br/>", ""))
    assert json.loads(json.dumps(as_json(found)))["nodes"][0]["name"] == name


@given(st.text(max_size=200), st.integers(2, 60), st.integers(2, 60))
def test_wrapping_loses_nothing_but_spaces(content: str, first: int, rest: int) -> None:
    content = clean(content)
    lines = wrap(content, first, rest)
    assert "".join(lines).replace(" ", "") == content.replace(" ", "")
    for number, line in enumerate(lines):
        assert display_width(line) <= (rest if number else first)


def test_words_stay_whole_where_they_fit() -> None:
    assert wrap("due 2024-01-01, contact_email", 12, 12) == [
        "due",
        "2024-01-01,",
        "contact_emai",
        "l",
    ]
    assert wrap("non-commercial use", 14, 14) == ["non-commercial", "use"]
    assert wrap("a/long/path/to/file.csv", 12, 12) == ["a/long/path/", "to/file.csv"]
    assert wrap("warehouse.schema.table", 14, 14) == ["warehouse.", "schema.table"]


def noted(namespace: str, name: str, depth: int, **notes: Any) -> TraceNode:
    ref = f"dataset:[{namespace}]{name}"
    return TraceNode(name, "Dataset", ref, name, namespace, None, None, depth, notes)


@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ({"license": "MIT", "sha256": "abc"}, ["   ingest · same terms"]),
        (
            {"license": "MIT", "sha256": "abc", "purged": "c"},
            ["   ingest · same terms", "   purged c"],
        ),
        ({"license": "MIT"}, ["   ingest", "   license MIT"]),
        ({}, ["   ingest"]),
    ],
)
def test_a_file_with_the_terms_of_its_dataset_says_so(
    own: dict[str, str], shown: list[str]
) -> None:
    path = "/a/path/of/a/file.csv"
    nodes = (
        noted("shop", "orders", 0, license="MIT", sha256="abc", holds=["H-1"]),
        noted("file", path, 1, **own),
    )
    edge = TraceEdge("FEEDS", path, "orders", "j", "", "ingest", inferred=False)
    coverage = Coverage(0, 0, 0, 0)
    found = Trace("r", "up", "structural", False, nodes, (edge,), True, (), NOW, 1, "sql", coverage)
    lines = text(found, width=40).splitlines()
    assert lines[1:3] == ["│  license MIT · sha256 abc · holds H-1", f"└─ dataset:[file]{path}"]
    assert lines[3 : 3 + len(shown)] == shown
    assert lines[3 + len(shown)] == ""


def test_one_annotation_stands_in_one_line_where_it_fits() -> None:
    node = noted("shop", "orders", 0, owner="team", retention={"class": "booking records of 1999"})
    coverage = Coverage(0, 0, 0, 0)
    found = Trace("r", "up", "structural", False, (node,), (), True, (), NOW, 1, "sql", coverage)
    assert text(found, width=40).splitlines()[1:3] == [
        "   owner team",
        "   retention class booking records of",
    ]


def test_width_counts_terminal_cells() -> None:
    assert display_width("abc") == 3
    assert display_width("日本") == 4
    assert display_width("e\u0301") == 1


def test_json_has_the_documented_members_and_is_encodable() -> None:
    estate, model = churn_estate()
    built = as_json(ask(estate, model))
    assert {"nodes", "edges", "complete", "reasons", "as_of", "known_at", "answered_by"} <= set(
        built
    )
    assert built["as_of"] == "2014-01-01T00:00:00.000Z"
    assert msgspec.json.decode(msgspec.json.encode(built)) == json.loads(json.dumps(built))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("text", "text"),
        (["a", None, "b"], "a, b"),
        ({"short": "CC0", "url": "x"}, "CC0"),
        ({"class": "gold", "due": ""}, "class gold"),
        ({"EMAIL": ["a", "b"]}, "EMAIL a, b"),
        ({}, "none"),
        (["dpv:ServiceProvision", "eu-gdpr:A6-1-b"], "ServiceProvision, A6-1-b"),
        (True, "yes"),
        (False, ""),
        (None, ""),
        (7, "7"),
    ],
)
def test_annotations_have_a_short_form(value: Any, said: str) -> None:
    assert short(value) == said


@pytest.mark.parametrize(
    ("label", "props", "named"),
    [
        ("Dataset", {"namespace": "n", "name": "t"}, "dataset:[n]t"),
        ("Column", {"namespace": "n", "name": "t", "field": "f"}, "column:[n]t#f"),
        ("Model", {"name": "m", "version": "1"}, "model:m@1"),
        ("Model", {"name": "m"}, "model:?key"),
        ("Column", {"namespace": "n", "name": "t"}, "column:?key"),
        ("Job", {"name": "j"}, "job:?key"),
        ("Job", {"namespace": "n", "name": 7}, "job:?key"),
    ],
)
def test_a_node_is_named_in_full_or_by_its_key(
    label: Label, props: dict[str, Any], named: str
) -> None:
    node = Node("key", label, props)
    assert reference_text(node, "key") == named
    assert str(reference(node) or f"{label.lower()}:?key") == named


def test_a_key_without_a_node_is_a_dataset_unless_it_is_said_otherwise() -> None:
    assert reference_text(None, "key") == "dataset:?key"
    assert reference_text(None, "key", "Job") == "job:?key"
