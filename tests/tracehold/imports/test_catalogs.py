"""DataHub, Marquez and Croissant: what they know arrives, and what they know beside is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from import_samples import PG, croissant, datahub, marquez_pages, serving_json
from importing import estate_of, events_of, left_of

from lineage.errors import InvalidInput
from tracehold.imports import croissant as croissant_reader
from tracehold.imports import datahub as datahub_reader
from tracehold.imports import marquez
from tracehold.imports.datahub_urns import field_path
from tracehold.imports.errors import NotReachable, NotThisFormat
from tracehold.imports.report import Report
from tracehold.imports.web import Web

CORE, RAW = f"dataset:[{PG}]shop.core.orders", f"dataset:[{PG}]shop.raw.orders"
MARQUEZ = "dataset:[with/slash:1]"
SITE = "dataset:[https://data.example.org]"


def test_aspects_of_datahub_become_aspects_here(tmp_path: Path) -> None:
    with estate_of(tmp_path, "datahub") as estate:
        assert estate.value(CORE, "documentation") == [("import", {"description": "Orders."})]
        assert estate.value(CORE, "ownership") == [
            ("import", {"owners": [{"name": "orders", "type": "DATAOWNER"}]})
        ]
        [(_, tags)] = estate.value(CORE, "tags")
        assert [(one["key"], one["value"], one.get("field")) for one in tags] == [
            ("finance", "true", None),
            ("term", "Email", "email"),
        ]
        assert estate.value(CORE, "statistics") == [("import", {"rows": 41})]
        assert estate.columns(CORE) == [("id", "bigint", ""), ("email", "text", "Of whom.")]


def test_lineage_of_tables_columns_and_tasks_of_datahub(tmp_path: Path) -> None:
    with estate_of(tmp_path, "datahub") as estate:
        told = estate.ask("trace", ref=CORE)
        assert {(edge["kind"], edge["job_name"]) for edge in told["edges"]} == {
            ("declared", ""), ("static", "shop.clean"),
        }  # fmt: skip
        column = estate.ask("trace", ref=f"column:[{PG}]shop.core.orders#email", columns=True)
        assert [node["ref"] for node in column["nodes"]][1:] == [
            f"column:[{PG}]shop.raw.orders#mail"
        ]


def test_what_datahub_knows_beside_is_counted(tmp_path: Path) -> None:
    assert left_of("datahub", tmp_path) == {
        "customProperties": 1,
        "entities of kind chart": 1,
        "fieldProfiles": 1,
        "inputDatajobs": 1,
        "removed entities of kind dataset": 1,
    }


def test_a_platform_without_a_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(datahub()))
    report = Report()
    items = datahub_reader.read([path], platforms={}, job_namespace="", report=report)
    names = {json.loads(item.raw).get("dataset", {}).get("namespace") for item in items}
    assert "postgres" in names
    assert "the place of platform postgres" in {one["what"] for one in report.as_list()}


def test_an_instance_stands_before_the_name(tmp_path: Path) -> None:
    urn = "urn:li:dataset:(urn:li:dataPlatform:postgres,prod.shop.core.orders,PROD)"
    path = tmp_path / "export.json"
    proposal = {"entityUrn": urn, "aspectName": "datasetProperties", "aspect": {"json": {}}}
    path.write_text(json.dumps([proposal]))
    [item] = datahub_reader.read(
        [path], platforms={"postgres/prod": PG}, job_namespace="", report=Report()
    )
    assert json.loads(item.raw)["dataset"] == {"namespace": PG, "name": "shop.core.orders"}


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("a.b", "a.b"),
        ("[version=2.0].[type=struct].[type=array].[type=long].a.[type=string].b", "a.b"),
        ("[version=2.0].[key=True].[type=long].id", "id"),
    ],
)
def test_paths_of_columns_lose_their_types(path: str, plain: str) -> None:
    assert field_path(path) == plain


def test_every_page_of_marquez_is_read_and_what_only_it_knows_is_added(tmp_path: Path) -> None:
    with estate_of(tmp_path, "marquez") as estate:
        assert estate.ask("runs", job="job:[with/slash:1]load", limit=1000)["items"][129:]
        assert estate.value(f"{MARQUEZ}orders", "documentation") == [
            ("import", {"description": "Orders."})
        ]
        [(source, tags)] = estate.value(f"{MARQUEZ}orders", "tags")
        assert source == "import"
        assert [(one["key"], one.get("field")) for one in tags] == [
            ("FINANCE", None), ("PII", "email"),
        ]  # fmt: skip
        assert estate.edges(f"{MARQUEZ}copy") == {(f"{MARQUEZ}orders", f"{MARQUEZ}copy", "static")}
    assert left_of("marquez", tmp_path) == {
        "deleted datasets": 1,
        "owners of namespaces": 1,
        "runs of jobs without events": 1,
    }


def test_a_catalog_is_asked_with_a_token_and_its_refusal_is_said() -> None:
    with serving_json(marquez_pages, token="secret-of-a-test") as url:
        assert list(marquez.read(Web(url, token="secret-of-a-test"), Report()))
        with pytest.raises(NotReachable, match="HTTP 401") as refused:
            list(marquez.read(Web(url), Report()))
        assert refused.value.advice == "give a token"


def test_a_catalog_that_is_not_there_is_asked_again_and_then_given_up() -> None:
    waited: list[float] = []
    web = Web("http://127.0.0.1:9", pause=waited.append)
    with pytest.raises(NotReachable, match="does not answer"):
        web.get("api/v1/namespaces")
    assert waited == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("url", ["ftp://x", "http://", "marquez:5000", "http://me:pw@host"])
def test_an_address_that_is_none_or_holds_a_password_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Web(url)
    assert "pw" not in str(refused.value)


def test_a_list_that_is_cut_short_is_not_taken_for_all_of_it() -> None:
    def short(*_: Any) -> Any:
        return {"events": [{}], "complete": False}

    with serving_json(short) as url, pytest.raises(NotReachable, match="there is more"):
        list(Web(url).listed("x", "events"))


def test_an_answer_of_another_form_holds_nothing() -> None:
    def other(*_: Any) -> Any:
        return "text"

    with serving_json(other) as url:
        assert list(marquez.read(Web(url), Report())) == []


def test_a_dataset_of_croissant_has_license_origin_version_and_columns(tmp_path: Path) -> None:
    ref = f"{SITE}orders"
    with estate_of(tmp_path, "croissant") as estate:
        [(source, said)] = estate.value(ref, "license")
        assert source == "import"
        assert said["declared"] == "CC-BY-4.0"
        assert said["attribution"] == "Acme"
        [(_, origin)] = estate.value(ref, "provenance")
        assert origin["supplier"] == "Acme"
        told = estate.ask("dataset", ref=ref)
        assert [one["version"] for one in told["versions"]] == ["1.2.0"]
        [(_, file)] = estate.value(f"{SITE}files/all.zip", "provenance")
        assert (file["sha256"], file["bytes"]) == ("ab" * 32, 1024)
        column = estate.ask("trace", ref="column:[https://data.example.org]orders#email",
                            columns=True)  # fmt: skip
        assert [node["ref"] for node in column["nodes"]][1:] == [
            "column:[https://data.example.org]files/all.zip#mail"
        ]


def test_what_croissant_says_beside_is_counted(tmp_path: Path) -> None:
    assert left_of("croissant", tmp_path) == {
        "fields that are not taken from a column": 1,
        "rai:dataBiases": 1,
    }
    [dataset] = [one for one in events_of("croissant", tmp_path)
                 if one["dataset"]["name"] == "orders"]  # fmt: skip
    assert dataset["eventTime"] == "2026-01-05T00:00:00.000Z"


@pytest.mark.parametrize(
    ("said", "declared"),
    [
        ("https://creativecommons.org/licenses/by-nc-sa/3.0/", "CC-BY-NC-SA-3.0"),
        ("https://spdx.org/licenses/Apache-2.0.html", "Apache-2.0"),
        ({"@type": "CreativeWork", "name": "MIT"}, "MIT"),
        ("cc-by-4.0", "CC-BY-4.0"),
        (["MIT", "https://example.org/terms"], "MIT AND NOASSERTION"),
        ("Ask us", "NOASSERTION"),
    ],
)
def test_licenses_are_named_by_spdx_where_they_can_be(said: Any, declared: str) -> None:
    document: Any = {**croissant(), "license": said}
    items = croissant_reader.read(document, "x", namespace="c", at=0, report=Report())
    *_, last = (json.loads(item.raw) for item in items)
    assert last["dataset"]["facets"]["tracehold_license"]["declared"] == declared


def test_a_page_that_a_query_names_is_named_by_the_dataset_and_origins_are_sources() -> None:
    origin = {"@type": "prov:Entity", "@id": "x", "prov:atLocation": "https://h.example.org/first"}
    document = {
        **croissant(),
        "url": "https://h.example.org/search?id=31",
        "distribution": [],
        "prov:wasDerivedFrom": [origin, {"@id": "unknown"}],
    }
    report = Report()
    [item] = croissant_reader.read(document, "x", namespace="c", at=0, report=report)
    dataset = json.loads(item.raw)["dataset"]
    assert (dataset["namespace"], dataset["name"]) == ("https://h.example.org", "orders")
    assert [one["name"] for one in dataset["facets"]["lineage"]["inputs"]] == ["first"]
    assert "origins without an address" in {one["what"] for one in report.as_list()}


def test_a_file_that_describes_no_dataset_is_refused() -> None:
    document: Any
    for document in ({"@type": "sc:Person"}, [], 1):
        with pytest.raises(NotThisFormat):
            list(croissant_reader.read(document, "x", namespace="c", at=0, report=Report()))
