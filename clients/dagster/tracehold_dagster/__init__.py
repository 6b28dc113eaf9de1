"""Lineage and gates of a Dagster project, for a Tracehold server.

Names are imported when they are first used, so that what needs no Dagster (``records``,
``translate``) is there without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tracehold_dagster.version import __version__ as __version__

if TYPE_CHECKING:
    from tracehold_dagster.component import TraceholdLineageComponent
    from tracehold_dagster.gates import (
        guarded,
        license_check,
        pii_check,
        purpose_check,
        quality_checks,
        retention_check,
        schema_contract_check,
        verdict_check,
    )
    from tracehold_dagster.lineage import lineage_for
    from tracehold_dagster.records import Asset, AssetGraph, Record, Run
    from tracehold_dagster.translate import Carried, Naming, translate

_HOMES = {
    "Asset": "records",
    "AssetGraph": "records",
    "Record": "records",
    "Run": "records",
    "TraceholdLineageComponent": "component",
    "guarded": "gates",
    "license_check": "gates",
    "pii_check": "gates",
    "purpose_check": "gates",
    "quality_checks": "gates",
    "retention_check": "gates",
    "schema_contract_check": "gates",
    "verdict_check": "gates",
    "lineage_for": "lineage",
    "Carried": "translate",
    "Naming": "translate",
    "translate": "translate",
}

__all__ = [
    "Asset",
    "AssetGraph",
    "Carried",
    "Naming",
    "Record",
    "Run",
    "TraceholdLineageComponent",
    "guarded",
    "license_check",
    "lineage_for",
    "pii_check",
    "purpose_check",
    "quality_checks",
    "retention_check",
    "schema_contract_check",
    "translate",
    "verdict_check",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
