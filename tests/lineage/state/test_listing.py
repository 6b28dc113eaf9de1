"""Lists from indexes say what a look at everything would say, whatever the events were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openlineage_events import (
    IDENTITY,
    NS,
    World,
    at,
    dataset,
    facet,
    job_event,
    job_key,
    run_event,
    table,
)

from lineage.facts import Json
from lineage.graph.port import Node
from lineage.state.listing import Listing
from lineage.state.pinning import pinned_inputs
from lineage.state.port import RunRow
from lineage.state.run_listing import RunListing
from lineage.state.store import SqlState
from tracehold.registry import make_registry

REGISTRY = make_registry()
TABLES = ("a", "b", "c")
JOBS = ("one", "two")


def named(name: str, version: str) -> dict[str, Any]:
    more = {}
    if version:
        more["version"] = facet("DatasetVersionDatasetFacet", datasetVersion=version)
    return dataset(name, **more)


_datasets = st.lists(
    st.builds(named, st.sampled_from(TABLES), st.sampled_from(["", "", "v1", "v2"])),
    max_size=2, unique_by=lambda one: one["name"],
)  # fmt: skip
_events = st.lists(
    st.one_of(
        st.builds(
            lambda kind, minute, job, run, inputs, outputs: run_event(
                kind, minute, job=job, run=run, inputs=inputs, outputs=outputs
            ),
            st.sampled_from(["START", "COMPLETE", "COMPLETE", "FAIL"]), st.integers(0, 12),
            st.sampled_from(JOBS), st.sampled_from(["r1", "r2", "r3", "r4"]), _datasets, _datasets,
        ),
        st.builds(
            lambda minute, job, inputs: job_event(minute, job=job, inputs=inputs),
            st.integers(0, 12), st.sampled_from(JOBS), _datasets,
        ),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=40)
@given(_events)
def test_pages_and_counts_are_those_of_the_whole(events: list[dict[str, Any]]) -> None:
    world = World(registry=REGISTRY).send(*events)
    state, listing = world.state, Listing(world.state)
    runs = RunListing(state)
    for job in (None, *map(job_key, JOBS)):
        whole = state.runs(job_key=job, limit=1000)
        assert paged(runs, job) == whole
        if job is not None:
            assert runs.count_runs(job) == len(whole)
            assert runs.runs_of_job(job, limit=2, offset=1) == whole[1:3]
            assert runs.newest_runs([job]) == ({job: whole[0]} if whole else {})
    for run in state.runs(limit=1000):
        assert run in runs.runs_of_id(run.run_id)
    for name in TABLES:
        key = table(name)
        versions = state.versions(key, limit=1000)
        assert runs.count_versions(key) == len(versions)
        current = runs.current_versions([key])
        assert current == ({key: versions[0].version} if versions else {})
    for label in ("Dataset", "Job"):
        nodes = state.list_nodes(label, limit=1000)
        assert listing.named(label, NS, limit=1000) == nodes
        assert listing.count(label, NS) == len(nodes)
    assert listing.namespaces() == ([NS] if state.list_nodes("Job", limit=1) else [])
    world.close()


def test_the_current_version_is_the_one_written_last_though_its_run_began_first() -> None:
    outputs = [dataset("a")]
    world = World(registry=REGISTRY).send(
        run_event("START", 0, job="one", run="r1"),
        run_event("COMPLETE", 9, job="one", run="r1", outputs=outputs),
        run_event("COMPLETE", 5, job="one", run="r2", outputs=outputs),
    )
    current = RunListing(world.state).current_versions([table("a")])
    [newest, older] = world.state.versions(table("a"))
    assert current == {table("a"): newest.version}
    assert newest.last > older.last
    world.close()


def paged(listing: RunListing, job: str | None) -> list[RunRow]:
    """All runs, two at a time."""
    found: list[RunRow] = []
    after: str | None = ""
    while after is not None:
        rows, after = listing.runs(job, after=after, limit=2)
        found += rows
    return found


@settings(max_examples=40)
@given(_events)
def test_a_pinned_input_is_what_the_run_names_or_what_was_last_written_before_it(
    events: list[dict[str, Any]],
) -> None:
    world = World(registry=REGISTRY).send(*events)
    state = world.state
    runs = state.runs(limit=1000)
    first = {run.key: listed_first(world, run.key) for run in runs}
    for run in runs:
        found = pinned_inputs(state.connection(), run)
        assert [one.dataset_key for one in found] == list(run.inputs)
        for one in found:
            if one.how == "said":
                assert one.version in {"v1", "v2"}
                continue
            ended = [
                (other.ended, other)
                for other in runs
                if one.dataset_key in other.outputs
                and other.key != run.key
                and other.state == "COMPLETE"
                and other.ended is not None
                and other.last <= first[run.key]
            ]
            if not ended:
                assert (one.how, one.run_key) == ("unknown", None)
            else:
                newest = max(moment for moment, _ in ended)
                assert one.run_key in {other.key for moment, other in ended if moment == newest}
    world.close()


def listed_first(world: World, key: str) -> int:
    row = world.state.connection().execute("select first from run where key = ?", (key,))
    return int(row.fetchone()[0])


def test_of_a_version_that_the_run_names_the_maker_is_known(tmp_path: Path) -> None:
    world = World(tmp_path, make_registry()).send(
        run_event("COMPLETE", 1, job="one", run="w", outputs=[named("a", "v1")]),
        run_event("COMPLETE", 2, job="one", run="x", outputs=[named("a", "v2")]),
        run_event("COMPLETE", 5, job="two", run="r", inputs=[named("a", "v1"), "b"]),
    )
    writer = world.state.runs(job_key=job_key("one"))[1]
    [reader] = world.state.runs(job_key=job_key("two"))
    by_key = {p.dataset_key: p for p in pinned_inputs(world.state.connection(), reader)}
    assert by_key[table("a")].run_key == writer.key
    assert (by_key[table("a")].version, by_key[table("a")].how) == ("v1", "said")
    assert (by_key[table("b")].version, by_key[table("b")].how) == (None, "unknown")
    world.close()


def test_spans_tell_when_events_spoke_of_a_dataset(tmp_path: Path) -> None:
    world = World(tmp_path, make_registry()).send(
        run_event("START", 1, run="w", outputs=["a"]),
        run_event("COMPLETE", 3, run="w", outputs=["a"]),
        run_event("FAIL", 6, run="x", outputs=["a"]),
        run_event("COMPLETE", 9, job="two", run="r", inputs=["a"]),
    )
    span = Listing(world.state).spans([table("a"), table("none")])
    assert span == {table("a"): type(span[table("a")])(at(1), at(9), at(3))}
    world.close()


def test_what_is_touched_is_what_stands_at_the_moment(tmp_path: Path) -> None:
    parent: Json = facet(
        "ParentRunFacet", run={"runId": "p"}, job={"namespace": NS, "name": "outer"}
    )
    event = run_event("COMPLETE", 1, job="one", run="w", inputs=["a"], outputs=["b"])
    event["run"]["facets"]["parent"] = parent
    world = World(tmp_path, make_registry()).send(
        event, run_event("COMPLETE", 5, job="one", run="x", inputs=["c"], outputs=["b"])
    )
    listing, one = Listing(world.state), job_key("one")
    early = listing.touched([one], at(2))[one]
    assert (early.reads, early.writes) == ((table("a"),), (table("b"),))
    assert listing.touched([one], at(6))[one].reads == (table("c"),)
    assert early.parents == (IDENTITY.key("Job", NS, "outer"),)
    assert listing.touched([table("b")], at(6))[table("b")].writes == (one,)
    world.close()


def test_a_drop_holds_until_something_uses_the_table_again(tmp_path: Path) -> None:
    world = World(tmp_path, make_registry()).send(
        run_event("COMPLETE", 1, run="w", outputs=["a"]),
        run_event("COMPLETE", 2, run="d", job="two", outputs=[dataset("a", change="DROP")]),
    )
    assert Listing(world.state).lifecycles([table("a"), table("b")]) == {table("a"): ("DROP", True)}
    world.send(run_event("COMPLETE", 4, run="y", outputs=["a"]))
    assert Listing(world.state).lifecycles([table("a")]) == {table("a"): ("DROP", False)}
    world.close()


def test_of_runs_that_overtook_each_other_the_one_that_ended_last_is_meant(tmp_path: Path) -> None:
    world = World(tmp_path, make_registry()).send(
        run_event("START", 1, run="long", outputs=["a"]),
        run_event("COMPLETE", 5, run="long", outputs=["a"]),
        run_event("START", 2, run="short", outputs=["a"]),
        run_event("COMPLETE", 3, run="short", outputs=["a"]),
        run_event("COMPLETE", 6, job="two", run="r", inputs=["a"]),
    )
    [reader] = world.state.runs(job_key=job_key("two"))
    [found] = pinned_inputs(world.state.connection(), reader)
    [long] = [run for run in world.state.runs() if run.ended == at(5)]
    assert found.run_key == long.key
    world.close()


def test_versions_of_a_job_are_told_from_the_newest_on(tmp_path: Path) -> None:
    world = World(tmp_path, make_registry()).send(
        run_event("COMPLETE", 4, job="one", run="x", inputs=["c"], outputs=["b"]),
        run_event("COMPLETE", 1, job="one", run="w", inputs=["b"], outputs=["a"]),
        run_event("COMPLETE", 2, job="one", run="v", inputs=["d"], outputs=["b"]),
        run_event("COMPLETE", 5, job="one", run="y", inputs=["c"], outputs=["b"]),
    )
    told = RunListing(world.state).shapes(job_key("one"))
    assert told == [
        ((table(read),), (table(written),), at(minute))
        for read, written, minute in (("c", "b", 4), ("d", "b", 2), ("b", "a", 1))
    ]
    world.close()


def test_a_named_version_holds_until_the_next_one_begins(tmp_path: Path) -> None:
    world = World(tmp_path, make_registry()).send(
        run_event("COMPLETE", 1, run="w", outputs=[named("a", "v1")]),
        run_event("COMPLETE", 3, run="x", outputs=[named("a", "v2")]),
        run_event("COMPLETE", 4, run="y", outputs=[named("a", "v1")]),
        run_event("COMPLETE", 6, run="z", outputs=[named("a", "v3")]),
    )
    spans = {name: world.state.current_span(table("a"), name) for name in ("v1", "v2", "v3", "v4")}
    assert spans == {
        "v1": (at(1), at(3)), "v2": (at(3), at(6)), "v3": (at(6), None), "v4": None,
    }  # fmt: skip
    world.close()


class Narrowed(SqlState):
    """A state without one of its tables."""

    def __init__(self, whole: SqlState, hidden: str) -> None:
        self._connections = whole.connections
        self._hidden = hidden

    def nodes(self, keys: Sequence[str]) -> dict[str, Node]:
        return super().nodes([key for key in keys if key != self._hidden])


def test_what_may_not_be_seen_is_neither_listed_nor_counted(tmp_path: Path) -> None:
    elsewhere = dataset("d") | {"namespace": "elsewhere"}
    world = World(tmp_path, make_registry()).send(
        run_event("COMPLETE", 1, run="w", inputs=["a"], outputs=["b"]),
        run_event("COMPLETE", 2, run="x", inputs=["c", elsewhere], outputs=["b"]),
    )
    hidden = table("b")
    seen = Listing(Narrowed(world.state, hidden), open_places=NS.__eq__, hidden=[hidden])
    whole = Listing(world.state)

    def told(listing: Listing, namespace: str | None, **page: int) -> tuple[list[Any], int]:
        nodes = listing.named("Dataset", namespace, **{"limit": 9, **page})
        return [node.props["name"] for node in nodes], listing.count("Dataset", namespace)

    assert told(whole, NS) == (["a", "b", "c"], 3)
    assert told(seen, NS) == (["a", "c"], 2)
    assert told(seen, NS, limit=1, offset=1) == (["c"], 2)
    assert told(whole, "elsewhere") == (["d"], 1)
    assert told(seen, "elsewhere") == ([], 0)
    assert told(seen, None) == (["a", "c", "d"], 3)
    assert told(seen, None, limit=1, offset=1) == (["c"], 3)
    assert sorted(whole.since("Dataset")) == [1, 1, 2, 2]
    assert sorted(seen.since("Dataset")) == [1, 2, 2]
    world.close()
