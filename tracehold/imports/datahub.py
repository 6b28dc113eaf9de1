"""DataHub: the file that its ``file`` sink writes, of change proposals (MCP) and events (MCE).

Aspects of one entity are brought together first; of an aspect that comes more than once the newest
counts, as DataHub itself has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from lineage.facts import Json
from tracehold.imports.datahub_urns import (
    Places,
    dataset,
    field_path,
    job,
    last,
    schema_field,
)
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.events import Column, Facets, Item, Writer
from tracehold.imports.files import files, objects
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name
from tracehold.imports.report import Report
from tracehold.imports.values import listed, members, parts, text

__all__ = ["ENDINGS", "read"]

ENDINGS: Final = (".json", ".jsonl", ".ndjson")

_DATASET: Final = frozenset(
    {
        "schemaMetadata", "editableSchemaMetadata", "datasetProperties", "ownership", "globalTags",
        "editableDatasetProperties", "glossaryTerms", "upstreamLineage", "subTypes",
        "datasetProfile", "status", "datasetKey", "dataPlatformInstance",
    }
)  # fmt: skip
_JOB: Final = frozenset(
    {"dataJobInfo", "dataJobInputOutput", "dataJobKey", "ownership", "globalTags", "status"}
)
_UNMAPPED: Final = "it has no counterpart here"

Aspects = dict[str, tuple[int, Mapping[str, Json]]]
"""Aspects of one entity: when it was said, and what."""


def read(
    paths: Iterable[Path], *, platforms: Mapping[str, str], job_namespace: str, report: Report
) -> Iterator[Item]:
    """The events of an export.

    Args:
        paths: Files, or folders of them.
        platforms: ``PLATFORM`` or ``PLATFORM/INSTANCE`` to the namespace that OpenLineage uses.
        job_namespace: Of jobs; empty for the name of their orchestrator.
        report: Told what is not mapped.

    Raises:
        NotThisFormat: An element is neither an MCP nor an MCE.
    """
    entities: dict[str, Aspects] = {}
    for path in files(paths, *ENDINGS):
        for where, element in objects(path):
            _gather(where, element, entities, report)
    reader = _Reader(Places(platforms, report), job_namespace, report)
    for urn in sorted(entities):
        yield from reader.entity(urn, entities[urn])


def _gather(
    where: str, element: Mapping[str, Json], entities: dict[str, Aspects], report: Report
) -> None:
    at = moment(members(element.get("systemMetadata")).get("lastObserved"))
    snapshot = element.get("proposedSnapshot")
    if isinstance(element.get("aspectName"), str) and isinstance(element.get("entityUrn"), str):
        if element.get("changeType", "UPSERT") not in ("UPSERT", "CREATE", "UPDATE", "RESTATE"):
            report.skip(f"changes of type {element['changeType']}", _UNMAPPED, where)
            return
        found = [(element["aspectName"], _value(element.get("aspect"), where))]
        urn = element["entityUrn"]
    elif isinstance(snapshot, dict):
        # An Avro union names its branch: one member, whose name ends in the type.
        body = next(iter(snapshot.values())) if len(snapshot) == 1 else snapshot
        urn = members(body).get("urn")
        found = [
            (_aspect_name(kind), value)
            for one in parts(members(body).get("aspects"))
            for kind, value in one.items()
        ]
    else:
        raise NotThisFormat(
            "an element is neither a change proposal nor a change event",
            where=where,
            advice="export with the sink of type file: datahub ingest -c recipe.yml",
        )
    if not isinstance(urn, str):
        report.skip("elements without a URN", "they name no entity", where)
        return
    known = entities.setdefault(urn, {})
    for name, value in found:
        if isinstance(value, dict) and (name not in known or known[name][0] <= at):
            known[name] = (at, value)


def _value(aspect: Json, where: str) -> Json:
    if not isinstance(aspect, dict):
        return None
    if "json" in aspect:
        return aspect["json"]
    value = aspect.get("value")
    try:
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError):
        raise NotThisFormat("an aspect holds no JSON", where=where) from None


def _aspect_name(kind: str) -> str:
    name = kind.rpartition(".")[2]
    return name[:1].lower() + name[1:]


class _Reader:
    def __init__(self, places: Places, job_namespace: str, report: Report) -> None:
        self.places, self.job_namespace, self.report = places, job_namespace, report
        self.writer = Writer("datahub")

    def entity(self, urn: str, aspects: Aspects) -> Iterator[Item]:
        removed = aspects.get("status", (0, {}))[1].get("removed") is True
        kind = urn.removeprefix("urn:li:").partition(":")[0]
        if removed:
            self.report.skip(
                f"removed entities of kind {kind}", "removed from DataHub is not dropped", urn
            )
            return
        name = dataset(urn, self.places, urn)
        if name is not None:
            self.rest(aspects, _DATASET, urn)
            yield self.dataset(urn, name, aspects)
            return
        task = job(urn, self.job_namespace)
        if task is None:
            self.report.skip(f"entities of kind {kind}", _UNMAPPED, urn)
            return
        self.rest(aspects, _JOB, urn)
        yield self.job(urn, task, aspects)

    def rest(self, aspects: Aspects, known: frozenset[str], urn: str) -> None:
        for name in sorted(aspects.keys() - known):
            self.report.skip(f"aspect {name}", _UNMAPPED, urn)

    def dataset(self, urn: str, name: Name, aspects: Aspects) -> Item:
        said = {aspect: value for aspect, (_, value) in aspects.items()}
        facets = self.described(said)
        custom = members(said.get("datasetProperties", {}).get("customProperties"))
        self.report.skip("customProperties", "what they mean is not said", urn, len(custom))
        facets |= self.lineage(urn, said.get("upstreamLineage", {}))
        own = self.profile(said.get("datasetProfile", {}), urn)
        at = _newest(aspects)
        return self.writer.dataset_event(at, self.writer.named(name, facets, inputFacets=own), urn)

    def described(self, said: Mapping[str, Mapping[str, Json]]) -> Facets:
        edited = said.get("editableDatasetProperties", {}).get("description")
        own = said.get("datasetProperties", {}).get("description")
        facets = self.writer.documentation(edited or own)
        facets |= self.writer.ownership(self.owners(said.get("ownership", {})))
        fields = list(parts(said.get("schemaMetadata", {}).get("fields")))
        texts = {
            field_path(str(one.get("fieldPath"))): one
            for one in parts(said.get("editableSchemaMetadata", {}).get("editableSchemaFieldInfo"))
        }
        tags = list(_tags(said, ""))
        columns = []
        for one in fields:
            path = field_path(str(one.get("fieldPath")))
            said_of_it = texts.get(path, {}).get("description") or one.get("description")
            kind = text(one.get("nativeDataType"))
            columns.append((path, kind, text(said_of_it)))
            tags += _tags(one, path)
        for path, one in texts.items():
            tags += _tags(one, path)
        types = said.get("subTypes", {}).get("typeNames")
        if isinstance(types, list) and types and isinstance(types[0], str):
            facets |= self.writer.facet("datasetType", datasetType=types[0].upper())
        return facets | self.writer.schema(columns) | self.writer.tags(tags)

    def owners(self, aspect: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
        for one in parts(aspect.get("owners")):
            yield last(one.get("owner")), text(one.get("type"))

    def lineage(self, urn: str, aspect: Mapping[str, Json]) -> Facets:
        sources: set[Name] = set()
        for one in parts(aspect.get("upstreams")):
            name = dataset(one.get("dataset"), self.places, urn)
            if name is None:
                self.report.skip("upstreams that are no datasets", _UNMAPPED, urn)
            else:
                sources.add(name)
        columns = self.columns(urn, aspect)
        if not sources and not columns:
            return {}
        inside = {source for found in columns.values() for source, _ in found}
        return self.writer.lineage(sources | inside, columns)

    def columns(self, urn: str, aspect: Mapping[str, Json]) -> dict[str, set[Column]]:
        found: dict[str, set[Column]] = {}
        for one in parts(aspect.get("fineGrainedLineages")):
            sources = [schema_field(s, self.places, urn) for s in listed(one.get("upstreams"))]
            targets = [schema_field(t, self.places, urn) for t in listed(one.get("downstreams"))]
            if None in sources or None in targets:
                self.report.skip("column lineage of whole tables", "no column is named", urn)
            if one.get("transformOperation"):
                self.report.skip("transformOperation", "how a value is made is free text", urn)
            for target in targets:
                if target is not None:
                    known = found.setdefault(target[1], set())
                    known.update(source for source in sources if source is not None)
        return {own: sources for own, sources in found.items() if sources}

    def profile(self, aspect: Mapping[str, Json], urn: str) -> Facets:
        if aspect.get("fieldProfiles"):
            # They hold samples: values of rows.
            self.report.skip("fieldProfiles", "they hold values of rows", urn)
        rows, size = aspect.get("rowCount"), aspect.get("sizeInBytes")
        if not isinstance(rows, int) and not isinstance(size, int):
            return {}
        return self.writer.facet("inputStatistics", rowCount=rows, size=size)

    def job(self, urn: str, name: Name, aspects: Aspects) -> Item:
        said = {aspect: value for aspect, (_, value) in aspects.items()}
        moved = said.get("dataJobInputOutput", {})
        orchestrator = urn.partition("dataFlow:(")[2].partition(",")[0].upper()
        facets = self.writer.of_job(
            self.writer.documentation(said.get("dataJobInfo", {}).get("description"))
            | self.writer.ownership(self.owners(said.get("ownership", {})))
            | self.writer.tags(_tags(said, ""))
        )
        facets |= self.writer.job_type(orchestrator, "TASK")
        inputs = self.ports(urn, moved, "inputDatasets")
        outputs = self.ports(urn, moved, "outputDatasets")
        for member in ("inputDatajobs", "inputDatajobEdges"):
            self.report.skip(
                member, "an order of jobs moves no data", urn, len(listed(moved.get(member)))
            )
        job = self.writer.named(name, facets)
        return self.writer.job_event(_newest(aspects), job, urn, inputs=inputs, outputs=outputs)

    def ports(self, urn: str, moved: Mapping[str, Json], member: str) -> list[dict[str, Json]]:
        urns = listed(moved.get(member))
        edges = parts(moved.get(f"{member[:-1]}Edges"))
        urns = [*urns, *(edge.get("destinationUrn") for edge in edges)]
        names = {name for one in urns if (name := dataset(one, self.places, urn)) is not None}
        return [self.writer.named(name) for name in sorted(names)]


def _newest(aspects: Aspects) -> int:
    return max((at for at, _ in aspects.values()), default=0)


def _tags(part: Mapping[str, Json], field: str) -> Iterator[tuple[str, str, str]]:
    """Tags, and terms of the glossary, of a dataset or a column."""
    for aspect, member, key in (("globalTags", "tags", "tag"), ("glossaryTerms", "terms", "urn")):
        for one in parts(members(part.get(aspect)).get(member)):
            name = last(one.get(key))
            if name:
                yield (name, "true", field) if key == "tag" else ("term", name, field)
