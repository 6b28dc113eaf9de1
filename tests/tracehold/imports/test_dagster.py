"""History from Dagster's GraphQL API: what a sensor inside would have sent, from a real server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dagster_history import LOCATION, played, serving_dagster
from import_samples import serving_json
from importing import Estate
from tracehold_world import Clockwork, services_of, workspace

from lineage.errors import NotFound
from tracehold.cli.main import run
from tracehold.imports.dagster import Bookmark, Choice, Place, read
from tracehold.imports.dagster_graphql import connect
from tracehold.imports.errors import NotReachable
from tracehold.imports.events import Item
from tracehold.imports.report import Report
from tracehold.settings import load

pytestmark = pytest.mark.slow


class Deployment:
    """A served instance.

    Attributes:
        url: Of the web server.
        sent: The events that a sensor inside would send.
    """

    def __init__(self, url: str, sent: list[bytes]) -> None:
        self.url, self.sent = url, sent

    @cached_property
    def imported(self) -> list[bytes]:
        """The events of an import."""
        return self.read()

    def read(self, **chosen: Any) -> list[bytes]:
        """The events of an import that chooses something."""
        items = read(connect(self.url, {}), Choice(**chosen), Report(), place=Place())
        return [item.raw for item in items]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("dagster") / "home"
    sent = played(home)
    with serving_dagster(home) as url:
        yield Deployment(url, sent)


def test_a_log_that_dagster_cannot_show_is_listed_and_the_others_are_read(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster = connect(deployment.url, {})
    shown = dagster.log
    [gone, *_] = [one["runId"] for one in dagster.runs(since=None, after=None)]
    monkeypatch.setattr(dagster, "log", lambda run: shown("nobody's" if run == gone else run))
    report = Report()
    events = [item.raw for item in read(dagster, Choice(), report, place=Place())]
    assert [
        one["what"] for one in report.as_list() if one["where"] == gone and one["count"] == 1
    ] == ["logs of runs"]
    assert set(events) < set(deployment.imported)


def _marked(event: Mapping[str, Any]) -> bool:
    """Whether an event has an input that could not be pinned."""
    return any("dagster_input" in one.get("inputFacets", {}) for one in event.get("inputs", ()))


def _without_versions(event: dict[str, Any]) -> dict[str, Any]:
    for one in event.get("inputs", ()):
        one["facets"].pop("version", None)
        one.pop("inputFacets", None)
    return event


def test_the_events_are_those_of_the_sensor_but_for_marked_inputs(deployment: Deployment) -> None:
    marked = [raw for raw in deployment.imported if _marked(json.loads(raw))]
    here = set(deployment.imported) - set(marked)
    assert here <= set(deployment.sent)
    assert 0 < len(marked) < len(here)
    left = [_without_versions(json.loads(raw)) for raw in deployment.sent if raw not in here]
    order = msgspec.json.Encoder(order="deterministic").encode
    assert sorted(map(order, left)) == sorted(
        order(_without_versions(json.loads(raw))) for raw in marked
    )


def test_both_ways_give_the_same_graph(deployment: Deployment, tmp_path: Path) -> None:
    # Keys follow from the secrets of a workspace: both have the same.
    first = workspace(tmp_path / "sensor", clock=Clockwork())
    second = load(shutil.copytree(first.folder, tmp_path / "import"), environ={})
    digests = []
    for settings, events in ((first, deployment.sent), (second, deployment.imported[::-1])):
        with services_of(settings) as services:
            tally = Estate(services).take(Item(raw, "here") for raw in events)
            assert (tally.refused, tally.accepted) == (0, len(events))
            digests.append(services.state.graph.digest())
    assert digests[0] == digests[1]


def test_what_was_read_before_is_not_asked_for_again(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = workspace(tmp_path / "shop", clock=Clockwork()).folder

    def told(*words: str) -> Any:
        said = ["import", "dagster", "--graphql", f"{deployment.url}/graphql", "--json", *words]
        assert run([*said, "--workspace", str(folder)]) == 0
        return json.loads(capsys.readouterr().out)

    dry = told("--dry-run")
    assert dry["events"] == dry["accepted"] == len(deployment.sent)
    first = told()
    assert (first["accepted"], first["duplicates"]) == (len(deployment.sent), 0)
    assert [one["what"] for one in first["not_mapped"]] == ["versions of inputs"]
    again = told("--again")
    assert (again["accepted"], again["duplicates"]) == (0, len(deployment.sent))
    # The last minute of what was known is looked at once more.
    assert told()["accepted"] == 0
    assert run(["dataset", "show", f"dataset:[{LOCATION}]rules", "--workspace", str(folder)]) == 0


def test_an_import_that_was_cut_off_goes_on_behind_what_was_taken(
    deployment: Deployment, tmp_path: Path
) -> None:
    whole = deployment.imported
    bookmark = Bookmark(tmp_path / "imports" / "place.json")
    dagster = connect(deployment.url, {})
    items = read(dagster, Choice(), Report(), place=bookmark.place(), reached=bookmark.reached)
    taken = []
    for item in items:
        taken.append(item.raw)
        bookmark.handed_in(len(taken) - 1)
        if len(taken) > len(whole) // 2:
            break
    place = bookmark.place()
    assert place.after
    rest = [
        item.raw
        for item in read(dagster, Choice(), Report(), place=place, reached=bookmark.reached)
    ]
    assert set(taken) | set(rest) == set(whole)
    assert len(rest) < len(whole)
    bookmark.handed_in(len(whole))
    assert not bookmark.place().after
    assert bookmark.place().since is not None
    # A run that is gone by then must not end the import: nobody could tell what comes behind it.
    gone = Place(after="00000000-0000-4000-8000-000000000000")
    assert {one.raw for one in read(dagster, Choice(), Report(), place=gone)} == set(whole)


def test_names_and_environment_are_as_chosen(deployment: Deployment) -> None:
    events = [json.loads(raw) for raw in deployment.read(environment="dev")]
    assert {event["job"]["namespace"] for event in events if "job" in event} == {f"{LOCATION}-dev"}
    tags = [event["job"]["facets"]["tags"]["tags"] for event in events if "job" in event]
    assert all(tag == [{"key": "environment", "value": "dev", "source": "DAGSTER"}] for tag in tags)
    named = [json.loads(raw) for raw in deployment.read(namespace="shop")]
    assert {event["job"]["namespace"] for event in named if "job" in event} == {"shop"}
    with pytest.raises(NotFound, match="no such code location") as raised:
        deployment.read(location="elsewhere")
    assert raised.value.advice == f"it has: {LOCATION}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": {"version": "1.9.3"}}, "Dagster 1.9.3"),
        ({"errors": [{"message": "a text of theirs"}]}, "could not answer"),
        (["no GraphQL"], "could not answer"),
    ],
)
def test_what_is_no_dagster_that_can_be_read_is_named(answer: Any, said: str) -> None:
    with serving_json(lambda *_: answer) as url, pytest.raises(NotReachable, match=said) as raised:
        connect(url, {})
    assert "theirs" not in str(raised.value.as_dict())
