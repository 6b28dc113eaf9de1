"""Writing OpenLineage events (2-0-2) of an import: deterministic ids, deterministic bytes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.openlineage.facets import IMPORTED
from tracehold.imports.naming import Name

__all__ = ["Column", "Event", "Facets", "Item", "Writer"]

Facets = dict[str, Json]
Event = dict[str, Json]
Column = tuple[Name, str]
"""A column: of which dataset, which field."""

_SPEC: Final = "https://openlineage.io/spec"
_CORE: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/"
_STANDARD: Final[Mapping[str, tuple[str, str]]] = {
    "columnLineage": ("1-2-0", "ColumnLineageDatasetFacet"),
    "dataQualityAssertions": ("1-0-1", "DataQualityAssertionsDatasetFacet"),
    "dataSource": ("1-0-1", "DatasourceDatasetFacet"),
    "datasetType": ("1-0-1", "DatasetTypeDatasetFacet"),
    "documentation": ("1-1-0", "DocumentationDatasetFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "externalQuery": ("1-0-2", "ExternalQueryRunFacet"),
    "inputStatistics": ("1-0-0", "InputStatisticsInputDatasetFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "lifecycleStateChange": ("1-0-1", "LifecycleStateChangeDatasetFacet"),
    "lineage": ("1-0-0", "LineageDatasetFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "ownership": ("1-0-1", "OwnershipDatasetFacet"),
    "parent": ("1-2-0", "ParentRunFacet"),
    "processing_engine": ("1-1-1", "ProcessingEngineRunFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "sourceCodeLocation": ("1-1-0", "SourceCodeLocationJobFacet"),
    "sql": ("1-1-0", "SQLJobFacet"),
    "symlinks": ("1-0-1", "SymlinksDatasetFacet"),
    "tags": ("1-0-0", "TagsDatasetFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
}
"""Key of a facet → version and name of its schema."""

_RUNS: Final = uuid.UUID("6f1f7d3e-6a0b-5a7e-9a36-0d5f3c0f9a11")
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Item:
    """One event on its way in.

    Attributes:
        raw: Its bytes.
        where: The file and line, or the id, that it comes from.
    """

    raw: bytes
    where: str


class Writer:
    """Writes the events of one origin."""

    def __init__(self, origin: str) -> None:
        """``origin`` names the format in ``_producer``: ``dbt``, ``snowflake`` …."""
        self.origin = origin
        self.producer = f"{IMPORTED}{origin}"

    # Events

    def run_id(self, *parts: str) -> str:
        """A UUID (RFC 9562 §5.5) of what identifies a run at its origin."""
        return str(uuid.uuid5(_RUNS, "\0".join((self.origin, *parts))))

    def dataset_event(self, at: int, dataset: Mapping[str, Json], where: str) -> Item:
        """What is known of a dataset; ``at`` is in epoch milliseconds."""
        return self._item("DatasetEvent", at, where, dataset=dataset)

    def job_event(
        self,
        at: int,
        job: Mapping[str, Json],
        where: str,
        *,
        inputs: Sequence[Mapping[str, Json]] = (),
        outputs: Sequence[Mapping[str, Json]] = (),
    ) -> Item:
        """How a job is wired; ``at`` is in epoch milliseconds."""
        return self._item(
            "JobEvent", at, where, job=job, inputs=list(inputs), outputs=list(outputs)
        )

    def run_event(
        self,
        state: Literal["START", "COMPLETE", "FAIL", "ABORT", "OTHER"],
        at: int,
        run: Mapping[str, Json],
        job: Mapping[str, Json],
        where: str,
        *,
        inputs: Sequence[Mapping[str, Json]] = (),
        outputs: Sequence[Mapping[str, Json]] = (),
    ) -> Item:
        """What happened to a run; ``at`` is in epoch milliseconds."""
        return self._item(
            "RunEvent", at, where,
            eventType=state, run=run, job=job, inputs=list(inputs), outputs=list(outputs),
        )  # fmt: skip

    def _item(self, kind: str, at: int, where: str, **members: Json) -> Item:
        event: Event = {
            "eventTime": format_millis(at),
            "producer": self.producer,
            "schemaURL": f"{_CORE}{kind}",
            **members,
        }
        return Item(_encode(event), where)

    def named(self, name: Name, facets: Facets | None = None, **own: Facets) -> dict[str, Json]:
        """A job or dataset with its facets; ``own`` are ``inputFacets`` or ``outputFacets``."""
        part: dict[str, Json] = {"namespace": name.namespace, "name": name.name}
        if facets:
            part["facets"] = facets
        part.update({member: given for member, given in own.items() if given})
        return part

    # Facets

    def facet(self, key: str, /, **members: Json) -> Facets:
        """A standard facet under its key; members that are None are left out."""
        version, name = _STANDARD[key]
        said = {member: value for member, value in members.items() if value is not None}
        url = f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"
        return {key: {"_producer": self.producer, "_schemaURL": url, **said}}

    def schema(self, fields: Iterable[tuple[str, str, str]]) -> Facets:
        """``schema`` from name, type and description of every column; nothing without any."""
        made = [
            {"name": name, **({"type": type_} if type_ else {}),
             **({"description": text} if text else {})}
            for name, type_, text in fields
        ]  # fmt: skip
        return self.facet("schema", fields=made) if made else {}

    def documentation(self, text: Json) -> Facets:
        """``documentation``; nothing without a text."""
        said = text.strip() if isinstance(text, str) else ""
        return self.facet("documentation", description=said) if said else {}

    def ownership(self, owners: Iterable[tuple[str, str]]) -> Facets:
        """``ownership`` from names and types of owners; nothing without any."""
        made = [
            {"name": name, **({"type": type_} if type_ else {})}
            for name, type_ in dict.fromkeys(owners)
            if name
        ]
        return self.facet("ownership", owners=made) if made else {}

    def tags(self, tags: Iterable[tuple[str, str, str]]) -> Facets:
        """``tags`` from key, value and field (empty for the whole dataset); nothing without any."""
        source = self.origin.upper()
        made = [
            {"key": key, "value": value, "source": source, **({"field": field} if field else {})}
            for key, value, field in dict.fromkeys(tags)
        ]
        return self.facet("tags", tags=made) if made else {}

    def columns(
        self, columns: Mapping[str, Iterable[Column]], sources: Iterable[Name] = ()
    ) -> Facets:
        """``columnLineage``: per column what it is made from, and tables that flow in as a whole.

        How a value reaches a column is not said: that stays unknown.
        """
        fields = {
            own: {
                "inputFields": [
                    {"namespace": source.namespace, "name": source.name, "field": field}
                    for source, field in sorted(set(found))
                ]
            }
            for own, found in columns.items()
        }
        whole = [
            {"namespace": source.namespace, "name": source.name, "field": ""}
            for source in sorted(set(sources))
        ]
        if not whole:
            return self.facet("columnLineage", fields=fields) if fields else {}
        return self.facet("columnLineage", fields=fields, dataset=whole)

    def lineage(
        self,
        sources: Iterable[Name],
        columns: Mapping[str, Iterable[Column]] | None = None,
        influences: Iterable[Name] = (),
    ) -> Facets:
        """``lineage`` of a dataset: exactly what it comes from.

        Args:
            sources: Datasets whose data is in it.
            columns: Per column what it is made from.
            influences: Datasets that decided about rows, and whose values are not in it.
        """

        def one(source: Name, field: str = "") -> dict[str, Json]:
            more = {"field": field} if field else {}
            return {"type": "DATASET", "namespace": source.namespace, "name": source.name, **more}

        direct = set(sources)
        made = [one(source) for source in sorted(direct)]
        made += [
            {**one(source), "transformations": [{"type": "INDIRECT"}]}
            for source in sorted(set(influences) - direct)
        ]
        fields = {
            own: {"inputs": [one(*column) for column in sorted(set(found))]}
            for own, found in sorted((columns or {}).items())
        }
        return self.facet("lineage", inputs=made, fields=fields or None)

    @staticmethod
    def of_job(facets: Facets) -> Facets:
        """Documentation, ownership and tags as they stand on a job: another schema each."""
        return {
            key: {**facet, "_schemaURL": facet["_schemaURL"].replace("DatasetFacet", "JobFacet")}
            for key, facet in facets.items()
        }

    def job_type(self, integration: str, kind: str) -> Facets:
        """``jobType`` of a batch job."""
        return self.facet("jobType", processingType="BATCH", integration=integration, jobType=kind)

    @staticmethod
    def digest(value: Any) -> str:
        """Twelve hexadecimal digits that stand for a JSON value."""
        return hashlib.sha256(_encode(value)).hexdigest()[:12]
