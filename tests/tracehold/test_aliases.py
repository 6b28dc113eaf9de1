"""A person decides whether two names are of one thing, and overrules what producers say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import START, Api, complete, services_of, workspace

from lineage.clock import format_millis
from lineage.errors import InvalidInput
from lineage.graph.port import OPEN
from privacy.reach import alias_class
from tracehold.acts import perform
from tracehold.questions import answer

DAY = 86_400_000
PATH = "dataset:[file]/data/clean"
TABLE = "dataset:[shop]clean_1"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        made = Api(services, settings)
        event = complete()
        event["eventTime"] = format_millis(START - DAY)
        event["outputs"][0]["facets"] = {
            "symlinks": {
                "_producer": "https://example.org/test",
                "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/SymlinksDatasetFacet.json",
                "identifiers": [{"namespace": "file", "name": "/data/clean", "type": "LOCATION"}],
            }
        }
        sent = made.send("POST", "/api/v1/lineage", token=made.token(), json=event)
        assert sent.status_code == 201
        services.catch_up()
        yield made


def decide(api: Api, *, accepted: bool, alias: str = PATH) -> dict[str, Any]:
    officer = api.services.people.by_token(api.hire("officer", "privacy-officer"))
    body = {"dataset": TABLE, "alias": alias, "accepted": accepted, "reason": "looked"}
    made: dict[str, Any] = perform(api.services, officer, "alias.decide", body)
    return made


def names(api: Api) -> set[str]:
    _, key = (
        api.services.state,
        next(
            node.key
            for node in api.services.state.list_nodes("Dataset")
            if node.props["name"] == "clean_1"
        ),
    )
    found = alias_class(api.services.sql_graph(), [key])
    return {str(n.props["name"]) for n in api.services.state.nodes(sorted(found)).values()}


def test_a_rejected_alias_belongs_to_the_class_no_more(api: Api) -> None:
    assert names(api) == {"clean_1", "/data/clean"}
    assert decide(api, accepted=False)["accepted"] is False
    assert names(api) == {"clean_1"}


def test_a_rejection_ends_both_views_and_keeps_what_was(api: Api) -> None:
    decide(api, accepted=False)
    [edge] = [e for e in api.services.sql_graph().all_edges() if e.type == "SAME_AS"]
    assert edge.kind == "symlink"
    assert edge.structural == edge.content
    assert edge.structural[0][0] == START - DAY
    assert edge.structural[0][1] < OPEN


def test_a_later_event_that_names_it_does_not_undo_a_rejection(api: Api) -> None:
    decide(api, accepted=False)
    event = complete(number=1)
    event["eventTime"] = format_millis(START + 30 * DAY)
    event["outputs"][0]["facets"] = {
        "symlinks": {"identifiers": [{"namespace": "file", "name": "/data/clean", "type": "T"}]}
    }
    sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    assert sent.status_code == 201
    api.services.catch_up()
    assert names(api) == {"clean_1"}


def test_an_accepted_alias_needs_no_producer(api: Api) -> None:
    decide(api, accepted=True, alias="dataset:[shop]raw_1")
    assert names(api) == {"clean_1", "/data/clean", "raw_1"}
    kinds = {e.kind for e in api.services.sql_graph().all_edges() if e.type == "SAME_AS"}
    assert kinds == {"symlink", "decided"}


def test_the_producer_that_lost_is_shown_beside_the_decision(api: Api) -> None:
    decide(api, accepted=False)
    shown = answer(api.services, "dataset", {"ref": TABLE})
    [said] = shown["aspects"]["symlinks"]
    assert said["source"] == "decision"
    assert said["losers"]


def test_a_thing_is_no_alias_of_itself(api: Api) -> None:
    with pytest.raises(InvalidInput):
        decide(api, accepted=True, alias=TABLE)
