from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest

from catalog.quality import Rule, assertions_facet, evaluate
from catalog.quality_rules import rule_faults

SPEC = Path(__file__).parents[2].parent / "shared" / "corpus" / "spec" / "spec" / "facets"

TABLE = pa.table(
    {
        "id": ["a", "b", "c", "c", None],
        "n": pa.array([1, 5, 9, None, -3], pa.int32()),
        "x": [0.5, float("nan"), 2.0, 3.0, None],
        "kind": ["gold", "silver", "none", None, "tin"],
        "day": [dt.date(2026, 1, 1)] * 5,
        "list": [[1], [1], [2], None, []],
        "coded": pa.array(["aa", "bb", "aa", "a", None]).dictionary_encode(),
    }
)


def ask(**rule: Any) -> Any:
    (result,) = evaluate([Rule(**rule)], TABLE)
    return result


@pytest.mark.parametrize(
    ("rule", "passed", "actual"),
    [
        ({"rule": "not_null", "column": "id"}, False, "1 of 5 rows are null"),
        ({"rule": "not_null", "column": "day"}, True, "0 of 5 rows are null"),
        ({"rule": "not_null", "column": "id", "max_share": 0.2}, True, "1 of 5 rows are null"),
        ({"rule": "unique", "column": "id"}, False, "1 of 5 rows repeat another"),
        ({"rule": "unique", "columns": ("id", "n")}, True, "0 of 5 rows repeat another"),
        ({"rule": "unique", "columns": ("day", "kind")}, True, "0 of 5 rows repeat another"),
        ({"rule": "range", "column": "n", "min": 0}, False, "1 of 5 rows are outside"),
        ({"rule": "range", "column": "n", "min": -3, "max": 9}, True, "0 of 5 rows are outside"),
        ({"rule": "range", "column": "n", "max": 8.5}, False, "1 of 5 rows are outside"),
        ({"rule": "range", "column": "x", "min": 0}, False, "1 of 5 rows are outside"),
        ({"rule": "allowed", "column": "kind", "values": ("gold", "silver", "none")}, False,
         "1 of 5 rows are not allowed"),
        ({"rule": "allowed", "column": "n", "values": (1, 5, 9, -3)}, True,
         "0 of 5 rows are not allowed"),
        ({"rule": "regex", "column": "id", "pattern": "[a-c]"}, True, "0 of 5 rows do not match"),
        ({"rule": "regex", "column": "kind", "pattern": "old"}, False, "4 of 5 rows do not match"),
        ({"rule": "regex", "column": "coded", "pattern": "aa|bb"}, False,
         "1 of 5 rows do not match"),
        ({"rule": "row_count", "min": 5, "max": 5}, True, "5 rows"),
        ({"rule": "row_count", "min": 6}, False, "5 rows"),
        ({"rule": "type", "column": "n", "type": "int64"}, True, "int64"),
        ({"rule": "type", "column": "day", "type": "date"}, True, "date"),
        ({"rule": "type", "column": "kind", "type": "int64"}, False, "string"),
    ],
)  # fmt: skip
def test_a_rule_counts_what_breaks_it(rule: dict[str, Any], passed: bool, actual: str) -> None:
    result = ask(**rule)
    assert (result.passed, result.actual) == (passed, actual)
    assert result.success is passed
    assert bool(result.detail) is not passed


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "not_null", "column": "nothere"},
        {"rule": "range", "column": "kind", "min": 0},
        {"rule": "regex", "column": "n", "pattern": "a"},
        {"rule": "regex", "column": "id", "pattern": "(?=x)"},
        {"rule": "allowed", "column": "n", "values": ("gold",)},
        {"rule": "unique", "column": "list"},
    ],
)
def test_a_rule_that_cannot_be_asked_fails_and_says_why(rule: dict[str, Any]) -> None:
    result = ask(**rule)
    assert not result.passed
    assert result.detail


def test_results_come_in_the_order_of_the_rules_and_have_stable_names() -> None:
    rules = [Rule(rule="unique", columns=("id", "n")), Rule(rule="row_count", min=1)]
    assert [one.name for one in evaluate(rules, TABLE)] == ["unique_id_n", "row_count"]
    assert [one.name for one in rules] == ["unique_id_n", "row_count"]


def test_an_empty_table_breaks_nothing_but_a_count() -> None:
    empty = TABLE.slice(0, 0)
    rules = [
        Rule(rule="not_null", column="id"),
        Rule(rule="unique", column="id"),
        Rule(rule="range", column="n", min=0),
        Rule(rule="regex", column="id", pattern="x"),
        Rule(rule="row_count", min=1),
    ]
    assert [one.passed for one in evaluate(rules, empty)] == [True, True, True, True, False]


def test_no_value_of_a_row_is_in_a_result() -> None:
    secret = "jane.canary@example.com"
    table = pa.table({"mail": [secret, secret], "n": [4242424242, 1]})
    rules = [
        Rule(rule="unique", column="mail"),
        Rule(rule="regex", column="mail", pattern="x"),
        Rule(rule="allowed", column="mail", values=("y",)),
        Rule(rule="range", column="n", max=1),
    ]
    text = str(evaluate(rules, table))
    assert "canary" not in text
    assert "4242424242" not in text


def test_results_become_the_standard_facet() -> None:
    rules = [Rule(rule="not_null", column="id"), Rule(rule="row_count", min=1, severity="warn")]
    facet = assertions_facet(evaluate(rules, TABLE))
    assert [one["success"] for one in facet["assertions"]] == [False, True]
    assert "column" not in facet["assertions"][1]
    assert facet["assertions"][1]["severity"] == "warn"


@pytest.mark.corpus
def test_the_facet_holds_to_the_published_schema() -> None:
    spec = SPEC / "DataQualityAssertionsDatasetFacet.json"
    if not spec.exists():
        pytest.skip("../shared/corpus is not there")
    schema = json.loads(spec.read_text())["$defs"]["DataQualityAssertionsDatasetFacet"]
    facet = assertions_facet(evaluate([Rule(rule="unique", column="id")], TABLE))
    jsonschema.validate(facet, schema["allOf"][1])


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ({"rule": "not_null"}, ["column"]),
        ({"rule": "unique"}, ["column"]),
        ({"rule": "unique", "column": "a", "columns": ("b",)}, ["column"]),
        ({"rule": "range", "column": "a"}, ["min"]),
        ({"rule": "range", "column": "a", "min": 2, "max": 1}, ["min"]),
        ({"rule": "regex", "column": "a", "pattern": "("}, ["pattern"]),
        ({"rule": "row_count", "min": 1, "column": "a"}, ["column"]),
        ({"rule": "not_null", "column": "a", "max_share": 2}, ["max_share"]),
        ({"rule": "allowed", "column": "a", "values": (1,)}, []),
    ],
)
def test_a_rule_that_makes_no_sense_is_found_before_any_run(rule: Any, fields: list[str]) -> None:
    assert [fault[0] for fault in rule_faults(Rule(**rule))] == fields
