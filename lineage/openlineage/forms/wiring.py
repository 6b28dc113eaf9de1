"""The explicit lineage facet, and subset conditions."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from lineage.openlineage.forms.common import (
    Form,
    Name,
    Object,
    Text,
    Transformation,
    Uuid,
    both_or_none,
)


class DatasetSource(Name, frozen=True, tag_field="type", tag="DATASET"):
    """A dataset as a source."""

    field: Text = UNSET
    transformations: list[Transformation] | UnsetType = UNSET


class JobSource(Form, frozen=True, tag_field="type", tag="JOB"):
    """A job as a source."""

    namespace: Text = UNSET
    name: Text = UNSET
    run_id: Uuid | UnsetType = UNSET
    transformations: list[Transformation] | UnsetType = UNSET

    def __post_init__(self) -> None:
        both_or_none(self.namespace, self.name)


class FieldSources(Form, frozen=True):
    """The sources of one field."""

    inputs: list[DatasetSource | JobSource]


class DatasetTarget(Name, frozen=True, tag_field="type", tag="DATASET"):
    """A dataset and its sources."""

    inputs: list[DatasetSource | JobSource] | UnsetType = UNSET
    fields: dict[str, FieldSources] | UnsetType = UNSET


class JobTarget(Form, frozen=True, tag_field="type", tag="JOB"):
    """A job and its sources."""

    namespace: Text = UNSET
    name: Text = UNSET
    run_id: Uuid | UnsetType = UNSET
    inputs: list[DatasetSource | JobSource] | UnsetType = UNSET

    def __post_init__(self) -> None:
        both_or_none(self.namespace, self.name)


class DatasetLineage(Form, frozen=True):
    """``LineageDatasetFacet``."""

    inputs: list[DatasetSource | JobSource] | UnsetType = UNSET
    fields: dict[str, FieldSources] | UnsetType = UNSET


class JobLineage(Form, frozen=True):
    """``LineageJobFacet``."""

    entries: list[DatasetTarget | JobTarget]


class FieldOperand(Form, frozen=True, tag_field="type", tag="field"):
    """A field that is compared."""

    field: str


class LiteralOperand(Form, frozen=True, tag_field="type", tag="literal"):
    """A value that is compared with."""

    value: str


class Location(Form, frozen=True, tag_field="type", tag="location"):
    """Only these locations."""

    locations: list[str]


class Partition(Form, frozen=True):
    """One partition."""

    dimensions: Object
    identifier: Text = UNSET


class Partitions(Form, frozen=True, tag_field="type", tag="partition"):
    """Only these partitions."""

    partitions: list[Partition]


class Compare(Form, frozen=True, tag_field="type", tag="compare"):
    """Only where a comparison holds."""

    left: FieldOperand | LiteralOperand
    right: FieldOperand | LiteralOperand
    comparison: str


class Binary(Form, frozen=True, tag_field="type", tag="binary"):
    """Two conditions and what joins them."""

    left: Location | Partitions | Compare | Binary
    right: Location | Partitions | Compare | Binary
    operator: str


class InputSubset(Form, frozen=True):
    """``InputSubsetInputDatasetFacet``."""

    input_condition: Location | Partitions | Compare | Binary


class OutputSubset(Form, frozen=True):
    """``OutputSubsetOutputDatasetFacet``."""

    output_condition: Location | Partitions | Compare | Binary
