"""Manifests that a new workspace starts with: one retention class, and examples to uncomment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["SAMPLES"]

_RETENTION: Final = """\
# Retention classes: when the clock starts, how long, and what happens then.
# Fields: docs/reference/manifests.md. Periods are data with a source, never code.
kind: retention
name: three_years
description: Kept for three years after the end of the collection
clock_start: collection_end
period: P3Y
action: review
legal_basis: GDPR Art. 5(1)(e), storage limitation
source: https://eur-lex.europa.eu/eli/reg/2016/679/oj
review_by: 2028-01-31
"""

_DATASETS: Final = """\
# One manifest per dataset; several documents in a file are divided by ---.
# Take away the # before the lines, put a file at sources/orders.csv, then: tracehold check
#
# kind: dataset
# name: orders
# title: Orders of the web shop
# stage: source
# owner: team:shop
# source: {path: sources/orders.csv, format: csv}
# collection:
#   method: primary-user-source
#   from: 2025-01-01
#   to: 2025-12-31
#   supplier: our own web shop
# license: LicenseRef-first-party
# personal: true
# purposes: [dpv:ServiceProvision]
# legal_basis: eu-gdpr:A6-1-b
# region: DE
# write_mode: overwrite
# retention: three_years
# columns: {order_id: string, email: string, amount: float64, returned: int64}
# quality:
#   - {rule: unique, column: order_id}
#   - {rule: range, column: amount, min: 0}
# ---
# kind: dataset
# name: orders_clean
# stage: deidentified
# owner: team:shop
# write_mode: overwrite
# retention: three_years
# deidentify:
#   from: orders
#   columns:
#     email: {operator: pseudonymize}
# ---
# kind: dataset
# name: returns_training
# stage: training_set
# owner: team:shop
# write_mode: overwrite
# retention: three_years
# join:
#   base: orders_clean
#   columns: [amount, returned]
# ---
# kind: license
# id: LicenseRef-first-party
# name: Our own data
# supplier: we ourselves
# use: any
# derivatives: "yes"
# training: allowed
# source: where the agreement is filed
# review_by: 2028-01-31
"""

_MODELS: Final = """\
# One manifest per version of a model.
#
# kind: model
# name: returns
# version: "1"
# owner: team:shop
# intended_use: Estimate how many orders come back; not for decisions on a person
# training_set: returns_training
# target: returned
# features: [amount]
# use: train-internal
# on_erasure: retrain
"""

SAMPLES: Final[Mapping[str, str]] = {
    "retention/standard.yaml": _RETENTION,
    "datasets/example.yaml": _DATASETS,
    "models/example.yaml": _MODELS,
}
"""Path below ``manifests`` → text."""
