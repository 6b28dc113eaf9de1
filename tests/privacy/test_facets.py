"""Facets of privacy: what is written fits the published schema and is read back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from privacy.deidentify import Rule, apply
from privacy.facets import (
    FACETS,
    deidentification_facet,
    erasure_facet,
    pii_facet,
    retention_facet,
)
from privacy.scan import scan_report

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "facets"
NOTES = ["a@example.com and DE89370400440532013000", "x"]
TABLE = pa.table({"mail": ["a@example.com", "b@example.com"], "note": NOTES, "n": [1, 2]})

OPENLINEAGE = {
    "$id": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "DatasetFacet": {
            "type": "object",
            "properties": {
                "_producer": {"type": "string", "format": "uri"},
                "_schemaURL": {"type": "string", "format": "uri"},
            },
            "required": ["_producer", "_schemaURL"],
        }
    },
}
"""The part of the specification that custom facets of datasets refer to."""


def facets() -> dict[str, dict[str, Any]]:
    _, records = apply(TABLE, [Rule("mail", "pseudonymize")], b"k" * 32, dataset="d")
    return {
        "tracehold_pii": pii_facet(scan_report(TABLE), version="v1"),
        "tracehold_retention": retention_facet("contracts", clock_start="2025-01-01", period="P3Y"),
        "tracehold_deidentification": deidentification_facet(records),
        "tracehold_erasure": erasure_facet("case-1", "0123456789abcdef"),
    }


def validator(facet: dict[str, Any]) -> Draft202012Validator:
    name = facet["_schemaURL"].rpartition("/")[2]
    schema = json.loads(
        (SCHEMAS / facet["_schemaURL"].split("#")[0].rpartition("/")[2]).read_text()
    )
    assert schema["$id"] == facet["_schemaURL"].split("#")[0]
    assert name in schema["$defs"]
    resource: Resource[Any] = Resource.from_contents(OPENLINEAGE)
    registry: Registry[Any] = Registry().with_resource(OPENLINEAGE["$id"], resource)  # type: ignore[arg-type]
    return Draft202012Validator(schema, registry=registry)


@pytest.mark.parametrize("key", sorted(facets()))
def test_a_facet_fits_its_published_schema(key: str) -> None:
    facet = facets()[key]
    validator(facet).validate({key: facet})


@pytest.mark.parametrize("key", sorted(facets()))
def test_the_schema_can_fail(key: str) -> None:
    facet = facets()[key]
    wrong = {k: v for k, v in facet.items() if k.startswith("_")}
    assert list(validator(facet).iter_errors({key: wrong}))


def test_what_is_written_is_read_back() -> None:
    readers = {(reader.facet, reader.aspect): reader for reader in FACETS}
    written = facets()

    def read(facet: str, aspect: str) -> Any:
        function = readers[facet, aspect].read
        assert function is not None
        return function(written[facet])

    pii = read("tracehold_pii", "pii")
    assert pii["mail"]["entity"] == "EMAIL_ADDRESS"
    assert [one["entity"] for one in pii["note"]["also"]] == ["IBAN_CODE"]
    assert pii["n"]["tier"] == "none"
    assert read("tracehold_pii", "scan")["scanned_version"] == "v1"
    assert read("tracehold_retention", "retention")["class"] == "contracts"
    assert read("tracehold_deidentification", "deidentification")["mail"]["pseudonymous"] is True
    assert read("tracehold_erasure", "erasure") == {
        "case": "case-1",
        "certificate": "0123456789abcdef",
    }


@pytest.mark.parametrize("reader", FACETS, ids=lambda r: f"{r.facet}-{r.aspect}")
@pytest.mark.parametrize(
    "strange", [{}, {"columns": None}, {"columns": [1]}, {"columns": {"a": 3}}, {"case": None}]
)
def test_a_strange_facet_is_read_without_a_fault(reader: Any, strange: dict[str, Any]) -> None:
    value = reader.read(strange)
    assert value is None or isinstance(value, dict)


def test_no_value_is_in_a_facet() -> None:
    text = json.dumps(facets())
    assert "example.com" not in text
    assert "DE8937" not in text
