"""What is taken from SQL: tables read and written, from masked text, bounded by its size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.openlineage.masks import mask_sql
from lineage.openlineage.sql import LONGEST, Statement, Unread, statements


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("INSERT INTO clean SELECT * FROM orders o JOIN shop.users u ON o.u = u.id",
         ("orders", "shop.users"), ("clean",)),
        ("CREATE TABLE a.b.c AS SELECT 1 AS x FROM d", ("d",), ("a.b.c",)),
        ("CREATE OR REPLACE VIEW v AS (SELECT * FROM x UNION ALL SELECT * FROM y)",
         ("x", "y"), ("v",)),
        ("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, name TEXT)", (), ("t",)),
        ("WITH w AS (SELECT * FROM base), v AS (SELECT * FROM w) INSERT INTO t SELECT * FROM v",
         ("base",), ("t",)),
        ("INSERT INTO t WITH w AS (SELECT * FROM w) SELECT * FROM w", ("w",), ("t",)),
        ("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT * FROM r, s",
         ("s",), ()),
        ("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a",
         ("s",), ("t",)),
        ("UPDATE t SET a = s.a FROM s WHERE s.id = t.id", ("s",), ("t",)),
        ("DELETE FROM t WHERE id IN (SELECT id FROM gone)", ("gone",), ("t",)),
        ("TRUNCATE TABLE t", (), ("t",)),
        ("DROP TABLE IF EXISTS t", (), ("t",)),
        ("SELECT a FROM \"Mixed Case\".\"T\"", ("Mixed Case.T",), ()),
        ("INSERT INTO t VALUES (?, ?), (1, 'x')", (), ("t",)),
    ],
)  # fmt: skip
def test_a_statement_reads_and_writes(
    text: str, reads: tuple[str, ...], writes: tuple[str, ...]
) -> None:
    [found] = statements(text)
    assert (found.reads, found.writes) == (reads, writes)


def test_values_of_a_condition_do_not_come_into_what_is_deleted() -> None:
    [found] = statements("DELETE FROM t WHERE id IN (SELECT id FROM gone)")
    assert not found.passes


@pytest.mark.parametrize(
    ("dialect", "text", "reads"),
    [
        ("bigquery", "SELECT * FROM `p-1.d.t`", ("p-1.d.t",)),
        ("sparksql", "SELECT * FROM `d`.t TABLESAMPLE (5 ROWS)", ("d.t",)),
        ("mssql", "SELECT TOP 5 * FROM [dbo].[T]", ("dbo.T",)),
        ("postgres", "SELECT * FROM t WHERE a = ? AND b::date > ? LIMIT ?", ("t",)),
        ("snowflake", "SELECT $1 FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a) = ?", ("t",)),
        ("no such dialect", "SELECT * FROM t", ("t",)),
    ],
)
def test_the_dialect_is_heeded(dialect: str, text: str, reads: tuple[str, ...]) -> None:
    [found] = statements(text, dialect)
    assert found.reads == reads


def test_several_statements_stand_apart() -> None:
    text = "BEGIN; INSERT INTO a SELECT * FROM b; INSERT INTO c SELECT * FROM d; COMMIT"
    assert statements(text) == (Statement(("b",), ("a",)), Statement(("d",), ("c",)))


@pytest.mark.parametrize("text", ["", "  ", "SET x = 1", "BEGIN", "SELECT 1", "-- nothing"])
def test_what_touches_no_table_says_nothing(text: str) -> None:
    assert statements(text) == ()


@pytest.mark.parametrize("text", ["SELECT FROM WHERE (", "x" * (LONGEST + 1), "(" * 5000])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(Unread):
        statements(text)


def test_a_function_is_no_table() -> None:
    assert statements("SELECT * FROM read_csv(?)", "duckdb") == ()


@given(
    value=st.text(st.characters(blacklist_characters="'\\\x00", codec="utf-8"), max_size=40),
    number=st.integers(0, 10**9),
)
def test_masking_does_not_change_what_is_taken(value: str, number: int) -> None:
    text = f"INSERT INTO t SELECT a, '{value}', {number} FROM s WHERE b = '{value}' LIMIT {number}"
    assert statements(mask_sql(text)) == (Statement(("s",), ("t",)),)


@given(text=st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        found = statements(text)
    except Unread:
        return
    assert all(isinstance(one, Statement) for one in found)
