"""dbt artifacts: ``manifest.json`` of any version, with ``catalog.json`` and ``run_results.json``.

Jobs and tables are named as dbt-ol names them, so that history joins what it reports from now on:
``DATABASE.SCHEMA.PROJECT.MODEL`` for the job, ``DATABASE.SCHEMA.ALIAS`` for the table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from lineage.errors import InvalidInput
from lineage.facts import Json
from tracehold.imports.dbt_nodes import (
    TABLES,
    describe,
    fields_of,
    job_name,
    owners_of,
    relation,
)
from tracehold.imports.dbt_results import Known, command_of, results
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.events import Facets, Item, Writer
from tracehold.imports.files import document
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name
from tracehold.imports.report import Report
from tracehold.imports.values import members, text, texts

__all__ = ["Artifacts", "load", "read"]

NEWEST: Final = 12
"""The newest version of the manifest that this reader was written for."""
_KIND: Final = re.compile(r".*/dbt/(manifest|catalog|run-results)/v(\d+)\.json")
_NAMES: Final = ("manifest.json", "catalog.json", "run_results.json")
_NODES: Final = (
    ("model", "an ephemeral model has no table: who reads it reads its sources"),
    ("analysis", "an analysis is compiled and never run"),
    ("operation", "a hook has no table"),
    ("sql_operation", "a hook has no table"),
)
_MEMBERS: Final = (
    ("metrics", "a metric is a formula over tables and holds no data"),
    ("semantic_models", "they describe tables for queries and hold no data"),
    ("saved_queries", "a saved query holds no data until it is exported"),
    ("unit_tests", "they test code with made-up rows and say nothing of the data"),
    ("macros", "code of the project: the code of each model is what counts"),
    ("disabled", "the project does not run them"),
)


@dataclass(slots=True)
class Artifacts:
    """The files of one dbt project.

    Attributes:
        manifest: ``manifest.json``.
        where: Its path.
        catalog: ``catalog.json``; empty where there is none.
        runs: Every ``run_results.json`` that was given.
    """

    manifest: Mapping[str, Json]
    where: str
    catalog: Mapping[str, Json] = field(default_factory=dict)
    runs: list[Mapping[str, Json]] = field(default_factory=list)


def load(paths: Iterable[Path]) -> Artifacts:
    """Read the artifacts that files and target folders hold; each is known by what it says it is.

    Raises:
        InvalidInput: There is no manifest among them, or there are two.
        NotThisFormat: A file is no artifact of dbt.
    """
    manifest: tuple[Mapping[str, Json], str] | None = None
    catalog: Mapping[str, Json] = {}
    runs: list[Mapping[str, Json]] = []
    for path in _found(paths):
        artifact = document(path)
        metadata = members(members(artifact).get("metadata"))
        kind = _KIND.fullmatch(text(metadata.get("dbt_schema_version")))
        if kind is None:
            raise NotThisFormat(
                "the file is no artifact of dbt",
                where=str(path),
                advice="give the target folder, or its manifest.json; made by dbt 0.19 or later",
            )
        if kind[1] == "run-results":
            runs.append(artifact)
        elif kind[1] == "catalog":
            catalog = artifact
        elif manifest is not None:
            raise InvalidInput(
                "there are two manifests", where=str(path), advice="import one project at a time"
            )
        else:
            manifest = artifact, str(path)
    if manifest is None:
        raise InvalidInput(
            "there is no manifest.json among the files",
            advice="dbt writes it into target/ with every command: dbt parse, dbt run, dbt build",
        )
    return Artifacts(*manifest, catalog, runs)


def _found(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = [path / name for name in _NAMES if (path / name).is_file()]
        if not inside:
            raise InvalidInput(
                "the folder holds no artifacts of dbt",
                where=str(path),
                advice="give the target folder of the project",
            )
        yield from inside


def read(
    artifacts: Artifacts, *, namespace: str, job_namespace: str, report: Report
) -> Iterator[Item]:
    """The events of a project: its sources, models, seeds, snapshots, exposures, and their runs.

    Args:
        artifacts: From ``load``.
        namespace: Of the tables, as OpenLineage names the warehouse; empty where the adapter alone
            decides it (BigQuery).
        job_namespace: Of the jobs; what ``OPENLINEAGE_NAMESPACE`` is for dbt-ol.
        report: Told what is not mapped.

    Raises:
        InvalidInput: The namespace of the tables is not known.
    """
    project = _Project(artifacts, namespace, job_namespace, report)
    yield from project.sources()
    yield from project.tables()
    yield from project.exposures()
    known = Known(
        project.nodes, project.names, project.inputs, project.called, project.name, job_namespace
    )
    for run in artifacts.runs:
        yield from results(run, known, project.writer, report)
    project.rest(known.tested)


class _Project:
    def __init__(
        self, artifacts: Artifacts, namespace: str, job_namespace: str, report: Report
    ) -> None:
        manifest, metadata = artifacts.manifest, artifacts.manifest["metadata"]
        version = _KIND.fullmatch(metadata["dbt_schema_version"])
        if version is not None and int(version[2]) > NEWEST:
            report.skip(
                f"what is new in version {version[2]} of the manifest",
                f"this release knows versions 1 to {NEWEST}, and read what they have in common",
                artifacts.where,
            )
        self.manifest, self.where, self.report = manifest, artifacts.where, report
        self.writer = Writer("dbt")
        self.nodes = {**_section(manifest, "nodes"), **_section(manifest, "sources")}
        self.described = {
            **_section(artifacts.catalog, "nodes"),
            **_section(artifacts.catalog, "sources"),
        }
        self.groups = _section(manifest, "groups")
        self.adapter = text(metadata.get("adapter_type"))
        self.namespace = namespace or _alone(self.adapter, artifacts.where)
        self.job_namespace = job_namespace
        self.built = "build" in {command_of(run) for run in artifacts.runs}
        self.name = text(metadata.get("project_name")) or _project_of(self.nodes)
        self.at = moment(metadata.get("generated_at"))
        self.names = {
            uid: name
            for uid, node in self.nodes.items()
            if (name := relation(node, self.namespace)) is not None
        }

    def inputs(self, uid: str, seen: frozenset[str] = frozenset()) -> list[Name]:
        """The tables that a node reads; through ephemeral models, which have none."""
        found: dict[Name, None] = {}
        depends = members(self.nodes.get(uid, {}).get("depends_on"))
        for parent in texts(depends.get("nodes")):
            if parent in self.names:
                found[self.names[parent]] = None
            elif parent in self.nodes and parent not in seen:
                found.update(dict.fromkeys(self.inputs(parent, seen | {uid})))
        return list(found)

    def sources(self) -> Iterator[Item]:
        for uid, node in self.nodes.items():
            if node.get("resource_type") == "source" and uid in self.names:
                dataset = self.writer.named(self.names[uid], self.facets(uid, node))
                yield self.writer.dataset_event(self.at, dataset, uid)

    def tables(self) -> Iterator[Item]:
        for uid, node in self.nodes.items():
            kind = text(node.get("resource_type"))
            if kind not in TABLES or uid not in self.names:
                continue
            facets = self.writer.job_type("DBT", kind.upper())
            sql = text(node.get("compiled_code")) or text(node.get("compiled_sql"))
            if sql:
                facets |= self.writer.facet("sql", query=sql, dialect=self.adapter or None)
            elif kind == "model":
                self.report.skip(
                    "code of models that are not compiled",
                    "the manifest has templates only; dbt compile writes the SQL into it",
                    uid,
                )
            job = self.writer.named(Name(self.job_namespace, self.job(node, uid)), facets)
            output = self.writer.named(
                self.names[uid], self.facets(uid, node), outputFacets=self.statistics(uid)
            )
            inputs = [self.writer.named(name) for name in self.inputs(uid)]
            yield self.writer.job_event(self.at, job, uid, inputs=inputs, outputs=[output])

    def job(self, node: Mapping[str, Json], uid: str) -> str:
        return job_name(node, uid, built=self.built)

    def facets(self, uid: str, node: Mapping[str, Json]) -> Facets:
        """What manifest and catalog say of one table."""
        facets = self.writer.schema(fields_of(node, self.described.get(uid, {})))
        facets |= describe(
            node, self.writer, self.groups, self.report, uid, called=partial(self.called, uid)
        )
        # dbt-ol names a source as the project calls it, the warehouse by its identifier.
        called = relation({**node, "identifier": ""}, self.namespace)
        if called is not None and called != self.names[uid]:
            other = {"namespace": called.namespace, "name": called.name, "type": "TABLE"}
            facets |= self.writer.facet("symlinks", identifiers=[other])
        return facets

    def called(self, uid: str, column: str) -> str:
        """What the warehouse calls a column: some write all names in capitals."""
        known = members(self.described.get(uid, {}).get("columns"))
        if column in known or not known:
            return column
        lowered = column.lower()
        return next((name for name in known if name.lower() == lowered), column)

    def statistics(self, uid: str) -> Facets:
        stats = self.described.get(uid, {}).get("stats")
        rows = _figure(stats, "num_rows", "row_count", "rows")
        size = _figure(stats, "num_bytes", "bytes")
        if rows is None and size is None:
            return {}
        return self.writer.facet("outputStatistics", rowCount=rows, size=size)

    def exposures(self) -> Iterator[Item]:
        for uid, node in _section(self.manifest, "exposures").items():
            self.nodes[uid] = node
            name = Name(self.job_namespace, uid)
            facets = self.writer.facet(
                "datasetType", datasetType=(text(node.get("type")) or "exposure").upper()
            )
            facets |= describe(node, self.writer, {}, self.report, uid)
            if "ownership" not in facets:
                facets |= self.writer.ownership(owners_of(node.get("owner")))
            job = self.writer.named(name, self.writer.job_type("DBT", "EXPOSURE"))
            inputs = [self.writer.named(source) for source in self.inputs(uid)]
            output = self.writer.named(name, facets)
            yield self.writer.job_event(self.at, job, uid, inputs=inputs, outputs=[output])

    def rest(self, tested: Collection[str]) -> None:
        """Name what stands in the manifest and was not mapped."""
        kinds: dict[str, list[str]] = {}
        for uid, node in self.nodes.items():
            if uid not in self.names and uid not in tested:
                kinds.setdefault(text(node.get("resource_type")), []).append(uid)
        for kind, why in _NODES:
            found = kinds.get(kind, [""])
            self.report.skip(f"nodes of kind {kind}", why, found[0], len(kinds.get(kind, [])))
        tests = kinds.get("test", [])
        self.report.skip(
            "tests without a result", "give run_results.json of dbt test or dbt build",
            tests[0] if tests else "", len(tests),
        )  # fmt: skip
        for member, why in _MEMBERS:
            held = self.manifest.get(member)
            count = len(held) if isinstance(held, (dict, list)) else 0
            self.report.skip(member, why, self.where, count)


def _section(artifact: Mapping[str, Json], member: str) -> dict[str, dict[str, Json]]:
    held = members(artifact.get(member))
    return {uid: node for uid, node in held.items() if isinstance(node, dict)}


def _alone(adapter: str, where: str) -> str:
    if adapter == "bigquery":
        return "bigquery"
    raise InvalidInput(
        "the manifest does not say where the tables are",
        where=where,
        advice=f"give --namespace as OpenLineage names it, {_EXAMPLES.get(adapter, _OTHERS)}",
    )


_OTHERS: Final = "for example postgres://HOST:PORT"
_EXAMPLES: Final = {
    "snowflake": "snowflake://ORGANIZATION-ACCOUNT",
    "redshift": "redshift://CLUSTER.REGION:PORT",
    "databricks": "databricks://HOST",
    "duckdb": "duckdb:///PATH/TO/FILE.duckdb",
    "spark": "spark://HOST:PORT",
    "trino": "trino://HOST:PORT",
    "athena": "awsathena://athena.REGION.amazonaws.com",
    "glue": "arn:aws:glue:REGION:ACCOUNT",
}


def _project_of(nodes: Mapping[str, Mapping[str, Json]]) -> str:
    """Old manifests do not name their project; most nodes are its own."""
    packages = Counter(text(node.get("package_name")) for node in nodes.values())
    return min(packages, key=lambda name: (-packages[name], name), default="")


def _figure(stats: Json, *names: str) -> int | None:
    for name in names:
        value = members(members(stats).get(name)).get("value")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            return int(value)
    return None
