"""Gates: assets that ask a Tracehold server before they run, and checks that ask for a dataset."""

from __future__ import annotations

from tracehold_dagster.gates.checks import (
    license_check,
    pii_check,
    purpose_check,
    retention_check,
    schema_contract_check,
    verdict_check,
)
from tracehold_dagster.gates.guard import Passed, guarded, passed
from tracehold_dagster.gates.quality import (
    Rule,
    in_range,
    not_null,
    one_of,
    quality_checks,
    row_count,
    unique,
)

__all__ = [
    "Passed",
    "Rule",
    "guarded",
    "in_range",
    "license_check",
    "not_null",
    "one_of",
    "passed",
    "pii_check",
    "purpose_check",
    "quality_checks",
    "retention_check",
    "row_count",
    "schema_contract_check",
    "unique",
    "verdict_check",
]
