"""Which datasets of two environments belong together, and how they differ."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from catalog.skew import Difference, Place, Side, compare, label_in, pairs

ORDERS = Side(
    columns=[("id", "BIGINT"), ("email", "TEXT")],
    statistics={"rows": 1000, "bytes": 9000},
    version="v1",
    code={"load": "abc"},
)


def place(namespace: str, name: str) -> Place:
    return Place(namespace, name, f"{namespace}/{name}")


def named(ones: list[Place], others: list[Place]) -> list[tuple[str, str, str, bool]]:
    return [
        (pair.name, pair.one.key if pair.one else "", pair.other.key if pair.other else "",
         pair.ambiguous)
        for pair in pairs(ones, others, ("dev", "prod"))
    ]  # fmt: skip


def test_names_are_the_same_but_for_the_environment_in_them() -> None:
    found = named(
        [place("shop-dev", "orders"), place("pg://h", "dev.public.a"), place("x", "devices")],
        [place("shop-prod", "orders"), place("pg://h", "PROD.public.a"), place("x", "products")],
    )
    assert found == [
        ("*.public.a", "pg://h/dev.public.a", "pg://h/PROD.public.a", False),
        ("devices", "x/devices", "", False),
        ("orders", "shop-dev/orders", "shop-prod/orders", False),
        ("products", "", "x/products", False),
    ]


def test_a_name_that_there_is_once_on_each_side_is_the_same_wherever_it_lies() -> None:
    assert named([place("duckdb:///tmp", "orders")], [place("pg://h", "orders")]) == [
        ("orders", "duckdb:///tmp/orders", "pg://h/orders", False)
    ]


def test_of_several_with_one_name_nobody_says_which_belong_together() -> None:
    found = named([place("a", "orders")], [place("b", "orders"), place("c", "orders")])
    assert found == [
        ("orders", "a/orders", "", True),
        ("orders", "", "b/orders", True),
        ("orders", "", "c/orders", True),
    ]


@given(st.lists(st.tuples(st.sampled_from(["shop-dev", "shop-DEV", "shop-prod", "s3://b", "dev"]),
                          st.sampled_from(["a", "b", "dev.a", "prod/b"])), max_size=8))  # fmt: skip
def test_every_dataset_is_in_exactly_one_pair(names: list[tuple[str, str]]) -> None:
    ones = [place(*name) for name in dict.fromkeys(names[::2])]
    others = [place(*name) for name in dict.fromkeys(names[1::2])]
    found = pairs(ones, others, ("dev", "prod"))
    assert sorted(pair.one.key for pair in found if pair.one) == sorted(one.key for one in ones)
    assert sorted(p.other.key for p in found if p.other) == sorted(one.key for one in others)


def test_equal_sides_do_not_differ() -> None:
    assert compare(ORDERS, ORDERS, 0) == []


def test_what_one_side_does_not_say_differs_from_nothing() -> None:
    assert compare(ORDERS, Side(), 0) == compare(Side(), ORDERS, 0) == []


def test_columns_differ_by_presence_type_and_order() -> None:
    other = replace(ORDERS, columns=[("email", "varchar"), ("id", "bigint"), ("age", "")])
    assert compare(ORDERS, other, 0) == [
        Difference("schema", "email", "TEXT", "varchar"),
        Difference("schema", "age", None, "there"),
        Difference("order", "", ["id", "email"], ["email", "id"]),
    ]


def test_figures_may_differ_by_the_tolerance() -> None:
    other = replace(ORDERS, statistics={"rows": 1100, "bytes": 12000})
    assert compare(ORDERS, other, 0.1) == [Difference("statistics", "bytes", 9000, 12000)]
    assert compare(ORDERS, other, 0.5) == []
    empty = replace(ORDERS, statistics={"rows": 0})
    assert compare(ORDERS, empty, 0.9) == [Difference("statistics", "rows", 1000, 0)]


def test_versions_of_data_and_of_code_differ() -> None:
    other = replace(ORDERS, version="v2", code={"load": "def", "more": "x"})
    assert compare(ORDERS, other, 0) == [
        Difference("version", "", "v1", "v2"),
        Difference("code", "load", "abc", "def"),
    ]


def test_the_run_behind_a_version_is_no_difference() -> None:
    runs = ("6a5e2f4e-9f9f-4b0b-8d43-3b1f6f4e0a11", "7a5e2f4e-9f9f-4b0b-8d43-3b1f6f4e0a11")
    one, other = (replace(ORDERS, version=f"abc@{run}") for run in runs)
    assert compare(one, other, 0) == []
    assert compare(one, replace(other, version=f"abd@{runs[1]}"), 0)[0].topic == "version"


def test_a_label_is_the_tag_of_the_whole() -> None:
    tag = {"key": "environment", "value": " Prod "}
    assert label_in([{"key": "pii", "value": "x"}, {**tag, "field": "a"}, tag, "odd"]) == "prod"
    assert label_in([{"key": "environment", "value": 7}]) == label_in(None) == ""
