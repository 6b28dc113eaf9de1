"""A policy: every manifest of a workspace, what is wrong with them, and one digest over all."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from catalog.errors import BadManifest
from catalog.licenses.terms import ContractTerms, LicenseTerms
from catalog.manifests.datasets import Dataset
from catalog.manifests.document import Listing, Tree
from catalog.manifests.document import Mapping as Fields
from catalog.manifests.models import Model
from catalog.manifests.problems import Problem
from catalog.manifests.retention import RetentionClass

__all__ = ["Place", "Policy"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a manifest is written.

    Attributes:
        file: Path relative to the workspace.
        tree: The document, to find the line of a field.
    """

    file: str
    tree: Fields

    def problem(self, path: tuple[str | int, ...], what: str, fix: str) -> Problem:
        """A problem at a field: names and positions from the document down."""
        line, field_path = self.tree.line, ""
        node: Tree = self.tree
        for step in path:
            if isinstance(node, Fields) and isinstance(step, str):
                field_path = f"{field_path}.{step}" if field_path else step
                if step not in node.items:
                    break
                line, node = node.lines[step], node.items[step]
            elif isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
                field_path, node = f"{field_path}[{step}]", node.items[step]
                line = node.line
        return Problem(self.file, line, field_path, what, fix)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the manifests of a workspace say.

    Attributes:
        root: The workspace.
        datasets: By name.
        retention_classes: By name.
        models: By ``NAME@VERSION``.
        licenses: Terms of own contracts by ``LicenseRef-`` id.
        digest: SHA-256 over the content of all manifests; comments, order and files do not matter.
        problems: What is wrong in single manifests; see ``check`` for what lies between them.
        places: Where a manifest is written, by kind and name, for example ``dataset:bookings``.
    """

    root: Path
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    retention_classes: Mapping[str, RetentionClass] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    licenses: Mapping[str, ContractTerms] = field(default_factory=dict)
    digest: str = ""
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)

    def own_terms(self, today: dt.date) -> dict[str, LicenseTerms]:
        """Terms of own contracts as they stand on a day, by id."""
        return {name: one.as_terms(today) for name, one in self.licenses.items()}

    def dataset(self, name: str) -> Dataset:
        """The manifest of a dataset.

        Raises:
            BadManifest: There is none.
        """
        try:
            return self.datasets[name]
        except KeyError:
            raise BadManifest(
                f"no manifest names the dataset {name!r}",
                where=str(self.root / "manifests"),
                advice="a source without record is refused; write its manifest",
            ) from None

    def model(self, name: str, version: str) -> Model | None:
        """The manifest of a version of a model, or None."""
        return self.models.get(f"{name}@{version}")


def digest_of(*kinds: Mapping[str, msgspec.Struct]) -> str:
    """SHA-256 over manifests, hexadecimal."""
    plain = [{name: kind[name] for name in sorted(kind)} for kind in kinds]
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()
