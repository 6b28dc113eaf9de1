"""The translator on records made by hand: splits, repetition, ties, and what must stay bounded."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openlineage.client import generated
from openlineage_schema import event_breaks, facet_breaks, facets_of, is_standard
from recorded_runs import NAMING, RUN_ID, Story, events_of, record
from rounds import rounds
from services import corpus

from tracehold_dagster.carried import Carried
from tracehold_dagster.facets import SCHEMAS
from tracehold_dagster.names import Naming, run_id, step_run_id
from tracehold_dagster.records import Asset, AssetGraph, CheckResult, Failure, Meta, Record, Run
from tracehold_dagster.translate import translate

OWN = Path(__file__).resolve().parents[2] / "docs" / "reference" / "facets"
RUN = Run(RUN_ID, "__ASSET_JOB", of_assets=True, tags={"dagster/backfill": "abcdefgh"})
GRAPH = AssetGraph(
    {
        ("a",): Asset(("a",), op="a", owners=("team:x",), kinds=("python",)),
        ("b",): Asset(("b",), deps=(("a",),), op="bc", partitions="static"),
        ("c",): Asset(("c",), deps=(("b",), ("outside",)), op="bc"),
        ("outside",): Asset(("outside",), description="Bought.", tags={"t": "1"}),
    }
)
_STEPS = ("a", "bc", "fan[x]", "fan[y]")
_ASSETS = ("a", "b", "c")
_VERSIONS = ("v1", "v2", "v3", "NULL", "")


@st.composite
def _record(draw: st.DrawFn) -> Record:
    step = draw(st.sampled_from(_STEPS))
    at = draw(st.integers(min_value=0, max_value=4_000_000_000_000))
    kind = draw(
        st.sampled_from(
            (
                "STEP_START", "STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY",
                "STEP_RESTARTED", "STEP_SKIPPED", "PIPELINE_START", "PIPELINE_SUCCESS",
                "PIPELINE_FAILURE", "PIPELINE_CANCELED", "ASSET_MATERIALIZATION",
                "ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION",
                "ASSET_OBSERVATION", "ASSET_MATERIALIZATION_PLANNED", "ASSET_WIPED", "OTHER",
            )
        )
    )  # fmt: skip
    if kind.startswith("PIPELINE"):
        return record(kind, at)
    if not kind.startswith("ASSET"):
        failed = kind in ("STEP_FAILURE", "STEP_UP_FOR_RETRY")
        return record(kind, at, step, failure=Failure("KeyError") if failed else None)
    said: dict[str, Any] = {"asset": draw(st.sampled_from(_ASSETS))}
    if kind in ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION"):
        said["partition"] = draw(st.sampled_from((None, "p", "q")))
        said["tags"] = {"dagster/data_version": draw(st.sampled_from(_VERSIONS))} | {
            f"dagster/input_data_version/{name}": draw(st.sampled_from(_VERSIONS))
            for name in draw(st.sets(st.sampled_from(_ASSETS)))
        }
        said["metadata"] = draw(
            st.sampled_from(
                (
                    {},
                    {"dagster/row_count": Meta("int", 3)},
                    {"dagster/column_schema": Meta("table_schema", [{"name": "x", "type": "int"}])},
                    {
                        "dagster/column_lineage": Meta(
                            "column_lineage", {"x": [{"asset": ["a"], "column": "y"}]}
                        )
                    },
                )
            )
        )
    if kind == "ASSET_CHECK_EVALUATION":
        said["check"] = CheckResult("ok", passed=draw(st.booleans()), severity="warn")
    return record(kind, at, draw(st.sampled_from((step, step, None))), **said)


_RECORDS = st.lists(_record(), max_size=40)


@settings(max_examples=rounds(usual=150, campaign=20_000), deadline=None)
@given(_RECORDS, st.data())
def test_however_records_are_split_the_events_are_the_same(
    records: list[Record], data: st.DataObject
) -> None:
    whole = events_of(RUN, records, GRAPH)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=4)))
    carried, told = Carried(), []
    for begin, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        # Through JSON, as a cursor keeps it.
        kept = json.dumps(carried.to_json())
        events, carried = translate(
            RUN, records[begin:end], Carried.from_json(json.loads(kept)), GRAPH, NAMING
        )
        told += events
    assert json.dumps(told) == json.dumps(whole)


@settings(max_examples=rounds(usual=50, campaign=2_000), deadline=None)
@given(_RECORDS)
def test_translating_changes_nothing_that_it_was_given(records: list[Record]) -> None:
    _, carried = translate(RUN, records, Carried(), GRAPH, NAMING)
    before = json.dumps(carried.to_json())
    first = json.dumps(translate(RUN, records, carried, GRAPH, NAMING)[0])
    assert json.dumps(carried.to_json()) == before
    assert json.dumps(translate(RUN, records, carried, GRAPH, NAMING)[0]) == first


@pytest.mark.corpus
@pytest.mark.skipif(corpus() is None, reason="the published schemas are not here")
@settings(max_examples=rounds(usual=30, campaign=1_000), deadline=None)
@given(_RECORDS)
def test_every_event_keeps_to_the_published_schemas(records: list[Record]) -> None:
    for event in events_of(RUN, records, GRAPH, Naming("warehouse", "dev")):
        assert not event_breaks(event)
        for _, facet in facets_of(event):
            assert is_standard(facet) or "tracehold.dev" in facet["_schemaURL"]
            assert not facet_breaks(facet)


@pytest.mark.parametrize("key", sorted(SCHEMAS))
def test_every_facet_names_a_schema_that_its_publisher_has(key: str) -> None:
    file, _, name = SCHEMAS[key].partition("#/$defs/")
    if "tracehold.dev" in file:
        schema = json.loads((OWN / file.rpartition("/")[2]).read_bytes())
        assert schema["$id"] == file
        assert name in schema["$defs"]
    else:
        kinds = [
            vars(import_module(f"{generated.__name__}.{one.name}")).get(name)
            for one in iter_modules(generated.__path__)
        ]
        published = {kind._get_schema() for kind in kinds if kind is not None}
        assert SCHEMAS[key] in published


@settings(max_examples=rounds(usual=30, campaign=500), deadline=None)
@given(_RECORDS)
def test_facets_of_dagster_keep_to_their_own_schemas(records: list[Record]) -> None:
    for event in events_of(RUN, records, GRAPH):
        for _, facet in facets_of(event):
            if "tracehold.dev" in facet["_schemaURL"]:
                file, _, name = facet["_schemaURL"].partition("#/$defs/")
                schema = json.loads((OWN / file.rpartition("/")[2]).read_bytes())
                Draft202012Validator(schema["$defs"][name]["allOf"][1]).validate(facet)


def test_of_a_tie_between_versions_the_step_reads_what_the_run_itself_made() -> None:
    story = Story().step("a", "a", "same").step("bc", "b", "other", {"a": "same"})
    (event,) = [e for e in events_of(RUN, story.records, GRAPH) if e["outputs"] and e["inputs"]]
    (read,) = event["inputs"]
    assert read["facets"]["version"]["datasetVersion"] == "same"


def test_a_version_of_partitions_that_nobody_made_is_not_named() -> None:
    digest = hashlib.sha256(b"v1v2").hexdigest()
    story = Story().step("bc", "c", "v9", {"b": digest})
    event = events_of(RUN, story.records, GRAPH)[-2]
    read = {one["name"]: one["facets"] for one in event["inputs"]}
    assert "version" not in read["b"]


def test_an_asset_that_no_step_makes_is_described_where_it_is_read() -> None:
    story = Story().step("bc", "c", "v9")
    event = events_of(RUN, story.records, GRAPH)[-2]
    read = {one["name"]: one["facets"] for one in event["inputs"]}
    assert read["outside"]["documentation"]["description"] == "Bought."


def test_a_step_that_makes_some_of_its_assets_leaves_the_others_as_they_were() -> None:
    story = Story().add("ASSET_MATERIALIZATION_PLANNED", "bc", asset="b")
    story.step("bc", "b", "v2", {"a": "v1"})
    *_, of_output, of_step = events_of(RUN, story.records, GRAPH)
    assert (of_step["job"]["name"], of_step["inputs"], of_step["outputs"]) == ("bc", [], [])
    assert (of_output["eventType"], of_output["job"]["name"]) == ("COMPLETE", "bc.b")
    assert [one["name"] for one in of_output["inputs"]] == ["a"]
    assert [one["name"] for one in of_output["outputs"]] == ["b"]
    parent = of_output["run"]["facets"]["parent"]
    assert parent["run"] == {"runId": of_step["run"]["runId"]}
    assert parent["root"]["job"]["name"] == "dagster.backfill"


@pytest.mark.parametrize(
    ("ended", "state"),
    [("PIPELINE_FAILURE", "FAIL"), ("PIPELINE_CANCELED", "ABORT")],
)
def test_a_step_that_its_run_leaves_open_ends_with_it(ended: str, state: str) -> None:
    story = Story().add("STEP_START", "a").made("a", "a", "v1").add(ended)
    *_, of_step, _ = events_of(RUN, story.records, GRAPH)
    assert (of_step["eventType"], of_step["job"]["name"]) == (state, "a")
    assert [one["name"] for one in of_step["outputs"]] == ["a"]


def test_wiped_partitions_are_named_and_the_rest_stays() -> None:
    wiped = record("ASSET_WIPED", asset="a", run_id="", wiped_partitions=("p", "q"))
    (event,) = events_of(Run("", ""), [wiped])
    (part,) = event["outputs"]
    partitions = part["outputFacets"]["subset"]["outputCondition"]["partitions"]
    assert [one["identifier"] for one in partitions] == ["p", "q"]
    assert part["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "ALTER"


def _carried_bytes(story: Story) -> int:
    """The most that is carried at any time."""
    carried, most = Carried(), 0
    for begin in range(0, len(story.records), 200):
        _, carried = translate(RUN, story.records[begin : begin + 200], carried, None, NAMING)
        most = max(most, len(json.dumps(carried.to_json())))
    return most


def test_what_is_carried_stays_small_however_long_a_run_is() -> None:
    story = Story()
    for number in range(1_500):
        story.step(f"make[{number}]", f"part{number}", "v" * 64)
    assert _carried_bytes(story) < 64 * 1024


def test_what_is_carried_stays_small_however_much_a_step_makes_and_checks() -> None:
    story = Story().add("STEP_START", "many")
    for number in range(1_500):
        story.made("many", f"part{number}", "v", {f"raw{number}": "v"})
    for number in range(1_500):
        check = CheckResult(f"check{number}", passed=True)
        story.add("ASSET_CHECK_EVALUATION", "many", asset=f"part{number}", check=check)
    story.add("STEP_SUCCESS", "many")
    assert _carried_bytes(story) < 400 * 1024
    events = events_of(RUN, story.records)
    assert len({one["name"] for event in events for one in event["outputs"]}) == 1_500
    tests = [event["run"]["facets"].get("test", {"tests": []})["tests"] for event in events]
    assert sum(map(len, tests)) == 1_500


def test_what_a_step_made_long_before_is_still_no_input_of_it() -> None:
    names = [f"part{number}" for number in range(250)]
    graph = AssetGraph({(name,): Asset((name,), op="many") for name in names})
    story = Story().add("STEP_START", "many")
    for before, name in zip([None, *names], names, strict=False):
        story.made("many", name, "v", {before: "v"} if before else None)
    events = events_of(RUN, story.add("STEP_SUCCESS", "many").records, graph)
    assert not [one["name"] for event in events for one in event["inputs"]]
    (last,) = [one for one in events[-1]["outputs"] if one["name"] == "part249"]
    assert [one["name"] for one in last["facets"]["lineage"]["inputs"]] == ["part248"]


def test_run_ids_that_are_no_uuid_still_name_one_run() -> None:
    assert run_id("nightly-7") == run_id("nightly-7") != run_id("nightly-8")
    assert run_id(RUN_ID) == RUN_ID
    assert step_run_id(RUN_ID, "a", 0) != step_run_id(RUN_ID, "a", 1)
