"""What the steps need to know of a workspace: one small record per asset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.joining import JoinOn

if TYPE_CHECKING:
    import pyarrow as pa

    from privacy.deidentify import Rule

__all__ = [
    "CheckOutcome",
    "DeidentifySpec",
    "Governed",
    "ModelSpec",
    "Place",
    "SourceSpec",
    "Spec",
    "TrainingSpec",
    "Version",
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a workspace keeps things.

    Attributes:
        name: The workspace's name; namespace of its datasets and jobs.
        root: The workspace.
        sources: Where local sources lie.
        data: The data root: governed copies, and nothing else.
        models: Model artifacts.
        keys: The keys folder.
    """

    name: str
    root: Path
    sources: Path
    data: Path
    models: Path
    keys: Path


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The result of one check of a dataset.

    Attributes:
        name: Name of the check; part of the asset's definition.
        passed: Whether it holds.
        description: Why not, in words without values.
        error: True where a failure must stop what comes after; False for a warning.
        column: The column concerned, or None for the whole dataset.
        expected: What was declared.
        actual: A count or share that was measured; never a value of a row.
    """

    name: str
    passed: bool
    description: str = ""
    error: bool = True
    column: str | None = None
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True, slots=True)
class Governed:
    """What every governed dataset has.

    Attributes:
        name: Name of the dataset and of the asset.
        description: One line.
        owner: Who answers for it.
        personal: Whether the manifest declares personal data.
        overwrite: Whether a new version takes the place of the one before.
        describe: Our facets that describe the dataset, given the ISO date of today.
        tags: Key, value and column that mirror them as standard tags.
        check_names: Names of the quality checks, in order.
        check: Evaluates the declared quality rules of a table.
    """

    name: str
    description: str = ""
    owner: str = ""
    personal: bool = False
    overwrite: bool = True
    describe: Callable[[str], Mapping[str, Any]] = lambda _today: {}
    tags: Sequence[tuple[str, str, str | None]] = ()
    check_names: Sequence[str] = ()
    check: Callable[[pa.Table], Sequence[CheckOutcome]] = lambda _table: ()


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A dataset that comes from outside.

    Attributes:
        governed: The dataset.
        location: Path below the roots, or an address that fsspec knows.
        form: ``csv`` or ``parquet``.
        columns: Declared name and type.
        provenance: Makes the provenance facet from URI, SHA-256, bytes, rows and the time fetched.
    """

    governed: Governed
    location: str
    form: str
    columns: Mapping[str, str]
    provenance: Callable[[str, str, int, int, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DeidentifySpec:
    """A dataset made from another by de-identification."""

    governed: Governed
    upstream: str
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """A training set: a join of governed datasets, or what a function makes of them.

    Attributes:
        governed: The dataset.
        upstreams: Every dataset read, each once.
        joins: Lookups, on the rows of the first upstream.
        columns: What is kept.
        function: ``MODULE:NAME`` of a function of the workspace, instead of the join.
        models: Name and version of the models that declare to train on it.
    """

    governed: Governed
    upstreams: Sequence[str]
    joins: Sequence[JoinOn] = ()
    columns: Sequence[str] = ()
    function: str = ""
    models: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One version of a model.

    Attributes:
        name: Of the model.
        version: Of the model.
        training_set: Dataset that it is trained on.
        target: Column to predict.
        features: Columns to learn from.
        seed: Of the split.
        purpose: What it is for.
        intended_use: In a sentence.
        owner: Who answers for it.
        describe: Our facets that describe the model, given the ISO date of today.
    """

    name: str
    version: str
    training_set: str
    target: str
    features: Sequence[str]
    seed: int = 0
    purpose: str = ""
    intended_use: str = ""
    owner: str = ""
    describe: Callable[[str], Mapping[str, Any]] = lambda _today: {}

    @property
    def asset(self) -> str:
        """Name of the asset; Dagster allows letters, digits and underscores."""
        safe = "".join(c if c.isalnum() else "_" for c in f"{self.name}_v{self.version}")
        return f"model_{safe}"


Spec = SourceSpec | DeidentifySpec | TrainingSpec | ModelSpec


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a governed dataset, as Dagster remembers it.

    Attributes:
        dataset: Name.
        sha256: Content hash of the governed copy.
        path: Of the copy, relative to the data root.
        rows: Count of rows.
    """

    dataset: str
    sha256: str
    path: str
    rows: int
