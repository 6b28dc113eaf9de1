"""The manifest of a dataset (``kind: dataset``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from catalog.manifests.codes import Method
from catalog.quality_rules import ColumnType, Rule
from lineage.facts import Json

__all__ = [
    "Collection",
    "Dataset",
    "Deidentify",
    "Join",
    "Lookup",
    "Measure",
    "Name",
    "SourceFile",
    "Transform",
]

Name = Annotated[
    str,
    msgspec.Meta(
        pattern="^[A-Za-z_][A-Za-z0-9_]{0,127}$",
        description="letters, digits and underscores",
    ),
]
Region = Annotated[
    str,
    msgspec.Meta(
        pattern="^([A-Z]{2}(-[A-Z0-9]{1,3})?|EEA)$",
        description="an ISO 3166 code such as DE or US-NY, EU, or EEA",
    ),
]


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closed: a field that nobody knows is a mistake."""


class SourceFile(_Manifest, frozen=True, kw_only=True):
    """Where a dataset comes from; exactly one of ``path`` and ``uri``.

    Attributes:
        path: File below the workspace's ``sources`` or ``data`` folder.
        uri: Address that fsspec knows, for example ``s3://bucket/bookings.parquet``.
        format: Of the file.
    """

    path: str | None = None
    uri: str | None = None
    format: Literal["csv", "parquet"]

    @property
    def location(self) -> str:
        """Path or address."""
        return self.path or self.uri or ""


class Collection(_Manifest, frozen=True, kw_only=True):
    """How, when and by whom the data were collected (EU AI Act, Art. 10(2)(b)).

    Attributes:
        method: Generation method of the OASIS Data Provenance Standard.
        collected_from: First day, written ``from``.
        collected_to: Last day, written ``to``.
        supplier: Who supplied them.
        geography: Where they were collected, in words.
    """

    method: Method
    collected_from: dt.date = msgspec.field(name="from")
    collected_to: dt.date = msgspec.field(name="to")
    supplier: str
    geography: str = ""


class Measure(_Manifest, frozen=True, kw_only=True):
    """A de-identification measure on one column.

    Attributes:
        operator: What is done.
        length: Characters of a pseudonym, 8 to 43.
        keep: Last characters that a mask keeps.
        to: ``year``, ``month`` or ``day`` that a date is generalized to.
        width: Width that a number is generalized to.
    """

    operator: Literal["pseudonymize", "redact", "mask", "generalize", "drop"]
    length: int | None = None
    keep: int | None = None
    to: Literal["year", "month", "day"] | None = None
    width: float | None = None

    @property
    def parameters(self) -> Mapping[str, Json]:
        """Parameters that were given."""
        given = {"length": self.length, "keep": self.keep, "to": self.to, "width": self.width}
        return {name: value for name, value in given.items() if value is not None}


class Deidentify(_Manifest, frozen=True, kw_only=True):
    """How a de-identified dataset is made.

    Attributes:
        dataset: The dataset it is made from, written ``from``.
        columns: Column → measure; other columns are kept as they are.
    """

    dataset: Name = msgspec.field(name="from")
    columns: dict[str, Measure]


class Lookup(_Manifest, frozen=True, kw_only=True):
    """A dataset that is looked up for every row of a join.

    Attributes:
        dataset: Its name.
        on: Columns that both sides have; unique together on the side looked up.
        columns: What to take from it.
    """

    dataset: Name
    on: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    columns: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Join(_Manifest, frozen=True, kw_only=True):
    """A left join; without lookups it selects columns.

    Attributes:
        base: The dataset whose rows are kept.
        lookups: One after the other; a later one may use columns that an earlier one brought.
        columns: What is kept, in this order; everything where it is empty.
    """

    base: Name
    lookups: tuple[Lookup, ...] = ()
    columns: tuple[str, ...] = ()


class Transform(_Manifest, frozen=True, kw_only=True):
    """A function of the workspace that makes a dataset.

    Attributes:
        function: ``transforms:NAME``, a function of the workspace's ``transforms.py``. It takes a
            mapping of dataset name to Arrow table and returns an Arrow table.
        inputs: Datasets that it reads.
    """

    function: Annotated[
        str,
        msgspec.Meta(
            pattern="^[a-z_][a-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$",
            description="MODULE:FUNCTION, for example transforms:training_v1",
        ),
    ]
    inputs: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]


class Dataset(_Manifest, frozen=True, kw_only=True):
    """The record of a dataset.

    A source must say where it comes from, who owns it, how it was collected, its license, purposes,
    legal basis and retention class: a source without record is refused (REQ-13, REQ-15). Derived
    datasets inherit what follows from their inputs.

    Attributes:
        name: Name of the dataset in this workspace.
        title: One line for people.
        description: What it holds.
        stage: ``source`` comes from outside; ``deidentified`` and ``training_set`` are made here.
        owner: Who answers for it: a team or a role, not a person's name.
        source: Where a source comes from.
        collection: How a source was collected.
        license: SPDX license expression that the supplier declares, or a ``LicenseRef-`` of a
            ``kind: license`` manifest.
        license_url: Where the license text stands.
        attribution: The credit line that the license asks for.
        personal: Whether it is declared to hold personal data.
        purposes: What it may be used for, as DPV codes.
        legal_basis: For example ``eu-gdpr:A6-1-b``, or ``not-personal``.
        region: Where it is kept.
        write_mode: Whether a new version replaces the one before or adds to it; unknown counts as
            append.
        retention: Name of its retention class.
        protected: Columns with protected attributes.
        restricted: Whether only who has a grant may look at it.
        columns: Column → type; columns beyond these are kept as found.
        quality: Rules that every version is held to.
        breaking: Changes that break whoever reads it, for ``tracehold diff --breaking``: a column
            ``drop``, ``rename`` or ``retype``, a lost ``source``.
        deidentify: How a ``deidentified`` dataset is made.
        join: How a ``training_set`` is made, declared.
        python: How a ``training_set`` is made, by a function.
    """

    name: Name
    title: str = ""
    description: str = ""
    stage: Literal["source", "deidentified", "training_set"]
    owner: str
    source: SourceFile | None = None
    collection: Collection | None = None
    license: str | None = None
    license_url: str = ""
    attribution: str = ""
    personal: bool = False
    purposes: tuple[str, ...] = ()
    legal_basis: str | None = None
    region: Region | None = None
    write_mode: Literal["append", "overwrite", "unknown"] = "unknown"
    retention: str
    protected: tuple[str, ...] = ()
    restricted: bool = False
    columns: dict[str, ColumnType] = {}
    quality: tuple[Rule, ...] = ()
    breaking: tuple[Literal["drop", "rename", "retype", "source"], ...] = ()
    deidentify: Deidentify | None = None
    join: Join | None = None
    python: Transform | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the datasets it is made from, in order, each once."""
        names: list[str] = []
        if self.deidentify is not None:
            names.append(self.deidentify.dataset)
        if self.join is not None:
            names += [self.join.base, *(one.dataset for one in self.join.lookups)]
        if self.python is not None:
            names += self.python.inputs
        return tuple(dict.fromkeys(names))
