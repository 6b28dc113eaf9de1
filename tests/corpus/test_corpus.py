"""Recorded events of other systems over a real server: taken, given back equal, flagged, folded.

The corpus stands beside the checkout and is never copied into it. What must be flagged is not
written here by hand: the published schemas say it, through jsonschema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openlineage_schema import event_breaks, facet_breaks, facets_of
from running_server import RunningServer, make_workspace, run, serving
from services import corpus

from lineage.openlineage.codes import CODES

pytestmark = [pytest.mark.corpus, pytest.mark.slow]

FOLDER = corpus() or Path("/nowhere")
COMPAT = sorted((FOLDER / "compat").glob("**/events/*.json"))
MARQUEZ = sorted((FOLDER / "marquez").glob("**/open_lineage/**/*.json"))
FRAGMENTS = sorted((FOLDER / "spec" / "spec" / "tests").glob("**/*.json"))
EVERY = COMPAT + MARQUEZ + FRAGMENTS

MASKS = re.compile(r"\[[\w -]+\]|\?|/\* \*/")
"""What stands in the place of a masked value."""


def name_of(path: Path) -> str:
    return "/".join(path.parts[-3:])


def event_of(path: Path) -> bytes:
    """The bytes to send: the file as it is, or an event around a fragment."""
    raw = path.read_bytes()
    fragment = json.loads(raw)
    if "eventTime" in fragment:
        return raw
    facets = {"facets": fragment}
    dataset = {"namespace": "corpus", "name": "d"} | facets
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-01T00:00:00Z",
        "producer": "https://example.org/corpus",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "8a03e360-afe4-5d75-bd10-4c60e658eb43"} | facets,
        "job": {"namespace": "corpus", "name": name_of(path)} | facets,
        "inputs": [dataset | {"inputFacets": fragment}],
        "outputs": [dataset | {"outputFacets": fragment}],
    }
    return json.dumps(event).encode()


@dataclass(frozen=True)
class Taken:
    """The corpus, sent.

    Attributes:
        server: Who took it.
        statuses: Per file.
        given: What ``GET /api/v1/fact`` answers, per file.
    """

    server: RunningServer
    statuses: dict[Path, int]
    given: dict[Path, Any]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    folder = make_workspace(tmp_path_factory.mktemp("corpus") / "shop")
    with serving(folder) as server, closing(server.client()) as client:
        statuses, receipts = {}, {}
        for path in EVERY:
            statuses[path], told = client.post("/api/v1/lineage", event_of(path))
            receipts[path] = json.loads(told).get("receipt")
        given = {path: client.json("/api/v1/fact", id=receipts[path]) for path in EVERY}
        yield Taken(server, statuses, given)


def test_the_corpus_is_whole() -> None:
    assert (len(COMPAT), len(MARQUEZ), len(FRAGMENTS)) == (74, 15, 47)


def test_every_file_is_taken(taken: Taken) -> None:
    assert set(taken.statuses.values()) == {201}
    assert len(taken.statuses) == 136


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_it_is_given_back_equal_but_for_what_is_said_to_be_masked(path: Path, taken: Taken) -> None:
    sent, told = json.loads(event_of(path)), taken.given[path]
    for place in told["masked"]:
        was, now = at(sent, place), at(told["event"], place)
        assert was != now
        assert isinstance(now, str)
        assert MASKS.search(now), place
        put(sent, place, now)
    assert same(sent, told["event"])


def steps(place: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:]]


def at(value: Any, place: str) -> Any:
    for step in steps(place):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def put(value: Any, place: str, new: Any) -> None:
    *way, last = steps(place)
    for step in way:
        value = value[int(step)] if isinstance(value, list) else value[step]
    value[int(last) if isinstance(value, list) else last] = new


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: unlike to Python, true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_it_is_flagged_just_where_the_published_schemas_say_so(path: Path, taken: Taken) -> None:
    event = json.loads(event_of(path))
    found = taken.given[path]["findings"]
    assert {one["code"] for one in found} <= set(CODES)
    assert all(one["breaks_schema"] is CODES[one["code"]].breaks for one in found)
    core = [one for one in found if one["breaks_schema"] and one["code"] != "facet-off-schema"]
    assert bool(core) == event_breaks(event), core
    off = {
        "/".join(steps_of_facet(one["at"])) for one in found if one["code"] == "facet-off-schema"
    }
    assert off == {place for place, facet in facets_of(event) if facet_breaks(facet)}


def steps_of_facet(place: str) -> list[str]:
    """The steps to a facet, of a place within it."""
    parts = place.split("/")
    kind = next(n for n, part in enumerate(parts) if part.endswith(("facets", "Facets")))
    return parts[: kind + 2]


def test_the_five_events_that_break_the_core_schema_are_the_known_ones(taken: Taken) -> None:
    broken = {
        path.name: sorted(one["code"] for one in told["findings"] if one["breaks_schema"])
        for path, told in taken.given.items()
        if path in COMPAT + MARQUEZ
        and any(
            one["breaks_schema"] and one["code"] != "facet-off-schema" for one in told["findings"]
        )
    }
    assert broken == {
        "simple_run_event.json": ["producer-no-uri", "run-id-not-a-uuid"],
        "event_required_no_timezone.json": ["time-without-zone"],
        "event_without_schema_url.json": ["schema-url-missing"],
        "1.json": ["schema-url-missing"],
        "2.json": ["schema-url-missing"],
    }


def test_the_producers_owner_is_told_on_the_command_line(taken: Taken) -> None:
    told = run("findings", "--json", "--limit", "1000", workspace=taken.server.workspace)
    assert told.returncode == 0, told.stderr
    items = json.loads(told.stdout)["items"]
    odd = {one["code"] for told in taken.given.values() for one in told["findings"]}
    assert {one["code"] for one in items} == odd
    assert all(one["fact"] and one["sent_by"] and one["meaning"] for one in items)
    looked = run("doctor", "--json", workspace=taken.server.workspace)
    checks = {one["name"]: one for one in json.loads(looked.stdout)["checks"]}
    assert checks["events"]["ok"]
    assert "break the schema" in checks["events"]["text"]
    assert checks["state"]["ok"], checks["state"]


def test_the_same_again_gives_the_first_receipts_and_changes_nothing(taken: Taken) -> None:
    with closing(taken.server.client()) as client:
        for path in reversed(EVERY):
            status, told = client.post("/api/v1/lineage", event_of(path))
            answer = json.loads(told)
            assert (status, answer["duplicate"]) == (201, True)
            assert answer["receipt"] == taken.given[path]["fact"]
