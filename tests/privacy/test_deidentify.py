"""De-identification of tables."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import InvalidInput
from privacy.deidentify import Rule, apply
from privacy.scan import scan_table

SECRET = b"k" * 32
NOTE = "call +44 20 7946 0958 or a@example.com, refund DE89370400440532013000"


def one(values: object, rule: Rule, dataset: str = "d") -> pa.Table:
    table, _ = apply(pa.table({"c": values}), [rule], SECRET, dataset=dataset)
    return table


@given(st.lists(st.one_of(st.none(), st.text()), min_size=1))
def test_pseudonyms_keep_equality_and_nulls_and_nothing_else(values: list[str | None]) -> None:
    tokens = one(pa.array(values, pa.string()), Rule("c", "pseudonymize")).column("c").to_pylist()
    for value, token in zip(values, tokens, strict=True):
        assert (value is None) == (token is None)
        assert token is None or (len(token) == 22 and token.isalpha())
    assert len(set(values)) == len(set(tokens))


def test_pseudonyms_of_two_datasets_or_workspaces_do_not_match() -> None:
    rule = Rule("c", "pseudonymize")
    first, second = one(["x"], rule, "d1"), one(["x"], rule, "d2")
    third, _ = apply(pa.table({"c": ["x"]}), [rule], b"o" * 32, dataset="d1")
    assert len({t.column("c")[0].as_py() for t in (first, second, third)}) == 3


def test_free_text_loses_its_values_and_the_rescan_finds_none() -> None:
    table = one([NOTE, "vegetarian meal", None], Rule("c", "redact"))
    assert table.column("c").to_pylist() == [
        "call <PHONE_NUMBER> or <EMAIL_ADDRESS>, refund <IBAN_CODE>",
        "vegetarian meal",
        None,
    ]
    assert [f.tier for f in scan_table(table)] == ["none"]


def test_a_text_too_long_to_be_read_does_not_pass_as_clean() -> None:
    (value,) = one(["x " * 3000 + "a@example.com"], Rule("c", "redact")).column("c").to_pylist()
    assert value == "<TOO_LONG>"


def test_dates_and_numbers_are_generalized() -> None:
    month = Rule("c", "generalize", {"to": "month"})
    assert one([dt.date(2024, 2, 29), None], month).column("c").to_pylist() == ["2024-02", None]
    width = Rule("c", "generalize", {"width": 10})
    assert one([7, 42, -3], width).column("c").to_pylist() == ["0-9", "40-49", "-10--1"]


def test_masks_show_at_most_half() -> None:
    rule = Rule("c", "mask", {"keep": 2})
    assert one(["4111111111111111", "ab", ""], rule).column("c").to_pylist() == [
        "********11",
        "********",
        "********",
    ]


def test_the_record_says_what_was_done_and_not_with_which_key() -> None:
    table, records = apply(
        pa.table({"e": ["a@b.de", "a@b.de", None], "n": [1, 2, 3], "x": [1, 1, 1]}),
        [Rule("e", "pseudonymize"), Rule("x", "drop")],
        SECRET,
        dataset="d",
    )
    first, second = records
    assert (first.rows, first.changed, first.distinct_before, first.distinct_after) == (2, 2, 1, 1)
    assert first.pseudonymous
    assert len(first.key_ref) == 16
    assert second.operator == "drop"
    assert table.column_names == ["e", "n"]
    assert "a@b.de" not in str([record.as_dict() for record in records])


@pytest.mark.parametrize(
    "rule",
    [
        Rule("nope", "drop"),
        Rule("c", "shuffle"),  # type: ignore[arg-type]
        Rule("c", "generalize"),
        Rule("c", "generalize", {"to": "hour"}),
        Rule("c", "generalize", {"to": "month"}),
        Rule("c", "generalize", {"width": 5}),
        Rule("c", "pseudonymize", {"length": 3}),
        Rule("c", "mask", {"keep": 9}),
    ],
)
def test_a_rule_that_cannot_be_carried_out_is_refused_without_quoting_a_cell(rule: Rule) -> None:
    with pytest.raises(InvalidInput) as caught:
        one(["31/12/secret"], rule)
    assert "secret" not in str(caught.value.as_dict())


def test_a_column_named_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        apply(pa.table({"c": ["x"]}), [Rule("c", "mask"), Rule("c", "redact")], SECRET, dataset="d")
