from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage.errors import InvalidInput
from orchestration.tables import describe, parquet_bytes, read_table

CANARY = "eva.muster@example.org"


def _csv(text: str, **columns: str) -> pa.Table:
    return read_table(io.BytesIO(text.encode()), form="csv", columns=columns, where="sources/a.csv")


def _parquet(table: pa.Table, **columns: str) -> pa.Table:
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    return read_table(file, form="parquet", columns=columns, where="sources/a.parquet")


def test_declared_types_rule_over_guessed_ones() -> None:
    table = _csv("id,amount\n1,2\n", id="string", amount="float64")
    assert describe(table) == [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": "double"},
    ]


def test_na_is_a_missing_number() -> None:
    assert _csv("speed\nNA\n3\n", speed="int64").column("speed").to_pylist() == [None, 3]


def test_a_wrong_type_names_the_column_and_not_the_value() -> None:
    with pytest.raises(InvalidInput) as caught:
        _csv(f"id,amount\n1,{CANARY}\n", amount="int64")
    assert "'amount'" in caught.value.what
    assert CANARY not in str(caught.value.as_dict())
    assert caught.value.__suppress_context__


def test_a_ragged_line_is_refused_without_its_text() -> None:
    with pytest.raises(InvalidInput) as caught:
        _csv(f"a,b\n1,2\n{CANARY}\n")
    assert "not a well-formed CSV" in caught.value.what
    assert CANARY not in str(caught.value.as_dict())


def test_an_empty_file_is_no_table() -> None:
    with pytest.raises(InvalidInput):
        _csv("")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InvalidInput, match="missing: b"):
        _csv("a\n1\n", a="int64", b="int64")


def test_a_repeated_column_is_named() -> None:
    with pytest.raises(InvalidInput, match="twice: a"):
        _csv("a,a\n1,2\n")


def test_damaged_parquet_is_refused() -> None:
    content = bytes(parquet_bytes(pa.table({"a": [1, 2, 3]})))
    for damaged in (b"", b"PAR1", content[:-20], content[:40] + b"\xff" * 8 + content[48:]):
        with pytest.raises(InvalidInput, match="not a readable Parquet"):
            read_table(io.BytesIO(damaged), form="parquet", columns={}, where="a.parquet")


def test_parquet_numbers_widen_and_text_never_turns_into_numbers() -> None:
    table = pa.table({"n": pa.array([1], pa.int32()), "t": ["1"]})
    assert _parquet(table, n="int64").schema.field("n").type == pa.int64()
    with pytest.raises(InvalidInput, match="'t' is string, declared as int64"):
        _parquet(table, t="int64")
    with pytest.raises(InvalidInput, match="'n' is int32, declared as string"):
        _parquet(table, n="string")


def test_the_same_table_gives_the_same_bytes() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    again = pa.table({"a": [1, 2], "b": ["x", None]}).replace_schema_metadata({"made": "later"})
    assert bytes(parquet_bytes(table)) == bytes(parquet_bytes(again))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'xlsx' cannot be read"):
        read_table(io.BytesIO(b""), form="xlsx", columns={}, where="a.xlsx")
