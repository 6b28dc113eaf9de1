"""Cases checked by hand: ``tests/golden/licenses/cases.csv``, each with its reason."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from catalog.licenses.settle import settle
from catalog.licenses.uses import USES

GOLDEN = Path(__file__).parents[1] / "golden" / "licenses" / "cases.csv"


def _cases() -> list[dict[str, Any]]:
    with GOLDEN.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


CASES = _cases()


def test_there_are_enough_cases_and_each_is_another_one() -> None:
    assert len(CASES) >= 150
    told = {(one["licenses"], one["use"], one["result"]) for one in CASES}
    assert len(told) == len(CASES)


@pytest.mark.parametrize("one", CASES, ids=[f"{c['case']}-{c['licenses']}" for c in CASES])
def test_the_algebra_agrees_with_the_hand_checked_case(one: dict[str, Any]) -> None:
    expressions = [text.strip() for text in one["licenses"].split(";") if text.strip()]
    settled = settle(expressions, USES[one["use"]], result=one["result"])
    codes = sorted({clause.code for clause in settled.clauses})
    assert (settled.verdict, " ".join(codes)) == (one["verdict"], one["codes"])
