"""Datasets with versions, as a pipeline reports them, and questions of the gate ``use``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from tracehold_world import Api

from catalog.facets import license_facet, terms_facet
from lineage.clock import format_millis
from lineage.facts import Json

__all__ = ["NOON", "ask_use", "assertions", "found", "report", "schema", "tokens", "wrote"]

NOON = 1_771_934_400_000
"""A moment before the clock of the workspaces under test."""
_MINUTE = 60_000
_HEAD = {"_producer": "https://example.org/test", "_schemaURL": "https://example.org/f.json"}


def tokens(api: Api) -> str:
    """The token of a pipeline."""
    return api.token("pipeline")


def assertions(**results: bool | str) -> dict[str, Json]:
    """Rule → whether it holds; ``warn`` for a failed warning."""
    said = [
        {
            "assertion": name,
            "success": result is True,
            "severity": "warn" if result == "warn" else "error",
        }
        for name, result in results.items()
    ]
    return {"dataQualityAssertions": {**_HEAD, "assertions": said}}


def schema(**columns: str) -> dict[str, Json]:
    """Column → type."""
    fields = [{"name": name, "type": kind} for name, kind in columns.items()]
    return {"schema": {**_HEAD, "fields": fields}}


def found(version: str, **columns: str) -> dict[str, Json]:
    """A scan of a version: column → entity that is confirmed there, or empty."""
    said = {
        name: {"tier": "confirmed" if entity else "none", "entity": entity}
        for name, entity in columns.items()
    }
    scan = {"engine": "t", "configDigest": "d", "rows": 1, "scannedVersion": version}
    return {"tracehold_pii": {**_HEAD, **scan, "columns": said}}


def wrote(
    name: str,
    version: str,
    *,
    minute: int = 0,
    inputs: Sequence[tuple[str, str]] = (),
    license: str | None = "CC0-1.0",  # noqa: A002 - the word of the domain
    purposes: Sequence[str] = (),
    facets: Mapping[str, Json] | None = None,
) -> dict[str, Any]:
    """The COMPLETE event of a run that wrote a version of a dataset.

    Args:
        name: Of the dataset.
        version: Written.
        minute: After ``NOON``.
        inputs: Names and versions of what was read.
        license: Declared; None for none.
        purposes: Declared.
        facets: More of the dataset.
    """
    said = {"version": {**_HEAD, "datasetVersion": version}, **(facets or {})}
    if license is not None:
        said["tracehold_license"] = license_facet(license)
    if purposes:
        said["tracehold_terms"] = terms_facet(purposes=purposes)
    read = [
        {
            "namespace": "shop",
            "name": one,
            "facets": {"version": {**_HEAD, "datasetVersion": which}} if which else {},
        }
        for one, which in inputs
    ]
    return {
        "eventType": "COMPLETE",
        "eventTime": format_millis(NOON + minute * _MINUTE),
        "producer": "https://example.org/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid5(NAMESPACE_OID, f"{name} {version} {minute}"))},
        "job": {"namespace": "shop", "name": f"make_{name}"},
        "inputs": read,
        "outputs": [{"namespace": "shop", "name": name, "facets": said}],
    }


def report(api: Api, *events: Mapping[str, Any]) -> None:
    """Send events, which must be taken."""
    for event in events:
        answer = api.send("POST", "/api/v1/lineage", token=tokens(api), json=event)
        assert answer.status_code == 201, answer.text


def ask_use(
    api: Api,
    *gates: str,
    data: str = "orders",
    version: str = "v1",
    more: Mapping[str, Any] | None = None,
    **said: Any,
) -> Any:
    """What the gate says of one input, or of ``said['inputs']``."""
    body = {
        "namespace": "shop",
        "name": "report",
        "inputs": [{"namespace": "shop", "name": data, "version": version, **(more or {})}],
        "gates": gates,
        **said,
    }
    return api.send("POST", "/api/v1/gates/use", token=tokens(api), json=body).json()
