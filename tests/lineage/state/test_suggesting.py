"""Names that look alike are suggested, with the form of the rule that would join them."""

from __future__ import annotations

import pytest

from lineage.state.suggesting import Name, Suggestion, suggest


@pytest.mark.parametrize(
    ("names", "form", "dataset", "alias"),
    [
        ([("s3://b", "o/part-00000.csv"), ("s3://b", "o")], "parts",
         ("s3://b", "o/part-00000.csv"), ("s3://b", "o")),
        ([("s3://b", "o/part-00000.csv"), ("s3://b", "o/part-00001.csv")], "parts",
         ("s3://b", "o/part-00001.csv"), ("s3://b", "o/part-00000.csv")),
        ([("snowflake://x", "DB.T"), ("snowflake://x", "db.t")], "case",
         ("snowflake://x", "db.t"), ("snowflake://x", "DB.T")),
        ([("file", "/d/x"), ("file://w1", "/d/x")], "host",
         ("file://w1", "/d/x"), ("file", "/d/x")),
        ([("hive://m", "gov.t2"), ("hdfs://n", "/wh/gov.db/t2")], "table",
         ("hive://m", "gov.t2"), ("hdfs://n", "/wh/gov.db/t2")),
        ([("hive://m", "spark_catalog.gov.t2"), ("hdfs://n", "/wh/gov.db/t2/")], "table",
         ("hive://m", "spark_catalog.gov.t2"), ("hdfs://n", "/wh/gov.db/t2/")),
        ([("dbt", "shop.main.orders"), ("duckdb://w1/shop.db", "shop.main.orders")], "sql",
         ("dbt", "shop.main.orders"), ("duckdb://w1/shop.db", "shop.main.orders")),
    ],
)  # fmt: skip
def test_names_that_look_alike(names: list[Name], form: str, dataset: Name, alias: Name) -> None:
    assert set(suggest(names, [])) == {Suggestion(form, dataset, alias)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "names",
    [
        [("s3://b", "o/part-00000.csv")],
        [("s3://b", "o"), ("s3://c", "o")],
        [("postgres://a", "d.s.t"), ("postgres://b", "d.s.t")],
        [("hive://m", "other.t2"), ("hdfs://n", "/wh/gov.db/t2")],
        [("hive://m", "gov.t2"), ("hdfs://n", "/wh/gov/t2")],
        [("dbt", "orders"), ("postgres://a", "orders")],
        [("dbt", "d.s.t"), ("dagster", "d.s.t")],
        [("postgres:a", "d.s.t"), ("postgres://a", "d.s.t")],
        [("dbt", "d/o.csv"), ("s3://b", "d/o.csv")],
        [("x", f"t{'i' * place}T") for place in range(3)],
    ],
)
def test_names_that_do_not(names: list[Name]) -> None:
    assert list(suggest(names, [])) == []


def test_a_name_that_a_producer_gave_elsewhere() -> None:
    names = [("hdfs://n", "/wh/t2"), ("dbt", "gov.t2"), ("dbt", "gov.t3")]
    [found] = suggest(names, [(names[0], "gov.t2")])
    assert found == Suggestion("symlink", names[0], names[1])


def test_what_looks_like_too_many_is_not_suggested() -> None:
    names = [(f"file://w{number}", "/tmp/out") for number in range(30)]
    assert list(suggest(names, [])) == []
