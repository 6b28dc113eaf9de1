"""Which changes the manifests declare to break readers."""

from __future__ import annotations

from collections.abc import Collection

from lineage.errors import InvalidInput
from lineage.refs import DatasetRef, ModelRef, parse_ref
from lineage.trace.breaking import Break, Declared, Kind, breaks
from lineage.trace.diff import Difference
from tracehold.services import Services

__all__ = ["breaking", "declared"]


def breaking(services: Services, found: Difference) -> tuple[Break, ...]:
    """The breaking ones among the changes of a difference."""
    return breaks(found.changes, declared(services), found.after.ref)


def declared(services: Services) -> Declared:
    """What the manifests say: of a dataset, and for a model of the set it is trained on."""
    policy, workspace = services.policy(), services.settings.workspace.name

    def kinds(text: str) -> Collection[Kind]:
        try:
            ref = parse_ref(text)
        except InvalidInput:
            return ()
        name = ""
        if isinstance(ref, ModelRef):
            model = policy.models.get(f"{ref.name}@{ref.version}")
            name = model.training_set if model is not None else ""
        elif isinstance(ref, DatasetRef) and ref.namespace == workspace:
            name = ref.name
        dataset = policy.datasets.get(name)
        return () if dataset is None else dataset.breaking

    return kinds
