"""Facets of the catalog: what is written fits the published schema and is read back as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from catalog_world import NS, START, World, data, model
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from catalog.annotate import annotator
from catalog.events import LicenseConcluded
from catalog.facets import (
    FACETS,
    legal_basis_facet,
    license_facet,
    mirrored_tags,
    model_facet,
    provenance_facet,
    quality_gate_facet,
    terms_facet,
    training_facet,
)
from catalog.queries import dataset_rows, model_rows

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "facets"
FACET = {
    "type": "object",
    "properties": {"_producer": {"type": "string"}, "_schemaURL": {"type": "string"}},
    "required": ["_producer", "_schemaURL"],
}
OPENLINEAGE = {
    "$id": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {"DatasetFacet": FACET, "InputDatasetFacet": FACET},
}
SHA = "ab" * 32

FULL: dict[str, dict[str, Any]] = {
    "tracehold_license": license_facet(
        "CC-BY-4.0", concluded="CC0-1.0", url="https://example.org", attribution="Us"
    ),
    "tracehold_provenance": provenance_facet(
        "file:///x.csv", sha256=SHA, bytes_=0, rows=0, fetched_at="2026-01-01T00:00:00Z",
        method="feeds", collected_from="2025-01-01", collected_to="2025-12-31", supplier="them",
        owner="team:data",
    ),
    "tracehold_terms": terms_facet(
        purposes=["dpv:Marketing"], region="DE", write_mode="overwrite", protected=["sex"],
        sensitivity="restricted",
    ),
    "tracehold_legalBasis": legal_basis_facet("eu-gdpr:A6-1-a", "eu-gdpr:A9-2-a"),
    "tracehold_model": model_facet(
        "m", "1", content_sha256=SHA, framework="scikit-learn 1.7", code_sha256=SHA,
        params_sha256=SHA, purpose="train-for-release", intended_use="Guess", waivers=["w1"],
        metrics={"roc_auc": 0.7},
    ),
    "tracehold_qualityGate": quality_gate_facet(
        "checks", "waived", checks=3, failed=1, waiver="w1"
    ),
    "tracehold_training": training_facet("train", version="v1", subset="2013", dataset="dataset:x"),
}  # fmt: skip
BARE: dict[str, dict[str, Any]] = {
    "tracehold_license": license_facet("MIT"),
    "tracehold_provenance": provenance_facet("s3://b/k"),
    "tracehold_terms": terms_facet(),
    "tracehold_legalBasis": legal_basis_facet("not-personal"),
    "tracehold_model": model_facet("m", "1"),
    "tracehold_qualityGate": quality_gate_facet("checks", "passed"),
    "tracehold_training": training_facet(),
}


def validator(facet: dict[str, Any]) -> Draft202012Validator:
    url, _, pointer = facet["_schemaURL"].partition("#")
    schema = json.loads((SCHEMAS / url.rpartition("/")[2]).read_text())
    assert schema["$id"] == url
    registry = Registry().with_resources(
        (one["$id"], Resource.from_contents(one)) for one in (schema, OPENLINEAGE)
    )
    return Draft202012Validator({"$ref": f"{url}#{pointer}"}, registry=registry)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("key", sorted(FULL))
def test_full_and_bare_facets_fit_the_published_schema(key: str) -> None:
    for facet in (FULL[key], BARE[key]):
        validator(facet).validate(facet)
    required = {"_producer", "_schemaURL"}
    assert required <= set(BARE[key])


@pytest.mark.parametrize("key", sorted(FULL))
def test_the_schema_names_every_member_that_is_written(key: str) -> None:
    schema = validator(FULL[key]).schema
    name = schema["$ref"].rpartition("/")[2]
    document = json.loads((SCHEMAS / f"{name}.json").read_text())
    properties = document["$defs"][name]["allOf"][1]["properties"]
    written = {one for one, said in properties.items() if not said.get("deprecated")}
    assert written == set(FULL[key]) - {"_producer", "_schemaURL"}
    assert key in document["properties"]


def test_every_reader_has_a_schema_and_every_facet_a_reader() -> None:
    assert {reader.facet for reader in FACETS} == set(FULL)


def test_what_is_sent_is_what_the_state_holds(world: World) -> None:
    described = data(
        "set",
        tracehold_license=FULL["tracehold_license"],
        tracehold_provenance=FULL["tracehold_provenance"],
        tracehold_terms=FULL["tracehold_terms"],
        tracehold_legalBasis=FULL["tracehold_legalBasis"],
    )
    described["inputFacets"] = {"tracehold_training": FULL["tracehold_training"]}
    world.emit("train", [described], [model(tracehold_model=FULL["tracehold_model"])])
    key, made = world.key("set"), world.model_key("m", "1")
    aspects = world.state.aspects([key, made], [reader.aspect for reader in FACETS])
    for facet, aspect, at in (
        ("tracehold_license", "license", key),
        ("tracehold_provenance", "provenance", key),
        ("tracehold_terms", "terms", key),
        ("tracehold_legalBasis", "legal_basis", key),
        ("tracehold_training", "training", key),
        ("tracehold_model", "model", made),
    ):
        (value,) = aspects[at][aspect]
        plain = {k: v for k, v in FULL[facet].items() if not k.startswith("_")}
        assert value.value == plain
    assert aspects[key]["terms"][0].source == "manifest"


def test_a_legal_basis_among_the_terms_is_read_until_the_facet_of_its_own_says_more(
    world: World,
) -> None:
    earlier = {**terms_facet(write_mode="append"), "legal_basis": "eu-gdpr:A6-1-f"}
    key = world.key("set")

    def held() -> tuple[list[str], list[object]]:
        (value,) = world.state.aspects([key], ["legal_basis"])[key]["legal_basis"]
        return value.value["bases"], [said for _, said in value.losers]

    world.emit("write", [], [data("set", tracehold_terms=earlier)], -3)
    assert held() == (["eu-gdpr:A6-1-f"], [])
    assert "legal_basis" not in world.state.aspects([key], ["terms"])[key]["terms"][0].value
    own = legal_basis_facet("eu-gdpr:A6-1-a")
    world.emit("write", [], [data("set", tracehold_terms=earlier, tracehold_legalBasis=own)], -2)
    assert held() == (["eu-gdpr:A6-1-a"], [{"bases": ["eu-gdpr:A6-1-f"]}])
    later = {"tracehold_terms": terms_facet(), "tracehold_legalBasis": own}
    world.emit("write", [], [data("set", **later)], -1)
    assert held() == (["eu-gdpr:A6-1-a"], [])


def test_gates_are_held_by_name_and_shown(world: World) -> None:
    world.emit("write", [], [data("set", tracehold_qualityGate=FULL["tracehold_qualityGate"])])
    key = world.key("set")
    (value,) = world.state.aspects([key], ["gate"])[key]["gate"]
    held = {"outcome": "waived", "checks": 3, "failed": 1, "waiver": "w1"}
    assert (value.slot, value.value) == ("checks", held)
    node = world.state.node(key)
    assert node is not None
    assert annotator(world.state, [node], value.time)[key]["gates"] == ["checks waived"]


def test_malformed_facets_of_others_are_not_believed(world: World) -> None:
    bad = {"_producer": "x", "_schemaURL": "y"}
    world.emit(
        "train",
        [data("a", tracehold_license={**bad, "declared": 7})],
        [
            data(
                "b",
                tracehold_terms={**bad, "purposes": "dpv:Marketing", "write_mode": "sometimes"},
                tracehold_legalBasis={**bad, "bases": "eu-gdpr:A6-1-a"},
            )
        ],
    )
    aspects = world.state.aspects(
        [world.key("a"), world.key("b")], ["license", "terms", "legal_basis"]
    )
    assert "license" not in aspects.get(world.key("a"), {})
    assert aspects[world.key("b")]["terms"][0].value == {"write_mode": "unknown"}
    assert "legal_basis" not in aspects[world.key("b")]


def test_a_trace_shows_license_purposes_owner_hash_and_waivers(world: World) -> None:
    ownership = {
        "_producer": "x",
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/OwnershipDatasetFacet.json",
        "owners": [{"name": "team:data", "type": "OWNER"}],
    }
    described = data(
        "set",
        ownership=ownership,
        tracehold_license=license_facet("CC-BY-4.0"),
        tracehold_provenance=FULL["tracehold_provenance"],
        tracehold_terms=FULL["tracehold_terms"],
        tracehold_legalBasis=FULL["tracehold_legalBasis"],
    )
    world.emit("train", [described], [model(tracehold_model=FULL["tracehold_model"])])
    world.waive("license/non-commercial")
    keys = [world.key("set"), world.model_key("m", "1")]
    nodes = [node for node in map(world.state.node, keys) if node is not None]
    notes = annotator(world.state, nodes, START)
    assert notes[keys[0]] == {
        "license": "CC-BY-4.0",
        "purposes": ["dpv:Marketing"],
        "legal_basis": "eu-gdpr:A6-1-a, eu-gdpr:A9-2-a",
        "owner": "team:data",
        "sha256": SHA[:12],
    }
    assert notes[keys[1]] == {"sha256": SHA[:12], "waivers": ["w1 (license/non-commercial)"]}
    world.record(LicenseConcluded(f"dataset:[{NS}]set", "CC0-1.0", "read it"))
    notes = annotator(world.state, nodes, START)
    assert notes[keys[0]]["license"] == "CC0-1.0 (concluded)"


def test_listings_show_what_is_known_and_leave_the_rest_empty(world: World) -> None:
    described = data("set", "MIT", tracehold_provenance=FULL["tracehold_provenance"])
    world.emit("train", [described, data("bare")], [model(tracehold_model=FULL["tracehold_model"])])
    world.waive()
    rows = {row.name: row for row in dataset_rows(world.state)}
    assert (rows["set"].license, rows["set"].basis) == ("MIT", "declared")
    assert rows["set"].source == "file:///x.csv"
    assert (rows["bare"].license, rows["bare"].owner, rows["bare"].quality) == ("", "", "")
    (made,) = model_rows(world.state, as_of=START)
    assert (made.ref, made.framework, made.waivers) == ("model:m@1", "scikit-learn 1.7", ("w1",))
    assert json.loads(json.dumps([made.as_dict(), rows["set"].as_dict()]))


def test_the_graph_shows_licenses_purposes_and_regions(world: World) -> None:
    described = data(
        "set",
        tracehold_license=license_facet("MIT OR CC-BY-4.0"),
        tracehold_terms=FULL["tracehold_terms"],
    )
    world.emit("train", [described], [model()])
    edges = world.state.graph.neighbors(
        world.key("set"), edge_types=["LICENSED_UNDER", "USED_FOR", "STORED_AT"]
    )
    found = {
        (edge.type, world.state.graph.nodes([edge.dst])[edge.dst].props["name"]) for edge in edges
    }
    assert found == {
        ("LICENSED_UNDER", "MIT"),
        ("LICENSED_UNDER", "CC-BY-4.0"),
        ("USED_FOR", "dpv:Marketing"),
        ("STORED_AT", "DE"),
    }


def test_tags_mirror_the_facets_for_other_catalogs() -> None:
    tags = mirrored_tags(
        license="MIT", purposes=["dpv:Marketing"], retention_class="short", protected=["sex"]
    )
    assert tags == [
        {"key": "license", "value": "MIT", "source": "TRACEHOLD"},
        {"key": "purpose", "value": "dpv:Marketing", "source": "TRACEHOLD"},
        {"key": "retention", "value": "short", "source": "TRACEHOLD"},
        {"key": "protected", "value": "true", "source": "TRACEHOLD", "field": "sex"},
    ]
