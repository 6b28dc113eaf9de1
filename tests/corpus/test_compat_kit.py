"""Tracehold's part of OpenLineage/compatibility-tests: mapping, expected state, validator."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from compat_expected import EXPECTED, SCENARIOS, sent
from compat_kit import VALIDATOR, mapping, write

from lineage.openlineage.fates import FATES
from lineage.openlineage.standard import FORMS

sys.path.insert(0, str(VALIDATOR.parent))
from validator import differences, serving, validate

TABLE: dict[str, Any] = json.loads(mapping())


def test_every_facet_is_mapped_or_unmapped_with_a_reason() -> None:
    mapped, unmapped = TABLE["mapped"], TABLE["knownUnmapped"]
    assert not mapped.keys() & unmapped.keys()
    assert {fate.schema for fate in FATES} | {"core"} == mapped.keys() | unmapped.keys()
    assert set(FORMS) <= mapped.keys() | unmapped.keys()
    assert all(fields for fields in mapped.values())
    assert TABLE["reasons"].keys() == unmapped.keys()
    assert all(TABLE["reasons"].values())


def naive(expected: Any, shown: Any, at: str) -> list[str]:
    """What the suite's ``diff`` says of plain values: what is expected is a part."""
    if isinstance(expected, dict):
        return [
            text for key in expected if key in shown
            for text in naive(expected[key], shown[key], f"{at}.{key}")
        ]  # fmt: skip
    return [] if expected == shown else [f"In {at}: {expected} is {shown}"]


def test_a_difference_is_told() -> None:
    expected = [{"name": "a", "x": 1}, {"name": "b", "x": 1}]
    shown = [{"name": "a", "x": 2}, {"name": "c"}]
    assert differences(expected, shown, "edge", naive) == [
        "edge a, In .x: 1 is 2", "edge b, no matching entity", "edge c was not expected",
    ]  # fmt: skip


@pytest.mark.corpus
@pytest.mark.skipif(not SCENARIOS.is_dir(), reason="../shared/corpus is not here")
@pytest.mark.parametrize("scenario", ["CLL", "spark_dataproc_simple_producer_test_complete"])
def test_a_server_shows_what_a_scenario_expects(scenario: str, tmp_path: Path) -> None:
    write(tmp_path / "tracehold")
    folder = tmp_path / "tracehold" / "scenarios"
    assert {path.name for path in folder.iterdir()} == set(EXPECTED)
    config = json.loads((folder / scenario / "config.json").read_bytes())
    assert {test["entity"] for test in config["tests"]} == {
        "dataset", "job", "run", "edge", "column_edge", "version",
    }  # fmt: skip
    events = [(str(number), event) for number, event in enumerate(sent(scenario))]
    with serving(f"{sys.executable} -m tracehold") as server:
        posted, checked = validate(server, events, config["tests"], folder / scenario, naive)
    assert [said for _, said in posted if said] == []
    assert [said for _, said in checked if said] == []
