"""What the standard facets become, and that nothing comes of what they should not hold."""

from __future__ import annotations

from typing import Any

import pytest

from lineage.openlineage.facets import FACETS, members

READERS = {(reader.facet, reader.on): reader for reader in FACETS}
BASE = {"_producer": "p", "_schemaURL": "s", "_deleted": False}


def read(facet: str, value: dict[str, Any], on: str = "dataset") -> Any:
    reader = READERS[facet, on]
    return members(value) if reader.read is None else reader.read(BASE | value)


@pytest.mark.parametrize(
    ("facet", "value", "becomes"),
    [
        ("schema", {"fields": [{"name": "a", "type": "T", "description": "d", "x": 1}]},
         {"fields": [{"name": "a", "type": "T", "description": "d"}]}),
        ("schema", {"fields": [3, {"name": 3}, {"type": "T"}, {"name": "b", "type": 3}]},
         {"fields": [{"name": "b"}]}),
        ("schema", {"fields": [{"name": "a", "fields": [{"name": "b", "fields": [{"name": "c"}]},
                                                         {"name": "d"}]}, {"name": "e"}]},
         {"fields": [{"name": n} for n in ("a", "a.b", "a.b.c", "a.d", "e")]}),
        ("schema", {"fields": 3}, {"fields": []}),
        ("schema", {}, {"fields": []}),
        ("ownership", {"owners": [{"name": "a", "type": "t"}, 3, {"name": 3}, {}]},
         {"owners": [{"name": "a", "type": "t"}]}),
        ("ownership", {"owners": []}, None),
        ("ownership", {"owners": {"name": "a"}}, None),
        ("ownership", {}, None),
        ("tags", {"tags": [{"key": "k"}, 3]}, [{"key": "k"}]),
        ("tags", {"tags": []}, []),
        ("tags", {"tags": 3}, None),
        ("documentation", {"description": "d", "x": 1}, {"description": "d"}),
        ("documentation", {"description": 3}, None),
        ("lifecycleStateChange", {"lifecycleStateChange": "drop"}, {"change": "DROP"}),
        ("lifecycleStateChange",
         {"lifecycleStateChange": "RENAME", "previousIdentifier": {"name": "n"}},
         {"change": "RENAME", "previous": {"name": "n"}}),
        ("lifecycleStateChange", {"lifecycleStateChange": "DROP", "previousIdentifier": 3},
         {"change": "DROP"}),
        ("lifecycleStateChange", {"lifecycleStateChange": 3}, None),
        ("version", {"datasetVersion": "v"}, "v"),
        ("version", {"datasetVersion": ""}, None),
        ("version", {"datasetVersion": 3}, None),
        ("dataQualityAssertions",
         {"assertions": [3, {"assertion": "a"}, {"assertion": "a", "column": "c"},
                         3, {"assertion": 3}, {"assertion": "b", "column": ""}]},
         {"a": {"assertion": "a"}, "a:c": {"assertion": "a", "column": "c"},
          "b": {"assertion": "b", "column": ""}}),
        ("dataQualityAssertions", {"assertions": {"a": 1}}, {}),
        ("dataSource", {"_producer": "p", "name": "n", "_x": 1}, {"name": "n"}),
        ("symlinks", {"identifiers": [3, {"namespace": "n", "name": "a", "type": "T"},
                                      {"namespace": "n", "name": "b", "type": 3},
                                      {"namespace": "n", "name": ""}, {"name": "c"}, 3]},
         {"dataset:[n]a": {"type": "T"}, "dataset:[n]b": {}}),
        ("symlinks", {"identifiers": 3}, {}),
    ],
)  # fmt: skip
def test_a_facet_of_a_dataset(facet: str, value: dict[str, Any], becomes: Any) -> None:
    assert read(facet, value) == becomes


@pytest.mark.parametrize(
    ("facet", "on", "value", "becomes"),
    [
        ("outputStatistics", "output", {"rowCount": 1, "size": 2, "fileCount": 3, "x": 4},
         {"rows": 1, "bytes": 2, "files": 3}),
        ("outputStatistics", "output", {"rowCount": "1", "size": 0}, {"bytes": 0}),
        ("inputStatistics", "input", {"rowCount": None}, None),
        ("dataQualityMetrics", "input", {"rowCount": 1, "bytes": 2, "size": 9},
         {"rows": 1, "bytes": 2}),
        ("dataQualityMetrics", "input", {}, None),
        ("ownership", "job", {"owners": [{"name": "a"}]}, {"owners": [{"name": "a"}]}),
        ("documentation", "job", {"description": "d"}, {"description": "d"}),
        ("tags", "job", {"tags": [{}]}, [{}]),
        ("extractionError", "run",
         {"totalTasks": 3, "failedTasks": 1, "errors": [{"errorMessage": "x"}]},
         {"tasks": 3, "untold": 1}),
        ("extractionError", "run", {"totalTasks": "3"}, None),
        ("test", "run",
         {"tests": [{"name": "t", "status": "fail", "severity": "warn", "actual": "a"}, {"name": 3},
                    {"name": "u", "status": 1}, 3]},
         {"t": {"status": "fail", "severity": "warn"}, "u": {}}),
        ("test", "run", {"tests": 3}, {}),
    ],
)  # fmt: skip
def test_a_facet_elsewhere(facet: str, on: str, value: dict[str, Any], becomes: Any) -> None:
    assert read(facet, value, on) == becomes


def test_no_facet_is_read_twice_into_the_same_aspect() -> None:
    places = [(reader.on, reader.facet, reader.aspect) for reader in FACETS]
    assert len(set(places)) == len(places) == 25
