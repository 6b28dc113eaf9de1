from __future__ import annotations

import json
import random

import pyarrow as pa
import pytest

from lineage.errors import InvalidInput
from orchestration.modeling import fingerprint, train


def _table(rows: int = 800) -> pa.Table:
    rng = random.Random(5)
    bags = [rng.randrange(3) for _ in range(rows)]
    kind = [rng.choice("abc") for _ in range(rows)]
    missed = [
        int(rng.random() < (0.8 if k == "a" and b == 0 else 0.1))
        for b, k in zip(bags, kind, strict=True)
    ]
    return pa.table({"bags": bags, "kind": kind, "missed": missed})


def test_it_learns_what_is_there_to_learn() -> None:
    made = train(_table(), target="missed", features=["bags", "kind"])
    assert made.metrics["roc_auc"] > 0.65
    assert made.rows == 600


def test_the_same_table_gives_the_same_artifact() -> None:
    first = train(_table(), target="missed", features=["bags", "kind"])
    again = train(_table(), target="missed", features=["bags", "kind"])
    assert first == again


def test_the_artifact_predicts_by_hand() -> None:
    model = json.loads(train(_table(), target="missed", features=["bags", "kind"]).artifact)
    number, category = model["encoding"]
    width = 1 + len(category["values"])
    assert len(model["coefficients"]) == width

    def score(bags: int, kind: str) -> float:
        cells = [(bags - number["mean"]) / number["spread"]]
        cells += [float(kind == value) for value in category["values"]]
        pairs = zip(cells, model["coefficients"], strict=True)
        return sum(cell * weight for cell, weight in pairs) + model["intercept"]

    assert score(0, "a") > score(2, "a")
    assert score(0, "a") > score(0, "b")


def test_missing_numbers_and_texts_do_not_stop_it() -> None:
    table = _table()
    table = table.set_column(0, "bags", pa.array([None, *table.column("bags").to_pylist()[1:]]))
    table = table.set_column(1, "kind", pa.array([None, *table.column("kind").to_pylist()[1:]]))
    assert train(table, target="missed", features=["bags", "kind"]).rows == 600


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InvalidInput, match="no column wings"):
        train(_table(), target="missed", features=["wings"])


def test_a_constant_target_is_refused() -> None:
    table = pa.table({"x": [1, 2, 3], "y": [0, 0, 0]})
    with pytest.raises(InvalidInput, match="two values"):
        train(table, target="y", features=["x"])


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
