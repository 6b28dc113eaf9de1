"""Datasets, jobs and runs as Marquez' API shows them, a page of them at a time.

What a page needs is read for all of it together. A version of Marquez is a UUID; one of ours is a
name, and its UUID is the name itself where it is one, else derived from it. ``facets`` are given
back of one thing, and left empty in lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from lineage.clock import format_millis
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.state.listing import Span, Touched
from lineage.state.pinning import Pinned, facts_of_run, pinned_inputs
from lineage.state.port import AspectValue, RunRow, VersionRow
from lineage.state.standing import STALE, is_streaming, shown_state, streaming_jobs
from tracehold.questions.marquez.facets import RunFacets, facets_of_run, newest_facets
from tracehold.questions.marquez.node_ids import dataset_name, version_id
from tracehold.questions.marquez.seen import listing_of, runs_of, seen_facets
from tracehold.services import Services

__all__ = ["STATES", "Shown", "job_version"]

STATES: Final[Mapping[str, str]] = {
    "COMPLETE": "COMPLETED", "FAIL": "FAILED", "ABORT": "ABORTED",
    "RUNNING": "RUNNING", "START": "RUNNING", "OTHER": "NEW",
}  # fmt: skip
"""Our state of a run → the one of Marquez."""
LATEST_RUNS: Final = 10
_ASPECTS: Final = ("schema", "documentation", "tags", "source")
_JOB_ASPECTS: Final = ("documentation", "tags", "code", "type")
_STREAMS: Final = ("kafka://", "pulsar://", "kinesis://")
_NOTHING: Final = Span()
_Aspects = Mapping[str, Sequence[AspectValue]]


class _Field(msgspec.Struct, gc=False):
    """A column of a dataset, in the order and under the names in which Marquez writes it."""

    name: Json
    type: Json = None
    tags: Sequence[str] = ()
    description: Json = None


class _Schema(msgspec.Struct):
    """A schema as the state has it; a page has thousands of columns."""

    fields: list[_Field] = []


_FORMS: Final = {"schema": msgspec.json.Decoder(_Schema | None).decode}


class Shown:
    """Makes the objects, of one workspace at one moment."""

    def __init__(self, services: Services) -> None:
        """Reads on the calling thread's connection."""
        self.services = services
        self.state = services.state
        self.listing = listing_of(services)
        self.run_listing = runs_of(services)
        self.now = services.clock()

    # Datasets

    def datasets(self, nodes: Sequence[Node], *, versions: bool = True) -> list[dict[str, Json]]:
        """Datasets, without their facets; ``versions``: with the current one of each."""
        keys = [node.key for node in nodes]
        spans = self.listing.spans(keys)
        aspects = self.state.aspects(keys, _ASPECTS, forms=_FORMS)
        changes = self.listing.lifecycles(keys)
        newest = self.run_listing.current_versions(keys) if versions else {}
        shown = []
        for node in nodes:
            key = node.key
            span, held = spans.get(key, _NOTHING), aspects.get(key, {})
            change, deleted = changes.get(key, (None, False))
            made = self._described(node, held)
            made |= {
                "createdAt": _moment(span.first),
                "updatedAt": _moment(span.last),
                "lastModifiedAt": _moment(span.written),
                "lastLifecycleState": change,
                "currentVersion": version_id(newest[key]) if key in newest else None,
                "deleted": deleted,
                "facets": {},
            }
            shown.append(made)
        return shown

    def dataset(self, node: Node) -> dict[str, Json]:
        """One dataset with its facets."""
        [shown] = self.datasets([node])
        shown["facets"] = newest_facets(self.services, self.listing, node.key, dataset_name(node))
        return shown

    def versions(
        self, node: Node, rows: Sequence[VersionRow], *, facets: bool = False
    ) -> list[dict[str, Json]]:
        """Versions of a dataset, each with the fields it had then and the run that wrote it."""
        found = self.state.runs_of_keys([row.run_key for row in rows if row.run_key])
        makers = dict(zip((run.key for run in found), self.runs(found), strict=True))
        shown = []
        for row in rows:
            held = self.state.aspects([node.key], _ASPECTS, row.last, forms=_FORMS).get(
                node.key, {}
            )
            described = self._described(node, held)
            shown.append(
                described
                | {
                    "id": described["id"] | {"version": version_id(row.version)},
                    "createdAt": _moment(row.first),
                    "version": version_id(row.version),
                    "datasetVersion": row.version,
                    "createdByRun": makers.get(row.run_key or ""),
                    "lifecycleState": None,
                    "facets": newest_facets(
                        self.services, self.listing, node.key, dataset_name(node)
                    )
                    if facets
                    else {},
                }
            )
        return shown

    def _described(self, node: Node, held: _Aspects) -> dict[str, Json]:
        namespace, name = dataset_name(node)
        tags = _tags(_value(held, "tags", []))
        source = _value(held, "source", {}).get("name")
        return {
            "id": {"namespace": namespace, "name": name},
            "type": "STREAM" if namespace.startswith(_STREAMS) else "DB_TABLE",
            "name": name,
            "physicalName": name,
            "namespace": namespace,
            "sourceName": source if isinstance(source, str) else namespace,
            "fields": _fields(held, tags),
            "tags": tags.get("", []),
            "description": _value(held, "documentation", {}).get("description"),
        }

    # Jobs

    def jobs(
        self,
        nodes: Sequence[Node],
        *,
        touched: Mapping[str, Touched] | None = None,
        pins: bool = False,
    ) -> list[dict[str, Json]]:
        """Jobs with their newest run, without their facets.

        Args:
            nodes: The jobs.
            touched: What they touch, where that is known.
            pins: Whether to say which versions the run read.
        """
        keys = [node.key for node in nodes]
        if touched is None:
            touched = self.listing.touched(keys, self.now)
        newest = self.run_listing.newest_runs(keys)
        ends = {k for one in touched.values() for k in (*one.reads, *one.writes, *one.parents)}
        ends |= {k for run in newest.values() for k in (*run.inputs, *run.outputs)}
        names = self.state.nodes(sorted(ends)) | {node.key: node for node in nodes}
        spans = self.listing.job_spans(keys)
        aspects = self.state.aspects(keys, _JOB_ASPECTS)
        streams = {key for key, said in aspects.items() if is_streaming(said)}
        rows = list(newest.values())
        runs = dict(zip(newest, self._runs(rows, names, streams, pins=pins), strict=True))
        shown = []
        for node in nodes:
            key = node.key
            namespace, name = str(node.props["namespace"]), str(node.props["name"])
            span, held, ends_of = spans.get(key, _NOTHING), aspects.get(key, {}), touched[key]
            parent = next((names[k] for k in ends_of.parents if k in names), None)
            above = str(parent.props.get("name")) if parent is not None else None
            run = runs.get(key)
            shown.append(
                {
                    "id": {"namespace": namespace, "name": name},
                    "type": _job_type(held),
                    "name": name,
                    "simpleName": name.removeprefix(f"{above}.") if above else name,
                    "parentJobName": above,
                    "parentJobUuid": None,
                    "createdAt": _moment(span.first),
                    "updatedAt": _moment(span.last),
                    "namespace": namespace,
                    "inputs": _ids(names, ends_of.reads),
                    "outputs": _ids(names, ends_of.writes),
                    "location": _value(held, "code", {}).get("url"),
                    "description": _value(held, "documentation", {}).get("description"),
                    "latestRun": run,
                    "latestRuns": [run] if run else [],
                    "currentVersion": job_version(ends_of.reads, ends_of.writes),
                    "labels": [],
                    "tags": _tags(_value(held, "tags", [])).get("", []),
                    "facets": {},
                }
            )
        return shown

    def job(self, node: Node) -> dict[str, Json]:
        """One job with its facets and its newest runs."""
        [shown] = self.jobs([node], pins=True)
        shown["latestRuns"] = self.runs(self.run_listing.runs_of_job(node.key, limit=LATEST_RUNS))
        name = (str(node.props["namespace"]), str(node.props["name"]))
        shown["facets"] = newest_facets(self.services, self.listing, node.key, name, job=True)
        return shown

    def job_versions(self, node: Node) -> list[dict[str, Json]]:
        """What a job read and wrote together, the newest first: its versions."""
        rows = self.run_listing.shapes(node.key)
        names = self.state.nodes(sorted({k for reads, writes, _ in rows for k in reads + writes}))
        namespace, name = str(node.props["namespace"]), str(node.props["name"])
        return [
            {
                "id": {"namespace": namespace, "name": name, "version": version},
                "name": name,
                "namespace": namespace,
                "version": version,
                "createdAt": _moment(first),
                "inputs": _ids(names, reads),
                "outputs": _ids(names, writes),
                "location": None,
                "latestRun": None,
                "facets": {},
            }
            for reads, writes, first in rows
            for version in (job_version(reads, writes),)
        ]

    # Runs

    def runs(self, rows: Sequence[RunRow], *, pins: bool = True) -> list[dict[str, Json]]:
        """Runs with the versions they wrote and, with ``pins``, read; facets as the state has."""
        keys = {key for row in rows for key in (row.job_key, *row.inputs, *row.outputs)}
        names = self.state.nodes(sorted(keys))
        streams = streaming_jobs(self.state, (row.job_key for row in rows))
        return self._runs(rows, names, streams, pins=pins)

    def _runs(
        self,
        rows: Sequence[RunRow],
        names: Mapping[str, Node],
        streams: AbstractSet[str],
        *,
        pins: bool,
    ) -> list[dict[str, Json]]:
        db, ages = self.state.connection(), self.services.settings.runs.ages
        shown = []
        for row in rows:
            streaming = row.job_key in streams
            state = shown_state(row, now=self.now, streaming=streaming, ages=ages)
            made = self._run(row, pinned_inputs(db, row) if pins else (), names)
            made["stale"] = state == STALE
            shown.append(made)
        return shown

    def run(self, row: RunRow) -> dict[str, Json]:
        """One run with all facets of its events."""
        [shown] = self.runs([row])
        said = self.facets(row)
        shown["facets"] = seen_facets(self.services, {**said.run, **row.facets})
        for member, facets in (
            ("inputDatasetVersions", said.inputs), ("outputDatasetVersions", said.outputs),
        ):  # fmt: skip
            for one in shown[member]:
                name = one["datasetVersionId"]
                one["facets"] = facets.get((name["namespace"], name["name"]), {})
        return shown

    def facets(self, row: RunRow) -> RunFacets:
        """The facets of a run, its job, inputs and outputs, from its events."""
        positions = facts_of_run(self.state.connection(), row.key)
        return facets_of_run(self.services, positions, row.run_id)

    def _run(
        self, row: RunRow, pinned: Iterable[Pinned], names: Mapping[str, Node]
    ) -> dict[str, Json]:
        job = names.get(row.job_key)
        nominal = row.facets.get("nominalTime")
        nominal = nominal if isinstance(nominal, dict) else {}
        args = row.facets.get("args")
        return {
            "id": row.run_id,
            "createdAt": _moment(row.started if row.started is not None else row.last),
            "updatedAt": _moment(row.last),
            "nominalStartTime": nominal.get("nominalStartTime"),
            "nominalEndTime": nominal.get("nominalEndTime"),
            "state": STATES[row.state],
            "startedAt": _moment(row.started),
            "endedAt": _moment(row.ended),
            "durationMs": row.ended - row.started
            if row.started is not None and row.ended is not None
            else None,
            "args": args if isinstance(args, dict) else {},
            "jobVersion": None
            if job is None
            else {
                "namespace": job.props["namespace"],
                "name": job.props["name"],
                "version": job_version(row.inputs, row.outputs),
            },
            "inputDatasetVersions": [
                _pinned(names[one.dataset_key], one.version)
                for one in pinned
                if one.dataset_key in names
            ],
            "outputDatasetVersions": [
                _pinned(names[key], row.run_id) for key in row.outputs if key in names
            ],
            "contradicted": row.contradicted,
            "facets": seen_facets(self.services, row.facets),
        }


def job_version(reads: Sequence[str], writes: Sequence[str]) -> str:
    """The version of a job that reads and writes these."""
    return version_id(f"{','.join(sorted(reads))};{','.join(sorted(writes))}")


def _pinned(node: Node, version: str | None) -> dict[str, Json]:
    namespace, name = dataset_name(node)
    held = None if version is None else version_id(version)
    return {
        "datasetVersionId": {"namespace": namespace, "name": name, "version": held},
        "facets": {},
    }


def _ids(names: Mapping[str, Node], keys: Iterable[str]) -> list[Json]:
    found = sorted(dataset_name(names[key]) for key in keys if key in names)
    return [{"namespace": namespace, "name": name} for namespace, name in found]


def _moment(millis: int | None) -> str | None:
    return None if millis is None else format_millis(millis)


def _value(held: _Aspects, name: str, default: Any) -> Any:
    values = held.get(name, ())
    value = values[0].value if values else None
    return value if isinstance(value, type(default)) else default


def _fields(held: _Aspects, tags: Mapping[str, list[str]]) -> list[_Field]:
    said = next((one.value for one in held.get("schema", ())), None)
    schema = said if isinstance(said, _Schema) else msgspec.convert(said or {}, _Schema)
    for field in schema.fields if tags else ():
        field.tags = tags.get(field.name, [])
    return schema.fields


def _tags(tags: Sequence[Json]) -> dict[str, list[str]]:
    """The keys of tags by column; under the empty name those of the whole thing."""
    found: dict[str, set[str]] = {}
    for tag in tags:
        if "key" in tag:
            found.setdefault(str(tag.get("field") or ""), set()).add(tag["key"])
    return {field: sorted(keys) for field, keys in found.items()}


def _job_type(held: _Aspects) -> str:
    said = str(_value(held, "type", {}).get("processingType", "")).upper()
    return {"STREAMING": "STREAM", "SERVICE": "SERVICE"}.get(said, "BATCH")
