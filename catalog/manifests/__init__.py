"""Policy as files: manifests of datasets, retention classes, models and own license terms."""

from __future__ import annotations

from catalog.manifests.checking import check
from catalog.manifests.datasets import Dataset, Join, Lookup, Measure
from catalog.manifests.loading import load
from catalog.manifests.models import Model
from catalog.manifests.policy import Policy
from catalog.manifests.problems import Problem
from catalog.manifests.retention import RetentionClass

__all__ = [
    "Dataset",
    "Join",
    "Lookup",
    "Measure",
    "Model",
    "Policy",
    "Problem",
    "RetentionClass",
    "check",
    "load",
]
