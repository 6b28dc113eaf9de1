"""A person decides whether two names are of one thing, and overrules what producers say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import START, Api, complete, services_of, workspace

from lineage.clock import format_millis, system_clock
from lineage.errors import InvalidInput, NotFound
from lineage.graph.port import OPEN
from privacy.reach import alias_class
from tracehold.acts import perform
from tracehold.cli.main import run
from tracehold.questions import answer
from tracehold.workspace import store_token

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


# Rules and reviews


def officer(api: Api) -> Any:
    token = api.hire("reviewer", "privacy-officer")
    return api.services.people.by_token(token)


def bound(event: dict[str, Any], *identifiers: tuple[str, str]) -> dict[str, Any]:
    """An event whose input and output have other names."""
    said = [{"namespace": ns, "name": name, "type": "TABLE"} for ns, name in identifiers]
    for part in (*event["inputs"], *event["outputs"]):
        part["facets"] = {"symlinks": {"identifiers": said}}
    return event


def sent_by_producer(api: Api, *identifiers: tuple[str, str], **more: Any) -> None:
    token = api.hire("etl", "producer", namespaces=["shop"])
    event = bound(complete(number=7, **more), *identifiers)
    assert api.send("POST", "/api/v1/lineage", token=token, json=event).status_code == 201
    api.services.catch_up()


def test_a_bound_producer_gives_other_names_within_its_namespaces_only(api: Api) -> None:
    sent_by_producer(api, ("shop", "own"), ("hive://meta", "d.t"))
    told = answer(api.services, "aliases", {"ref": "dataset:[shop]clean_7"})
    assert [(one["alias"], one["kind"]) for one in told["names"]] == [
        ("dataset:[shop]own", "symlink")
    ]
    assert {(one["dataset"], one["alias"], one["said_by"]) for one in told["items"]} == {
        ("dataset:[shop]clean_7", "dataset:[hive://meta]d.t", "etl"),
        ("dataset:[shop]raw_7", "dataset:[hive://meta]d.t", "etl"),
    }
    found = answer(api.services, "findings", {"ref": "load"})
    assert {one["code"] for one in found["items"]} >= {"symlink-proposed"}


def test_what_others_read_is_not_renamed_by_who_reads_it(api: Api) -> None:
    token = api.hire("etl", "producer", namespaces=["shop"])
    event = complete(number=8)
    event["inputs"][0] |= {"namespace": "elsewhere"}
    bound(event, ("shop", "own"))
    assert api.send("POST", "/api/v1/lineage", token=token, json=event).status_code == 201
    api.services.catch_up()
    told = answer(api.services, "aliases", {"ref": "dataset:[elsewhere]raw_8"})
    assert told["names"] == []
    assert [one["dataset"] for one in told["items"]] == ["dataset:[elsewhere]raw_8"]


def test_a_name_that_waits_is_accepted_though_nothing_else_is_known_of_it(api: Api) -> None:
    sent_by_producer(api, ("hive://meta", "d.t"))
    other = "dataset:[hive://meta]d.t"
    body = {"dataset": "dataset:[shop]clean_7", "alias": other, "accepted": True, "reason": "same"}
    perform(api.services, officer(api), "alias.decide", body)
    told = answer(api.services, "aliases", {"ref": other})
    assert [one["dataset"] for one in told["items"]] == ["dataset:[shop]raw_7"]
    assert {one["alias"] for one in told["names"]} == {"dataset:[shop]clean_7"}


def test_trust_in_both_namespaces_lets_what_waits_count(api: Api) -> None:
    sent_by_producer(api, ("hive://meta", "d.t"))
    person = officer(api)
    for namespace in ("hive://*", "shop"):
        body = {"form": "trusted", "namespace": namespace, "reason": "ours"}
        perform(api.services, person, "alias.rule", body)
    told = answer(api.services, "aliases", {"ref": "clean_7"})
    assert told["items"] == []
    assert [one["kind"] for one in told["names"]] == ["symlink"]


def test_a_rule_is_tried_made_and_ended(api: Api) -> None:
    rule = {"form": "prefix", "namespace": "shop", "prefix": "clean_1", "to_prefix": "raw_1"}
    fits = answer(api.services, "aliases.fits", rule)
    assert fits["items"] == [{"dataset": "dataset:[shop]clean_1", "alias": "dataset:[shop]raw_1"}]
    person = officer(api)
    made = perform(api.services, person, "alias.rule", {**rule, "reason": "a view"})
    assert names(api) == {"clean_1", "/data/clean", "raw_1"}
    [shown] = answer(api.services, "aliases", {})["rules"]
    assert shown["id"] == made["rule"]
    assert (shown["decided_by"], shown["names"]) == ("reviewer", 1)
    perform(api.services, person, "alias.end", {"rule": made["rule"], "reason": "no"})
    assert names(api) == {"clean_1", "/data/clean"}
    with pytest.raises(NotFound):
        perform(api.services, person, "alias.end", {"rule": made["rule"], "reason": "no"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "prefix", "namespace": "file", "prefix": "/a", "to_prefix": "/a/b"},
        {"form": "host", "namespace": "file*", "to_namespace": "file"},
        {"form": "host", "namespace": "file"},
        {"form": "table", "namespace": "hive", "to_namespace": "hdfs"},
        {"form": "case", "namespace": "x", "to_namespace": "y"},
        {"form": "case", "namespace": ""},
        {"form": "parts", "namespace": "a*b"},
        {"form": "guess", "namespace": "x"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(api: Api, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        perform(api.services, officer(api), "alias.rule", {**wrong, "reason": "x"})
    assert caught.value.where


def test_a_drop_that_fits_nothing_waits_for_a_person(api: Api) -> None:
    event = complete(number=9)
    change = {"lifecycleStateChange": {"lifecycleStateChange": "DROP"}}
    event["inputs"] = []
    event["outputs"][0]["facets"] = change
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).status_code == 201
    api.services.catch_up()
    [drop] = answer(api.services, "aliases", {})["drops"]
    assert (drop["dataset"], drop["why"]) == ("dataset:[shop]clean_9", "unknown")


def test_what_looks_alike_is_suggested_until_somebody_decides(api: Api) -> None:
    event = complete(number=3)
    event["inputs"][0]["name"] = "CLEAN_1"
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).status_code == 201
    api.services.catch_up()
    told = answer(api.services, "aliases.suggested", {})
    pair = {"form": "case", "dataset": TABLE, "alias": "dataset:[shop]CLEAN_1"}
    assert (told["items"], told["more"], told["complete"]) == ([pair], False, True)
    decide(api, accepted=False, alias=pair["alias"])
    assert answer(api.services, "aliases.suggested", {})["items"] == []


def test_a_trace_shows_by_which_rule_it_crossed(api: Api) -> None:
    rule = {"form": "prefix", "namespace": "shop", "prefix": "raw_1", "to_prefix": "clean_9"}
    event = complete("copy", number=9)
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).status_code == 201
    made = perform(api.services, officer(api), "alias.rule", {**rule, "reason": "a copy"})
    found = answer(api.services, "trace", {"ref": TABLE, "direction": "up"})
    [crossed] = [edge for edge in found["edges"] if edge["type"] == "SAME_AS"]
    assert (crossed["kind"], crossed["props"]["rule"]) == ("rule", made["rule"])
    assert "dataset:[shop]raw_9" in {node["ref"] for node in found["nodes"]}


def test_names_are_reviewed_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = workspace(tmp_path / "shop", clock=system_clock)
    with services_of(settings, clock=system_clock) as services:
        api = Api(services, settings)
        store_token(settings, "olga", api.hire("olga", "privacy-officer"))
        event = complete()
        event["inputs"][0]["name"] = "CLEAN_1"
        token = api.hire("etl", "producer", namespaces=["shop"])
        bound(event, ("hive://meta", "d.t"))
        assert api.send("POST", "/api/v1/lineage", token=token, json=event).is_success
    at = ["--workspace", str(settings.folder)]
    by = ["--reason", "looked", "--as", "olga", *at]

    def said(*words: str) -> str:
        assert run(["alias", *words]) == 0
        return capsys.readouterr().out

    assert "dataset:[hive://meta]d.t" in said("list", *at)
    assert "case" in said("suggest", *at)
    tried = said("rule", "case", "shop", "--dry-run", *at)
    assert "dataset:[shop]CLEAN_1" in tried
    assert "dataset:[shop]clean_1" in tried
    rule = said("rule", "case", "shop", *by).split()[1]
    assert rule in said("list", "dataset:[shop]CLEAN_1", *at)
    assert "no names look alike" in said("suggest", *at)
    said("accept", TABLE, "dataset:[hive://meta]d.t", *by)
    said("reject", "dataset:[shop]CLEAN_1", "dataset:[hive://meta]d.t", *by)
    said("end", rule, *by)
    shown = said("list", TABLE, *at)
    assert "no name waits" in shown
    assert "decided" in shown
    assert rule not in shown
    assert run(["alias", "rule", "host", "file", *by]) == 2
    assert "needs to_namespace" in capsys.readouterr().err


def test_a_table_that_sql_alone_names_is_suggested_and_joined_once_somebody_accepts(
    api: Api,
) -> None:
    place, table = "duckdb://w1/shop.db", "shop.main.orders"
    storage = complete("store", number=7)
    storage["outputs"] = [{"namespace": place, "name": table}]
    told = complete("report", namespace="dbt", number=8)
    told["inputs"] = told["outputs"] = []
    facet = {"_producer": "https://example.org/dbt", "_schemaURL": "https://example.org/x"}
    query = "create table shop.main.report as select * from shop.main.orders"
    told["job"]["facets"] = {"sql": {**facet, "query": query}}
    for event in (storage, told):
        assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).is_success
    api.services.catch_up()
    report = "dataset:[dbt]shop.main.report"
    orders = [f"dataset:[{one}]{table}" for one in ("dbt", place)]

    def above() -> set[str]:
        found = answer(api.services, "trace", {"ref": report, "direction": "up"})
        return {node["ref"] for node in found["nodes"]} - {report}

    assert orders[1] not in above()
    suggested = answer(api.services, "aliases.suggested", {})["items"]
    assert {"form": "sql", "dataset": orders[0], "alias": orders[1]} in suggested
    officer = api.services.people.by_token(api.hire("officer", "privacy-officer"))
    pair = {"dataset": orders[0], "alias": orders[1], "accepted": True, "reason": "its storage"}
    perform(api.services, officer, "alias.decide", pair)
    api.services.catch_up()
    assert {*orders} <= above()
    assert answer(api.services, "aliases.suggested", {})["items"] == []
