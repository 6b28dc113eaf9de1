"""What changed: golden files for the usual, rules for what counts as the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from golden import golden
from trace_world import IDENTITY, Estate, churn_estate

from lineage.facts import Json
from lineage.graph.port import OPEN, Limits, Node
from lineage.refs import DatasetRef, Ref
from lineage.trace.breaking import Break, breaks
from lineage.trace.diff import Change, Difference, compare
from lineage.trace.diff_render import as_json, markdown, text
from lineage.trace.model import Trace
from lineage.trace.names import display_width
from lineage.trace.walk import trace

GOLDEN = Path(__file__).parents[2] / "golden" / "diff"
JANUARY, FEBRUARY = 1_767_225_600_000, 1_769_904_000_000
MIDDLE = (JANUARY + FEBRUARY) // 2
TABLE = DatasetRef("demo", "training_set")


def terms(state: Any, nodes: Sequence[Node], as_of: int) -> Mapping[str, Mapping[str, Json]]:
    """What catalog and privacy say, in their shapes; some of it changes in the middle."""
    later = as_of >= MIDDLE
    said: dict[str, dict[str, Json]] = {
        "bookings": {
            "license": "CC-BY-4.0" if later else "CC0-1.0",
            "purposes": ["dpv:ServiceProvision", *(["dpv:Marketing"] if later else [])],
            "owner": "team:b" if later else "team:a",
            "retention": {"class": "bookings", "due": "2027-01-01" if later else "2026-06-01"},
            "pii": {"EMAIL_ADDRESS": ["mail"], **({"PHONE_NUMBER": ["note"]} if later else {})},
            "columns": {"mail": "TEXT", "day": "DATE" if later else "TEXT"},
            "quality": {"not_null:mail": "failed" if later else "passed"},
        },
        "flights": {"columns": {"dest": "TEXT", **({"tail": "TEXT"} if later else {})}},
        "loyalty": {"license": "CC-BY-NC-4.0"},
        **({"training_set": {"pii": {}}} if later else {}),
    }
    return {n.key: said[str(n.props["name"])] for n in nodes if n.props["name"] in said}


def estate() -> Estate:
    made = Estate()
    train = made.dataset("training_set")
    for name, spans in (
        ("flights", ((0, OPEN),)),
        ("bookings", ((0, OPEN),)),
        ("weather", ((0, MIDDLE),)),
        ("loyalty", ((MIDDLE, OPEN),)),
    ):
        source = made.dataset(f"{name}.csv", "file")
        table = made.dataset(name)
        made.feed(source, table, f"ingest_{name}", kind="columns", structural=spans)
        made.feed(table, train, "join", kind="columns", structural=spans)
    made.feed(made.dataset("hand|made <b>@all"), train, "join", kind="product")
    made.feed(DatasetRef("demo", "flights"), train, "join", structural=((0, MIDDLE),))
    return made


def ask(made: Estate, ref: Ref, as_of: int, **options: Any) -> Trace:
    options = {"annotators": (terms,), "limits": Limits(seconds=60), **options}
    return trace(made.graph, made.state, IDENTITY, ref, direction="up", as_of=as_of, **options)


def cases() -> dict[str, Difference]:
    made = estate()
    churn, model = churn_estate()
    second = churn.model("churn", "2")
    churn.feed(TABLE, second, "train_churn", kind="declared")
    churn.feed(DatasetRef("demo", "scores"), second, "train_churn_2", kind="declared")
    cut = Limits(nodes=3, seconds=60)
    return {
        "terms": compare(ask(made, TABLE, JANUARY), ask(made, TABLE, FEBRUARY)),
        "nothing": compare(ask(made, TABLE, JANUARY), ask(made, TABLE, JANUARY)),
        "versions": compare(ask(churn, model, FEBRUARY), ask(churn, second, FEBRUARY)),
        "cut": compare(ask(made, TABLE, JANUARY, limits=cut), ask(made, TABLE, FEBRUARY)),
    }


def broken(found: Difference) -> tuple[Break, ...]:
    """Its breaking changes; that a column of bookings has another type is declared to be one."""
    return breaks(
        found.changes, lambda ref: ["retype"] if ref.endswith("bookings") else [], found.after.ref
    )


FORMS: Mapping[str, Callable[[Difference], str]] = {
    "txt": lambda found: text(found, broken(found)),
    "md": lambda found: markdown(found, broken(found)),
    "json": lambda found: (
        json.dumps(as_json(found, broken(found)), indent=2, ensure_ascii=False) + "\n"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", cases())
def test_a_difference_equals_its_golden_file(name: str, form: str) -> None:
    """Run with ``UPDATE_GOLDEN=1`` to write the files, then read the difference."""
    rendered = FORMS[form](cases()[name])
    assert rendered == golden(GOLDEN / f"{name}.{form}", rendered)


def told(found: Difference, topic: str) -> list[tuple[str, str, str]]:
    return [(c.what, c.ref, c.name) for c in found.changes if c.topic == topic]


def test_what_changed_is_told_by_topic() -> None:
    found = cases()["terms"]
    assert told(found, "sources") == [
        ("in", "dataset:[file]loyalty.csv", ""),
        ("out", "dataset:[file]weather.csv", ""),
    ]
    assert told(found, "datasets") == [
        ("in", "dataset:[demo]loyalty", ""),
        ("out", "dataset:[demo]weather", ""),
    ]
    assert told(found, "jobs") == [
        ("in", "job:[demo]ingest_loyalty", ""),
        ("out", "job:[demo]ingest_weather", ""),
    ]
    assert ("changed", "dataset:[demo]flights", str(TABLE)) in told(found, "edges")
    bookings = "dataset:[demo]bookings"
    assert told(found, "columns") == [
        ("changed", bookings, "day"),
        ("in", "dataset:[demo]flights", "tail"),
    ]
    for topic in ("license", "purposes", "owner"):
        assert told(found, topic) == [("changed", bookings, "")]
    assert told(found, "retention") == [("changed", bookings, "due")]
    assert told(found, "quality") == [("changed", bookings, "not_null:mail")]
    assert told(found, "pii") == [("in", bookings, "PHONE_NUMBER"), ("in", str(TABLE), "")]
    assert (found.count("in"), found.count("out")) == (
        sum(c.what == "in" for c in found.changes),
        sum(c.what == "out" for c in found.changes),
    )


def test_a_source_that_comes_in_brings_its_terms() -> None:
    found = cases()["terms"]
    [loyalty] = [c for c in found.changes if c.ref == "dataset:[demo]loyalty" and not c.name]
    assert loyalty == Change(
        "datasets", "in", "dataset:[demo]loyalty", "", None, {"license": "CC-BY-NC-4.0"}
    )


def test_turned_around_everything_that_came_went() -> None:
    made = estate()
    there = compare(ask(made, TABLE, JANUARY), ask(made, TABLE, FEBRUARY))
    back = compare(ask(made, TABLE, FEBRUARY), ask(made, TABLE, JANUARY))
    turned = {"in": "out", "out": "in", "changed": "changed"}
    assert {(c.topic, turned[c.what], c.ref, c.name) for c in there.changes} == {
        (c.topic, c.what, c.ref, c.name) for c in back.changes
    }


def test_what_is_said_of_a_thing_for_the_first_time_came_in() -> None:
    def licensed(_: Any, nodes: Sequence[Node], as_of: int) -> Mapping[str, Mapping[str, Json]]:
        said = {"license": "MIT"} if as_of >= MIDDLE else {"owner": "team:a"}
        return {node.key: said for node in nodes if node.props["name"] == "flights"}

    made = estate()
    before, after = (
        ask(made, TABLE, moment, annotators=(licensed,)) for moment in (JANUARY, FEBRUARY)
    )
    found = [
        change for change in compare(before, after).changes if change.topic in ("license", "owner")
    ]
    flights = "dataset:[demo]flights"
    assert found == [
        Change("license", "in", flights, "", None, "MIT"),
        Change("owner", "out", flights, "", "team:a", None),
    ]


def test_two_versions_of_a_model_count_as_the_same_thing() -> None:
    found = cases()["versions"]
    assert (found.before.ref, found.after.ref) == ("model:churn@1", "model:churn@2")
    edges = told(found, "edges")
    # The training set feeds both, by the same job; only its role differs.
    assert ("changed", "dataset:[demo]training_set", "model:churn@2") in edges
    # Version 1 made the scores that version 2 was trained on, and so comes in itself.
    assert ("in", "dataset:[demo]scores", "model:churn@2") in edges
    assert told(found, "models") == [("in", "model:churn@1", "")]


def test_what_is_hidden_is_not_compared() -> None:
    made = estate()
    allowed = lambda node: node.props["name"] != "bookings"  # noqa: E731
    found = compare(
        ask(made, TABLE, JANUARY, allowed=allowed), ask(made, TABLE, FEBRUARY, allowed=allowed)
    )
    assert not any("bookings" in c.ref or "hidden" in c.ref for c in found.changes)
    assert not found.complete


def test_what_was_not_reached_because_of_a_limit_makes_the_difference_incomplete() -> None:
    found = cases()["cut"]
    assert not found.complete
    assert "- **Not complete**" in markdown(found)
    assert text(found).splitlines()[-1].endswith("incomplete")


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("name", cases())
def test_no_line_of_a_difference_is_wider_than_the_terminal(name: str, width: int) -> None:
    for line in text(cases()[name], width=width).splitlines():
        assert display_width(line) <= width


def test_markdown_escapes_what_could_be_read_as_markup() -> None:
    made = Estate()
    odd = made.dataset("a|b <img> @team `x` *y* [z](u) #12")
    end = made.dataset("end")
    made.feed(odd, end, "j", structural=((MIDDLE, OPEN),))
    drawn = markdown(compare(ask(made, end, JANUARY), ask(made, end, FEBRUARY)))
    rows = [line for line in drawn.splitlines() if "team" in line]
    assert rows
    for row in rows:
        assert row.count("|") == 5
        assert not set("<>@`") & set(row)
        assert "[z]" not in row
