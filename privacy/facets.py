"""OpenLineage facets of ours about privacy: how they are written and how they are read.

Schemas: ``docs/reference/facets``. A facet object carries ``_producer`` and ``_schemaURL``, as the
OpenLineage specification asks of every custom facet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lineage.facts import FacetReader, Json
from privacy.findings import plain_finding

if TYPE_CHECKING:
    from privacy.deidentify import Record
    from privacy.scan.tables import Scan

__all__ = [
    "FACETS",
    "PRODUCER",
    "deidentification_facet",
    "erasure_facet",
    "pii_columns",
    "pii_facet",
    "retention_facet",
]

PRODUCER = "https://tracehold.dev/privacy"
_SCHEMA = "https://tracehold.dev/spec/facets/1-0-0/{name}.json#/$defs/{name}"


def _facet(name: str, producer: str, **fields: Json) -> dict[str, Json]:
    return {"_producer": producer, "_schemaURL": _SCHEMA.format(name=name), **fields}


def pii_columns(scan: Scan) -> dict[str, Json]:
    """Per column its first finding, the others under ``also``: the value of the ``pii`` aspect."""
    columns: dict[str, Json] = {}
    for finding in scan.findings:
        value = finding.as_dict()
        value["entity"] = value.pop("type")
        del value["column"]
        if finding.column in columns:
            columns[finding.column].setdefault("also", []).append(value)
        else:
            columns[finding.column] = value
    return columns


def pii_facet(scan: Scan, *, version: str = "", producer: str = PRODUCER) -> dict[str, Json]:
    """``tracehold_pii`` of an output dataset.

    Args:
        scan: What the scan found.
        version: The dataset version that was scanned.
        producer: URI of who says so.
    """
    return _facet(
        "PiiDatasetFacet",
        producer,
        engine=scan.engine,
        configDigest=scan.config_digest,
        rows=scan.rows,
        scannedVersion=version,
        columns=pii_columns(scan),
    )


def retention_facet(
    retention_class: str,
    *,
    clock_start: str = "",
    period: str = "",
    due: str = "",
    action: str = "delete",
    producer: str = PRODUCER,
) -> dict[str, Json]:
    """``tracehold_retention`` of a dataset.

    Args:
        retention_class: Name of the class in the workspace's policy.
        clock_start: ISO date from which the period runs; empty where it is not known yet.
        period: ISO 8601 period, for example ``P3Y``.
        due: ISO date of the first day on which deletion is due; empty where it is not known.
        action: ``delete`` or ``review``.
        producer: URI of who says so.
    """
    return _facet(
        "RetentionDatasetFacet",
        producer,
        retentionClass=retention_class,
        clockStart=clock_start,
        period=period,
        due=due,
        action=action,
    )


def deidentification_facet(
    records: Sequence[Record], *, producer: str = PRODUCER
) -> dict[str, Json]:
    """``tracehold_deidentification`` of the dataset that a de-identification step wrote."""
    columns = {record.column: record.as_dict() for record in records}
    return _facet("DeidentificationDatasetFacet", producer, columns=columns)


def erasure_facet(case: str, certificate: str, *, producer: str = PRODUCER) -> dict[str, Json]:
    """``tracehold_erasure`` of a dataset that was purged under a certificate."""
    return _facet("ErasureDatasetFacet", producer, case=case, certificate=certificate)


def _columns(facet: Mapping[str, Json]) -> Json:
    columns = facet.get("columns")
    if not isinstance(columns, dict):
        return None
    return {name: value for name, value in columns.items() if isinstance(value, dict)}


def _findings(facet: Mapping[str, Json]) -> Json:
    columns = _columns(facet)
    return columns and {name: plain_finding(value) for name, value in columns.items()}


def _scan(facet: Mapping[str, Json]) -> Json:
    if not isinstance(facet.get("columns"), dict):
        return None
    return {
        "engine": facet.get("engine", ""),
        "config_digest": facet.get("configDigest", ""),
        "rows": facet.get("rows"),
        "scanned_version": facet.get("scannedVersion", ""),
    }


def _retention(facet: Mapping[str, Json]) -> Json:
    name = facet.get("retentionClass")
    if not isinstance(name, str) or not name:
        return None
    texts = {"clock_start": "clockStart", "period": "period", "due": "due", "action": "action"}
    return {"class": name, **{ours: str(facet.get(wire) or "") for ours, wire in texts.items()}}


def _erasure(facet: Mapping[str, Json]) -> Json:
    return {name: str(facet.get(name) or "") for name in ("case", "certificate")}


FACETS: tuple[FacetReader, ...] = (
    FacetReader("tracehold_pii", "pii", varies=True, source="scan", read=_findings, slotted=True),
    FacetReader("tracehold_pii", "scan", varies=True, source="scan", read=_scan),
    FacetReader("tracehold_retention", "retention", varies=True, read=_retention),
    FacetReader(
        "tracehold_deidentification", "deidentification", varies=True, read=_columns, slotted=True
    ),
    FacetReader("tracehold_erasure", "erasure", varies=True, read=_erasure),
)
"""How the state reads them."""
