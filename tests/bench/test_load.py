"""The load generator makes what the benchmark claims to measure."""

from __future__ import annotations

import json
import uuid

from hypothesis import given
from hypothesis import strategies as st
from load import Estate, LoadSpec, events

specs = st.builds(
    LoadSpec,
    jobs=st.integers(1, 60),
    levels=st.integers(1, 12),
    fan_in=st.integers(1, 4),
    reach=st.integers(0, 5),
    columns=st.integers(1, 4),
    runs=st.integers(1, 30),
    with_start=st.booleans(),
    seed=st.integers(0, 5),
)


@given(specs)
def test_the_same_specification_gives_the_same_bytes(spec: LoadSpec) -> None:
    assert list(events(spec)) == list(events(spec))


@given(specs)
def test_every_event_reads_and_writes_what_the_estate_says(spec: LoadSpec) -> None:
    estate = Estate(spec)
    found = [json.loads(event) for event in events(spec)]
    assert len(found) == spec.runs * (2 if spec.with_start else 1)
    assert len({event["run"]["runId"] for event in found}) == spec.runs
    for event in found:
        assert uuid.UUID(event["run"]["runId"]).version == 4
        number = next(n for n in range(spec.jobs) if estate.job(n) == event["job"]["name"])
        assert tuple(dataset["name"] for dataset in event["inputs"]) == estate.reads(number)
        (output,) = event["outputs"]
        assert output["name"] == estate.writes(number)
        columns = output["facets"]["columnLineage"]["fields"]
        assert len(columns) == spec.columns
        assert {len(column["inputFields"]) for column in columns.values()} == {
            len(estate.reads(number))
        }


@given(specs)
def test_no_table_comes_from_itself_and_sources_come_from_nothing(spec: LoadSpec) -> None:
    estate = Estate(spec)
    for number in range(spec.jobs):
        upstream = estate.upstream(number)
        assert estate.writes(number) not in upstream
        assert set(estate.reads(number)) <= upstream
        assert [name for name in upstream if ".level_00." in name]


def test_the_usual_estate_is_twelve_levels_deep_with_a_fan_in_of_two() -> None:
    spec = LoadSpec()
    estate = Estate(spec)
    assert {len(estate.reads(number)) for number in range(spec.jobs)} == {2}
    top = spec.jobs - 1
    levels = {name.split(".")[1] for name in estate.upstream(top)}
    assert len(levels) == 12
