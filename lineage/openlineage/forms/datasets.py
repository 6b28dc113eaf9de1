"""Facets of datasets, of inputs and of outputs."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from lineage.openlineage.forms.common import (
    Count,
    Form,
    Measure,
    Name,
    Number,
    Outcome,
    Text,
    Time,
    Transformation,
    Uri,
)


class Field(msgspec.Struct, frozen=True):
    """A field, with the fields inside it."""

    name: str
    type: Text = UNSET
    description: Text = UNSET
    ordinal_position: Count = UNSET
    fields: list[Field] | UnsetType = UNSET


class Schema(Form, frozen=True):
    """``SchemaDatasetFacet``."""

    fields: list[Field] | UnsetType = UNSET


class InputField(Name, frozen=True):
    """A source field."""

    field: str
    transformations: list[Transformation] | UnsetType = UNSET


class InputFields(Form, frozen=True):
    """The sources of one field."""

    input_fields: list[InputField]
    transformation_description: Text = UNSET
    transformation_type: Text = UNSET


class ColumnLineage(Form, frozen=True):
    """``ColumnLineageDatasetFacet``."""

    fields: dict[str, InputFields]
    dataset: list[InputField] | UnsetType = UNSET


class DataSource(Form, frozen=True):
    """``DatasourceDatasetFacet``."""

    name: Text = UNSET
    uri: Uri | UnsetType = UNSET


class Version(Form, frozen=True):
    """``DatasetVersionDatasetFacet``."""

    dataset_version: str


class Storage(Form, frozen=True):
    """``StorageDatasetFacet``."""

    storage_layer: str
    file_format: Text = UNSET


class Identifier(Name, frozen=True):
    """Another name of a dataset."""

    type: str


class Symlinks(Form, frozen=True):
    """``SymlinksDatasetFacet``."""

    identifiers: list[Identifier] | UnsetType = UNSET


class Lifecycle(Form, frozen=True):
    """``LifecycleStateChangeDatasetFacet``."""

    lifecycle_state_change: Literal["ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"]
    previous_identifier: Name | UnsetType = UNSET


class DatasetType(Form, frozen=True):
    """``DatasetTypeDatasetFacet``."""

    dataset_type: str
    sub_type: Text = UNSET


class Level(Form, frozen=True):
    """One level of a hierarchy."""

    type: str
    name: str


class Hierarchy(Form, frozen=True):
    """``HierarchyDatasetFacet``."""

    hierarchy: list[Level]


class Catalog(Form, frozen=True):
    """``CatalogDatasetFacet``."""

    framework: str
    type: str
    name: str
    metadata_uri: Text = UNSET
    warehouse_uri: Text = UNSET
    source: Text = UNSET
    catalog_properties: dict[str, str] | UnsetType = UNSET


class ColumnMetrics(Form, frozen=True):
    """Figures of one column."""

    null_count: Count = UNSET
    distinct_count: Count = UNSET
    sum: Measure = UNSET
    count: Measure = UNSET
    min: Measure = UNSET
    max: Measure = UNSET
    quantiles: dict[str, Number] | UnsetType = UNSET


class Metrics(Form, frozen=True):
    """``DataQualityMetricsDatasetFacet``, ``DataQualityMetricsInputDatasetFacet``."""

    column_metrics: dict[str, ColumnMetrics]
    row_count: Count = UNSET
    bytes: Count = UNSET
    file_count: Count = UNSET
    last_updated: Time | UnsetType = UNSET


class Assertion(Outcome, frozen=True, kw_only=True):
    """One assertion and its outcome."""

    assertion: str
    success: bool
    column: Text = UNSET
    name: Text = UNSET


class Assertions(Form, frozen=True):
    """``DataQualityAssertionsDatasetFacet``."""

    assertions: list[Assertion]


class Statistics(Form, frozen=True):
    """``InputStatisticsInputDatasetFacet``, ``OutputStatisticsOutputDatasetFacet``."""

    row_count: Count = UNSET
    size: Count = UNSET
    file_count: Count = UNSET
