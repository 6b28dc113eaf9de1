"""Projects of many shapes, run under every supported Dagster, give the graphs kept here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster_samples import SAMPLES, VERSIONS, Told, played, telling
from golden import golden

from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.sql import SqlGraph
from lineage.state.tables import connect

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "dagster"
MARKS = {"1.11": [pytest.mark.dagster_1_11], "1.12": [pytest.mark.dagster_1_12]}


@pytest.fixture(
    scope="module", params=[pytest.param(one, marks=MARKS.get(one, [])) for one in VERSIONS]
)
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """A workspace that was told of all samples, played under one version of Dagster."""
    folder = tmp_path_factory.mktemp("samples")
    with telling(played(request.param, folder / "events"), folder) as told:
        yield told


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_gives_the_graph_that_was_found_right(told: Told, sample: str) -> None:
    assert told.text(sample) == golden(GOLDEN / f"{sample}.txt", told.text(sample))


@pytest.mark.neo4j
def test_neo4j_holds_the_same_graph(told: Told, request: pytest.FixtureRequest) -> None:
    url, auth = (request.getfixturevalue(name) for name in ("neo4j_url", "neo4j_auth"))
    target = Neo4jGraph(url, *auth, deadline_seconds=30)
    try:
        state = told.api.settings.folder / ".tracehold" / "state.db"
        mirror = Mirror(lambda: SqlGraph(connect(state, read_only=True)), target)
        assert mirror.fill(), mirror.status()
        assert mirror.verify()
        assert target.digest() == told.graph().digest()
    finally:
        target.close()


def _runs(told: Told, job: str) -> list[Any]:
    """The runs of a job, oldest first."""
    return list(reversed(told.ask("runs", job=job)["items"]))


def _read(told: Told, run: Any, dataset: str) -> Any:
    [found] = [one for one in told.ask("inputs", ref=run["ref"])["items"] if one["ref"] == dataset]
    return found


def test_an_upstream_that_ran_again_between_two_runs_is_seen_in_what_they_read(told: Told) -> None:
    made = _runs(told, "job:[sources]events")
    first, second, third = _runs(told, "job:[sources]alerts")
    read = [_read(told, one, "dataset:[sources]events") for one in (first, second, third)]
    assert [one["made_by"] for one in read] == [made[0]["ref"], made[1]["ref"], made[1]["ref"]]
    assert [one["version"] for one in read] == ["made-1", "made-2", "made-2"]
    assert {one["how"] for one in read} == {"said"}


def test_a_failed_materialization_adds_a_failed_run_and_takes_nothing_away(told: Told) -> None:
    states = [one["state"] for one in _runs(told, "job:[failing]curve")]
    assert states == ["COMPLETE", "FAIL", "COMPLETE"]
    failed = _runs(told, "job:[failing]curve")[1]
    trace = told.ask("trace", ref="dataset:[failing]risk", as_of=failed["ended"])
    names = {node["name"] for node in trace["nodes"]}
    assert {"quotes", "curve", "risk"} <= names


def test_what_was_wiped_keeps_its_history_and_is_shown_as_deleted(told: Told) -> None:
    shown = told.ask("dataset", ref="dataset:[wiped]letters")
    [lifecycle] = shown["aspects"]["lifecycle"]
    assert lifecycle["value"] == {"change": "DROP"}
    [made] = _runs(told, "job:[wiped]letters")
    assert made["ref"] in {one["run"] for one in shown["versions"]}
    before = told.ask("trace", ref="dataset:[wiped]letters", as_of=made["ended"])
    assert "visitors" in {node["name"] for node in before["nodes"]}


def test_no_text_of_an_error_or_address_leaves_a_step(told: Told) -> None:
    facts = told.api.services.journal.read(0, 100_000)
    assert len(facts) > 200
    assert not [fact for fact in facts if b"jane@example.org" in (fact.body or b"")]
