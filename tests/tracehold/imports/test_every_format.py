"""What holds for every import: valid events, the same twice, ranked last, no person in it."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from campaign import record
from dbt_samples import manifest
from import_samples import (
    ACCESS_HISTORY,
    DEPENDENCIES,
    croissant,
    datahub,
    mlflow_server,
    unity_rows,
)
from importing import FORMATS, estate_of, events_of
from rounds import rounds

from lineage.errors import TraceholdError
from lineage.openlineage.facets import IMPORTED
from lineage.openlineage.read import receive
from lineage.openlineage.scrub import LexicalScrubber
from tracehold.imports import croissant as croissant_reader
from tracehold.imports import datahub as datahub_reader
from tracehold.imports import dbt, mlflow, snowflake, unity
from tracehold.imports.events import Item
from tracehold.imports.report import Report

every_format = pytest.mark.parametrize("format_", sorted(FORMATS))
described = pytest.mark.parametrize("format_", sorted(FORMATS.keys() - {"openlineage"}))


@every_format
def test_events_are_valid_by_the_published_schemas(format_: str, tmp_path: Path) -> None:
    scrubber = LexicalScrubber()
    found = 0
    for item in FORMATS[format_](tmp_path, Report()):
        draft = receive(item.raw, actor="", scrubber=scrubber, max_bytes=1 << 20)
        assert json.loads(draft.body)["findings"] == [], item.where
        found += 1
    assert found


@every_format
def test_the_same_input_gives_the_same_bytes(format_: str, tmp_path: Path) -> None:
    once = [item.raw for item in FORMATS[format_](tmp_path / "a", Report())]
    again = [item.raw for item in FORMATS[format_](tmp_path / "a", Report())]
    assert once == again


@every_format
def test_importing_again_changes_nothing(format_: str, tmp_path: Path) -> None:
    with estate_of(tmp_path, format_) as estate:
        before = estate.digest(), estate.services.journal.head().size
        tally = estate.take(FORMATS[format_](tmp_path / format_, Report()))
        assert (tally.accepted, tally.duplicates) == (0, tally.events)
        assert (estate.digest(), estate.services.journal.head().size) == before


@described
def test_facets_say_that_they_were_imported(format_: str, tmp_path: Path) -> None:
    own = f"{IMPORTED}{format_}"

    def facets(part: Any) -> list[Any]:
        if isinstance(part, list):
            return [facet for one in part for facet in facets(one)]
        if not isinstance(part, dict):
            return []
        if "_schemaURL" in part:
            return [part]
        return [facet for one in part.values() for facet in facets(one)]

    made = [one for one in events_of(format_, tmp_path) if one["producer"] == own]
    assert made
    assert {facet["_producer"] for facet in facets(made)} == {own}


@described
def test_no_person_who_ran_something_and_no_value_of_a_row_is_taken(
    format_: str, tmp_path: Path
) -> None:
    text = json.dumps(events_of(format_, tmp_path))
    for value in ("jane", "JANE", "value 'x'"):
        assert value not in text


def test_what_a_producer_saw_beats_what_is_imported_and_the_import_is_shown(
    tmp_path: Path,
) -> None:
    ref = "dataset:[postgres://db:5432]shop.core.orders"
    with estate_of(tmp_path, "dbt") as estate:
        [(source, value)] = estate.value(ref, "ownership")
        assert (source, value) == ("import", {"owners": [{"name": "team-orders"}]})
        seen = {
            "eventType": "COMPLETE",
            "eventTime": "2025-01-01T00:00:00Z",
            "producer": "https://example.org/etl",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": "00000000-0000-4000-8000-000000000001"},
            "job": {"namespace": "etl", "name": "load"},
            "outputs": [
                {
                    "namespace": "postgres://db:5432",
                    "name": "shop.core.orders",
                    "facets": {
                        "ownership": {
                            "_producer": "https://example.org/etl",
                            "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/"
                            "OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet",
                            "owners": [{"name": "team-etl"}],
                        }
                    },
                }
            ],
        }
        estate.take([Item(json.dumps(seen).encode(), "")])
        found = estate.ask("dataset", ref=ref)["aspects"]["ownership"]
        assert [one["source"] for one in found] == ["facet"]
        assert found[0]["value"] == {"owners": [{"name": "team-etl"}]}
        assert "team-orders" in json.dumps(found[0])


_JUNK: list[Any] = [None, True, 0, -1.5, "", "x", "urn:li:dataset:(,)", [], {}, [None], {"a": None},
                    [[]], {"name": 1}, 10**30, "2026-13-40", {"nodes": "x"}]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(place for key, one in items for place in _places(one, (*path, key)))]


def _broken(value: Any, dice: random.Random) -> Any:
    """A copy of a document with something else in one to three of its places."""
    made = json.loads(json.dumps(value))
    for _ in range(dice.randint(1, 3)):
        place = dice.choice(_places(made)[1:] or [()])
        if not place:
            return deepcopy(dice.choice(_JUNK))
        inner = made
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = deepcopy(dice.choice(_JUNK))
    return made


def _read_dbt(document: Any, folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(document))
    artifacts = dbt.load([path])
    list(dbt.read(artifacts, namespace="pg", job_namespace="dbt", report=Report()))


def _read_datahub(document: Any, folder: Path) -> None:
    path = folder / "datahub.json"
    path.write_text(json.dumps(document))
    list(datahub_reader.read([path], platforms={}, job_namespace="", report=Report()))


def _read_unity(document: Any, folder: Path) -> None:
    path = folder / "lineage.json"
    path.write_text(json.dumps(document))
    list(unity.read([path], namespace="u", job_namespace="j", report=Report()))


def _read_snowflake(document: Any, folder: Path) -> None:
    path = folder / "history.json"
    path.write_text(json.dumps(document))
    list(snowflake.read([path], namespace="s", job_namespace="j", at=0, report=Report()))


def _read_croissant(document: Any, _: Path) -> None:
    list(croissant_reader.read(document, "x", namespace="croissant", at=0, report=Report()))


def _read_mlflow(document: Any, _: Path) -> None:
    runs = [one for one in document if isinstance(one, dict)] if isinstance(document, list) else []
    tracking = mlflow.Tracking({"1": "churn"}, runs, [])
    list(mlflow.read(tracking, namespace="mlflow", report=Report()))


def _mlflow_runs() -> Any:
    answer = mlflow_server("runs/search", {}, {"experiment_ids": ["1"], "page_token": "x"})
    return msgspec.to_builtins(answer["runs"])


@pytest.mark.parametrize(
    ("sample", "reader"),
    [
        (manifest, _read_dbt),
        (datahub, _read_datahub),
        (croissant, _read_croissant),
        (_mlflow_runs, _read_mlflow),
        (unity_rows, _read_unity),
        (lambda: ACCESS_HISTORY + DEPENDENCIES, _read_snowflake),
    ],
    ids=["dbt", "datahub", "croissant", "mlflow", "unity-catalog", "snowflake"],
)
@pytest.mark.campaign
def test_a_document_with_anything_in_any_place_is_read_or_refused(
    sample: Any, reader: Any, tmp_path: Path
) -> None:
    dice = random.Random(5)
    tried, faults = rounds(usual=300, campaign=20_000), []
    for _ in range(tried):
        document = _broken(sample(), dice)
        try:
            reader(document, tmp_path)
        except TraceholdError:
            continue
        except Exception as error:  # noqa: BLE001 - the document is what a person needs
            faults.append(f"{type(error).__name__}: {error} for {json.dumps(document)}")
    record("Broken exports imported", tried=tried, failed=len(faults), unit="documents")
    assert not faults, faults[0]
