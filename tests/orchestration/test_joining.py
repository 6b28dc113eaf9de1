from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import InvalidInput
from orchestration.joining import JoinOn, Origin, join

BOOKINGS = pa.table({"id": [3, 1, 2], "flight": ["a", "b", "z"]})
FLIGHTS = pa.table({"flight": ["a", "b"], "tail": ["t1", "t2"], "delay": [5, None]})
PLANES = pa.table({"tail": ["t1"], "seats": [100]})
TABLES = {"bookings": BOOKINGS, "flights": FLIGHTS, "planes": PLANES}


def test_rows_stay_in_order_and_a_miss_leaves_empty_cells() -> None:
    made = join("bookings", [JoinOn("flights", ("flight",), ("delay",))], [], TABLES)
    assert made.table.to_pydict() == {
        "id": [3, 1, 2], "flight": ["a", "b", "z"], "delay": [5, None, None],
    }  # fmt: skip


def test_a_later_lookup_uses_what_an_earlier_one_brought() -> None:
    lookups = [JoinOn("flights", ("flight",), ("tail",)), JoinOn("planes", ("tail",), ("seats",))]
    made = join("bookings", lookups, ["id", "seats"], TABLES)
    assert made.table.to_pydict() == {"id": [3, 1, 2], "seats": [100, None, None]}
    assert made.origins == {"id": Origin("bookings", "id"), "seats": Origin("planes", "seats")}
    assert made.influences == (
        Origin("bookings", "flight"), Origin("flights", "flight"),
        Origin("flights", "tail"), Origin("planes", "tail"),
    )  # fmt: skip


def test_a_key_that_repeats_is_refused_before_rows_multiply() -> None:
    tables = TABLES | {"flights": pa.concat_tables([FLIGHTS, FLIGHTS])}
    with pytest.raises(InvalidInput, match="2 rows repeat the key flight"):
        join("bookings", [JoinOn("flights", ("flight",), ("delay",))], [], tables)


def test_unknown_and_repeated_columns_are_named() -> None:
    with pytest.raises(InvalidInput, match="do not exist: wings"):
        join("bookings", [JoinOn("flights", ("flight",), ("wings",))], [], TABLES)
    with pytest.raises(InvalidInput, match="do not exist: wings"):
        join("bookings", [], ["wings"], TABLES)
    twice = TABLES | {"planes": pa.table({"flight": ["a"], "id": [1]})}
    with pytest.raises(InvalidInput, match="'id' comes from two"):
        join("bookings", [JoinOn("planes", ("flight",), ("id",))], [], twice)


@given(st.lists(st.integers(0, 50), max_size=40), st.sets(st.integers(0, 50), max_size=30))
def test_a_join_looks_up_like_a_dictionary(keys: list[int], known: set[int]) -> None:
    tables = {
        "left": pa.table({"k": pa.array(keys, pa.int64())}),
        "right": pa.table(
            {
                "k": pa.array(sorted(known), pa.int64()),
                "v": pa.array([k * 2 for k in sorted(known)], pa.int64()),
            }
        ),
    }
    made = join("left", [JoinOn("right", ("k",), ("v",))], [], tables)
    assert made.table.column("k").to_pylist() == keys
    assert made.table.column("v").to_pylist() == [k * 2 if k in known else None for k in keys]
