"""The table of facets is complete, and agrees with what is read."""

from __future__ import annotations

import json

import pytest
from facet_page import READERS
from services import corpus

from lineage.openlineage.fates import FATES, becomes
from lineage.openlineage.standard import FORMS
from lineage.state.shapes import _RUN_FACETS

REGISTRY = {
    "GcpComposerJobFacet", "GcpComposerRunFacet", "GcpDataprocRunFacet", "GcpLineageJobFacet",
    "IcebergCommitReportOutputDatasetFacet", "IcebergScanReportInputDatasetFacet",
}  # fmt: skip


def test_every_facet_of_the_specification_and_its_registry_has_a_fate_and_no_other() -> None:
    assert {fate.schema for fate in FATES} == set(FORMS) | REGISTRY
    places = [(fate.key, fate.on) for fate in FATES]
    assert len(places) == len(set(places))
    assert all(fate.why for fate in FATES)


def test_every_facet_that_is_read_is_named() -> None:
    read = {(reader.facet, reader.on) for reader in READERS if "_" not in reader.facet}
    assert read <= {(fate.key, fate.on) for fate in FATES}
    kept = {fate.key for fate in FATES if fate.on == "run" and "kept with the run" in fate.wired}
    assert kept == _RUN_FACETS


@pytest.mark.parametrize(
    ("key", "on", "said"),
    [
        ("schema", "dataset", "aspect `schema`"),
        ("dataQualityAssertions", "input", "aspect `assertions`"),
        ("dataQualityMetrics", "dataset", "kept"),
        ("columnLineage", "dataset", "edges `FEEDS_COLUMN`, `FEEDS`"),
        ("hierarchy", "dataset", "kept"),
    ],
)
def test_what_a_facet_becomes_follows_from_the_readers(key: str, on: str, said: str) -> None:
    (fate,) = [one for one in FATES if (one.key, one.on) == (key, on)]
    assert becomes(fate, READERS) == said


@pytest.mark.corpus
def test_keys_are_those_of_the_published_schemas() -> None:
    folder = corpus()
    assert folder is not None
    published = {}
    for path in (folder / "spec" / "spec").glob("**/*Facet.json"):
        schema = json.loads(path.read_bytes())
        (key,) = schema["properties"]
        named = [name for name in schema["$defs"] if name.endswith("Facet")]
        published |= {name: key for name in named if not name.startswith("BaseSubset")}
    assert {fate.schema: fate.key for fate in FATES}.items() <= published.items()
