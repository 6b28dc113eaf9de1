"""The standard OpenLineage facets of our steps, made with the official client's own classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "PRODUCER",
    "ColumnInput",
    "Tag",
    "column_lineage",
    "lifecycle",
    "ownership",
    "schema",
    "statistics",
    "storage",
    "symlinks",
    "tags",
    "version",
]

PRODUCER = "https://tracehold.dev/orchestration/1"
Facet = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ColumnInput:
    """A column that another column is made from.

    Attributes:
        namespace: Of the input dataset.
        name: Of the input dataset.
        field: The input column.
        subtype: ``IDENTITY`` or ``TRANSFORMATION`` for values that flow, ``JOIN`` for influence.
        masking: Whether values cannot be read from the result; None where nobody says.
        description: Which operator, in a word.
    """

    namespace: str
    name: str
    field: str
    subtype: Literal["IDENTITY", "TRANSFORMATION", "JOIN"] = "IDENTITY"
    masking: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A fact of ours, mirrored for catalogs that know only the standard."""

    key: str
    value: str
    field: str | None = None


def schema(fields: Sequence[Mapping[str, str]]) -> Facet:
    """``schema`` from name and type (and description) of every column."""
    from openlineage.client.facet_v2 import schema_dataset as ol

    made = [
        ol.SchemaDatasetFacetFields(
            name=field["name"], type=field["type"], description=field.get("description")
        )
        for field in fields
    ]
    return {"schema": ol.SchemaDatasetFacet(fields=made, producer=PRODUCER)}


def version(text: str) -> Facet:
    """``version``: the content hash."""
    from openlineage.client.facet_v2 import dataset_version_dataset as ol

    return {"version": ol.DatasetVersionDatasetFacet(datasetVersion=text, producer=PRODUCER)}


def symlinks(path: str, kind: str = "LOCATION") -> Facet:
    """``symlinks`` from a governed dataset to the file that holds it."""
    from openlineage.client.facet_v2 import symlinks_dataset as ol

    identifier = ol.Identifier(namespace="file", name=path, type=kind)
    return {"symlinks": ol.SymlinksDatasetFacet(identifiers=[identifier], producer=PRODUCER)}


def storage(layer: str, form: str) -> Facet:
    """``storage``: where and in which format."""
    from openlineage.client.facet_v2 import storage_dataset as ol

    made = ol.StorageDatasetFacet(storageLayer=layer, fileFormat=form, producer=PRODUCER)
    return {"storage": made}


def ownership(owner: str) -> Facet:
    """``ownership`` by one owner; nothing where there is none."""
    from openlineage.client.facet_v2 import ownership_dataset as ol

    if not owner:
        return {}
    owners = [ol.Owner(name=owner, type="OWNER")]
    return {"ownership": ol.OwnershipDatasetFacet(owners=owners, producer=PRODUCER)}


def tags(given: Iterable[Tag]) -> Facet:
    """``tags``; nothing where there are none."""
    from openlineage.client.facet_v2 import tags_dataset as ol

    made = [
        ol.TagsDatasetFacetFields(key=one.key, value=one.value, source="TRACEHOLD", field=one.field)
        for one in given
    ]
    return {"tags": ol.TagsDatasetFacet(tags=made, producer=PRODUCER)} if made else {}


def lifecycle(change: Literal["CREATE", "OVERWRITE"]) -> Facet:
    """``lifecycleStateChange``."""
    from openlineage.client.facet_v2 import lifecycle_state_change_dataset as ol

    made = ol.LifecycleStateChangeDatasetFacet(
        lifecycleStateChange=ol.LifecycleStateChange(change), producer=PRODUCER
    )
    return {"lifecycleStateChange": made}


def statistics(*, rows: int | None, size: int) -> Facet:
    """``outputStatistics``; ``size`` is in bytes."""
    from openlineage.client.facet_v2 import output_statistics_output_dataset as ol

    made = ol.OutputStatisticsOutputDatasetFacet(
        rowCount=rows, size=size, fileCount=1, producer=PRODUCER
    )
    return {"outputStatistics": made}


def column_lineage(
    columns: Mapping[str, Sequence[ColumnInput]], influences: Sequence[ColumnInput] = ()
) -> Facet:
    """``columnLineage``: per output column its inputs, and what influenced all of them."""
    from openlineage.client.facet_v2 import column_lineage_dataset as ol

    def field(one: ColumnInput) -> Any:
        how = ol.Transformation(
            type="INDIRECT" if one.subtype == "JOIN" else "DIRECT",
            subtype=one.subtype,
            description=one.description,
            masking=one.masking,
        )
        return ol.InputField(one.namespace, one.name, one.field, transformations=[how])

    facet = ol.ColumnLineageDatasetFacet(
        fields={
            name: ol.Fields(inputFields=[field(one) for one in inputs])
            for name, inputs in columns.items()
        },
        dataset=[field(one) for one in influences],
        producer=PRODUCER,
    )
    return {"columnLineage": facet}
