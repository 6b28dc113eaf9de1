"""Which changes break whoever reads."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from lineage.trace.breaking import KINDS, breaks
from lineage.trace.diff import Change

A, B = "dataset:[w]a", "dataset:[w]b"


def column(what: Literal["in", "out", "changed"], name: str, *types: str, ref: str = A) -> Change:
    before = None if what == "in" else types[0]
    after = None if what == "out" else types[-1]
    return Change("columns", what, ref, name, before, after)


def told(*changes: Change) -> list[tuple[str, str, Any]]:
    return [(one.kind, one.name, one.after) for one in breaks(changes, lambda _: (), B)]


def test_a_column_that_went_out_is_dropped() -> None:
    assert told(column("out", "x", "INT")) == [("drop", "x", None)]


def test_a_column_that_came_in_or_a_note_breaks_nobody() -> None:
    assert told(column("in", "x", "INT"), Change("owner", "changed", A, "", "a", "b")) == []


def test_another_type_is_a_break() -> None:
    assert told(column("changed", "x", "INT", "TEXT")) == [("retype", "x", "TEXT")]


def test_one_out_and_one_in_of_the_same_type_is_a_rename() -> None:
    assert told(column("in", "y", "INT"), column("out", "x", "INT")) == [("rename", "x", "y")]


@pytest.mark.parametrize(
    "more",
    [
        column("in", "z", "INT"),
        column("out", "z", "INT"),
    ],
)
def test_where_it_could_be_either_it_is_a_drop(more: Change) -> None:
    found = told(column("in", "y", "INT"), column("out", "x", "INT"), more)
    assert {kind for kind, *_ in found} == {"drop"}


def test_another_type_or_another_dataset_is_no_rename() -> None:
    assert told(column("out", "x", "INT"), column("in", "y", "TEXT"))[0][0] == "drop"
    assert told(column("out", "x", "INT"), column("in", "y", "INT", ref=B))[0][0] == "drop"


def test_a_source_that_is_gone_is_judged_by_what_was_compared() -> None:
    lost = Change("sources", "out", A, "", None, None)
    came = Change("sources", "in", A, "", None, None)
    asked: list[str] = []

    def declared(ref: str) -> list[Literal["source"]]:
        asked.append(ref)
        return ["source"]

    [found] = breaks([lost, came], declared, B)
    assert (found.kind, found.ref, found.declared) == ("source", A, True)
    assert asked == [B]


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_declared_of_the_dataset_is_declared(kind: Any) -> None:
    changes = [
        Change("sources", "out", B, "", None, None),
        column("out", "gone", "DATE"),
        column("changed", "x", "INT", "TEXT"),
        column("out", "old", "BLOB", ref=B), column("in", "new", "BLOB", ref=B),
    ]  # fmt: skip
    found = breaks(changes, lambda _: [kind], A)
    assert {one.kind for one in found} == {*KINDS}
    assert {one.kind for one in found if one.declared} == {kind}
