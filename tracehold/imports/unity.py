"""Unity Catalog: rows of ``system.access.table_lineage`` and ``column_lineage``, as CSV or JSON.

One run of a job, notebook, pipeline or query becomes one run here, with exactly the pairs of tables
and columns that the rows name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from lineage.facts import Json
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.events import Item, Writer
from tracehold.imports.files import files, rows
from tracehold.imports.flows import Flow
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name, of_uri
from tracehold.imports.report import Report

__all__ = ["ENDINGS", "read"]

ENDINGS: Final = (".csv", ".json", ".jsonl", ".ndjson")

_COLUMNS: Final = frozenset({"target_table_full_name", "source_table_full_name", "event_time"})

_Key = tuple[str, str, str, str]


def read(
    paths: Iterable[Path], *, namespace: str, job_namespace: str, report: Report
) -> Iterator[Item]:
    """The events of extracts of both tables, in any number of files.

    Args:
        paths: Files, or folders of them.
        namespace: Of the tables; storage paths are named by themselves.
        job_namespace: Of jobs, notebooks, pipelines and queries.
        report: Told what is not mapped.

    Raises:
        NotThisFormat: A file has none of the columns of these tables.
    """
    flows: dict[_Key, Flow] = {}
    for path in files(paths, *ENDINGS):
        for where, row in rows(path):
            if not row.keys() & _COLUMNS:
                raise NotThisFormat(
                    "a row is of neither table_lineage nor column_lineage",
                    where=where,
                    advice="export the tables whole: SELECT * FROM system.access.table_lineage",
                )
            _take(where, row, namespace, flows, report)
    writer = Writer("unity-catalog")
    for key in sorted(flows):
        yield from _events(key, flows[key], writer, job_namespace, report)


def _text(row: Mapping[str, Json], column: str) -> str:
    value = row.get(column)
    return str(value) if isinstance(value, (str, int)) and value != "" else ""


def _side(row: Mapping[str, Json], side: str, namespace: str) -> Name | None:
    table = _text(row, f"{side}_table_full_name")
    if table:
        return Name(namespace, table)
    return of_uri(_text(row, f"{side}_path"))


def _take(
    where: str, row: Mapping[str, Json], namespace: str, flows: dict[_Key, Flow], report: Report
) -> None:
    source, target = _side(row, "source", namespace), _side(row, "target", namespace)
    if source is None and target is None:
        report.skip("rows that name no table or path", "they say nothing of data", where)
        return
    at = moment(row.get("event_time"))
    run = _text(row, "entity_run_id") or _text(row, "statement_id")
    run = run or _text(row, "event_id") or _text(row, "record_id") or where
    key = (
        _text(row, "workspace_id"), _text(row, "entity_type"), _text(row, "entity_id"), run,
    )  # fmt: skip
    flow = flows.setdefault(key, Flow(where, at, at))
    flow.at(at)
    columns = _text(row, "source_column_name"), _text(row, "target_column_name")
    if source is not None and target is not None and all(columns):
        flow.column((source, columns[0]), (target, columns[1]))
    else:
        flow.moved(source, target)
    if _text(row, "created_by"):
        report.skip("created_by", "who ran something is a person, and no lineage", where)
    if row.get("entity_metadata"):
        report.skip("entity_metadata", "further ids of the same job", where)


def _events(
    key: _Key, flow: Flow, writer: Writer, job_namespace: str, report: Report
) -> Iterator[Item]:
    workspace, kind, entity, _ = key
    if entity:
        name = f"{workspace}/{kind.lower() or 'entity'}/{entity}".strip("/")
    elif flow.writes:
        name = f"{workspace}/statement/{writer.digest(flow.signature())}".strip("/")
    else:
        report.skip(
            "reads by no job", "somebody looked at a table; nothing was made of it", flow.where
        )
        return
    job = writer.named(Name(job_namespace, name), writer.job_type("DATABRICKS", kind or "QUERY"))
    run = {"runId": writer.run_id(*key)}
    if flow.first != flow.last:
        yield writer.run_event("START", flow.first, run, job, flow.where)
    yield writer.run_event(
        "COMPLETE", flow.last, run, job, flow.where,
        inputs=flow.inputs(writer), outputs=flow.outputs(writer),
    )  # fmt: skip
