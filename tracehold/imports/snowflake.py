"""Snowflake: rows of ``ACCESS_HISTORY`` and ``OBJECT_DEPENDENCIES`` (``ACCOUNT_USAGE``).

A query that wrote is one run. Queries that write the same from the same are runs of one job, named
after what they write: Snowflake knows no jobs. A view is what it depends on, without any job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from lineage.facts import Json
from tracehold.imports.errors import NotThisFormat
from tracehold.imports.events import Item, Writer
from tracehold.imports.files import files, rows
from tracehold.imports.flows import Flow
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name
from tracehold.imports.report import Report
from tracehold.imports.values import parts, text

__all__ = ["ENDINGS", "read"]

ENDINGS: Final = (".csv", ".json", ".jsonl", ".ndjson")

_HOLDS_DATA: Final = frozenset(
    {
        "table", "view", "materialized view", "external table", "dynamic table", "iceberg table",
        "event table", "stream", "stage", "hybrid table", "transient table", "temporary table",
    }
)  # fmt: skip
_CHANGES: Final = {
    "CREATE": "CREATE", "REPLACE": "OVERWRITE", "ALTER": "ALTER", "DROP": "DROP",
    "TRUNCATE": "TRUNCATE", "UNDROP": "CREATE",
}  # fmt: skip


def read(
    paths: Iterable[Path], *, namespace: str, job_namespace: str, at: int, report: Report
) -> Iterator[Item]:
    """The events of extracts of both views, in any number of files.

    Args:
        paths: Files, or folders of them.
        namespace: ``snowflake://ORGANIZATION-ACCOUNT``.
        job_namespace: Of the jobs.
        at: Moment from which on dependencies hold, epoch milliseconds; their view has no time.
        report: Told what is not mapped.

    Raises:
        NotThisFormat: A row is of neither view, or a cell that should hold JSON does not.
    """
    reader = _Reader(namespace, job_namespace, report)
    for path in files(paths, *ENDINGS):
        for where, row in rows(path):
            if "query_id" in row:
                yield from reader.query(where, row)
            elif "referencing_object_name" in row:
                reader.dependency(where, row)
            else:
                raise NotThisFormat(
                    "a row is of neither ACCESS_HISTORY nor OBJECT_DEPENDENCIES",
                    where=where,
                    advice="export the views whole, with a heading: SELECT * FROM SNOWFLAKE."
                    "ACCOUNT_USAGE.ACCESS_HISTORY",
                )
    yield from reader.dependencies(at)


class _Reader:
    def __init__(self, namespace: str, job_namespace: str, report: Report) -> None:
        self.namespace, self.job_namespace, self.report = namespace, job_namespace, report
        self.writer = Writer("snowflake")
        self.depends: dict[Name, tuple[str, set[Name]]] = {}

    def table(self, thing: Mapping[str, Json], where: str) -> Name | None:
        name, kind = thing.get("objectName"), thing.get("objectDomain")
        if not isinstance(name, str) or not name:
            # An object that was dropped since, or that belongs to somebody else, has only an id.
            self.report.skip("objects without a name", "Snowflake no longer names them", where)
            return None
        if not isinstance(kind, str) or kind.lower() not in _HOLDS_DATA:
            self.report.skip(f"objects of kind {kind}", "they hold no data", where)
            return None
        return Name(self.namespace, name)

    def query(self, where: str, row: Mapping[str, Json]) -> Iterator[Item]:
        at = moment(row.get("query_start_time"))
        flow = Flow(where, at, at)
        sources = [
            name
            for thing in _list(row, "direct_objects_accessed", where)
            if (name := self.table(thing, where)) is not None
        ]
        for thing in _list(row, "objects_modified", where):
            target = self.table(thing, where)
            if target is not None:
                self.modified(flow, target, thing, sources)
        changed = self.changed(where, row)
        if row.get("user_name"):
            self.report.skip("user_name", "who ran something is a person, and no lineage", where)
        if _cell(row, "policies_referenced", where):
            self.report.skip("policies_referenced", "which rows they hid is not said", where)
        if not flow.writes and not changed:
            self.report.skip("queries that only read", "nothing was made of it", where)
            return
        query = str(row["query_id"])
        external = self.writer.facet("externalQuery", externalQueryId=query, source=self.namespace)
        run = {"runId": self.writer.run_id(query), "facets": external}
        outputs = {one["name"]: one for one in flow.outputs(self.writer)}
        for name, facets in changed.items():
            one = outputs.setdefault(name.name, self.writer.named(name))
            one["facets"] = {**one.get("facets", {}), **facets}
        job = self.writer.named(
            Name(self.job_namespace, self.job(flow, list(changed))),
            self.writer.job_type("SNOWFLAKE", "QUERY"),
        )
        yield self.writer.run_event(
            "COMPLETE", at, run, job, where,
            inputs=flow.inputs(self.writer),
            outputs=[outputs[name] for name in sorted(outputs)],
        )  # fmt: skip

    def modified(
        self, flow: Flow, target: Name, thing: Mapping[str, Json], sources: list[Name]
    ) -> None:
        flow.moved(None, target)
        for source in sources:
            flow.moved(source, target)
        for column in parts(thing.get("columns")):
            own = text(column.get("columnName"))
            for direct in parts(column.get("directSources")) if own else ():
                field = text(direct.get("columnName"))
                origin = self.table(direct, flow.where) if field else None
                if origin is not None:
                    flow.column((origin, field), (target, own))

    def changed(self, where: str, row: Mapping[str, Json]) -> dict[Name, dict[str, Json]]:
        """What a statement of definition did to a table."""
        thing = _cell(row, "object_modified_by_ddl", where)
        if not isinstance(thing, dict) or not thing:
            return {}
        changed = self.table(thing, where)
        change = _CHANGES.get(str(thing.get("operationType")).upper())
        if changed is None or change is None:
            return {}
        return {changed: self.writer.facet("lifecycleStateChange", lifecycleStateChange=change)}

    def job(self, flow: Flow, changed: list[Name]) -> str:
        names = sorted({one.name for one in (*flow.writes, *changed)})
        what = "write" if flow.writes else "define"
        return f"{what} {', '.join(names[:3])} {self.writer.digest(flow.signature())}"

    def dependency(self, where: str, row: Mapping[str, Json]) -> None:
        named = []
        for side in ("referencing", "referenced"):
            thing = {
                "objectDomain": row.get(f"{side}_object_domain"),
                "objectName": ".".join(
                    str(row[column])
                    for column in (f"{side}_database", f"{side}_schema", f"{side}_object_name")
                    if row.get(column)
                ),
            }
            named.append(self.table(thing, where))
        target, source = named
        if target is not None and source is not None:
            self.depends.setdefault(target, (where, set()))[1].add(source)

    def dependencies(self, at: int) -> Iterator[Item]:
        for target in sorted(self.depends):
            where, sources = self.depends[target]
            facets = self.writer.lineage(sources)
            yield self.writer.dataset_event(at, self.writer.named(target, facets), where)


def _cell(row: Mapping[str, Json], column: str, where: str) -> Json:
    """A value that is JSON, or in CSV a text that holds JSON."""
    value = row.get(column)
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value) if value.strip() else None
    except (msgspec.DecodeError, RecursionError):
        raise NotThisFormat(
            f"{column} holds no JSON", where=where, advice="export the view as it is"
        ) from None


def _list(row: Mapping[str, Json], column: str, where: str) -> list[Mapping[str, Json]]:
    return parts(_cell(row, column, where))
