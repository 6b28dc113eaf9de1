"""Marquez: every event it kept, and what was told to it beside events, over its API.

Events come as producers sent them and count as such. Datasets and jobs then add what Marquez alone
knows (descriptions and tags given in its pages, jobs made before it kept events).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from lineage.facts import Json
from tracehold.imports.events import Item, Writer
from tracehold.imports.moments import moment
from tracehold.imports.naming import Name
from tracehold.imports.report import Report
from tracehold.imports.values import parts, text, texts
from tracehold.imports.web import Web, path_part

__all__ = ["read"]


def read(web: Web, report: Report) -> Iterator[Item]:
    """All events, then all datasets and the jobs that no event spoke of.

    Args:
        web: Marquez; paths below ``/api/v1``.
        report: Told what is not mapped.

    Raises:
        NotReachable: Marquez does not answer.
    """
    seen: set[Name] = set()
    # Oldest first: what comes in meanwhile is behind the last page and shifts none.
    events = web.listed("api/v1/events/lineage", "events", sortDirection="asc")
    for number, event in enumerate(events):
        if (named := _name(event.get("job"))) is not None:
            seen.add(named)
        yield Item(msgspec.json.encode(event, order="deterministic"), f"event {number}")
    writer = Writer("marquez")
    for namespace in web.listed("api/v1/namespaces", "namespaces"):
        name = namespace.get("name")
        if not isinstance(name, str) or namespace.get("isHidden") is True:
            report.skip("hidden namespaces", "they were deleted in Marquez", str(name))
            continue
        if namespace.get("ownerName"):
            report.skip("owners of namespaces", "here things have owners, places have none", name)
        path = f"api/v1/namespaces/{path_part(name)}"
        for dataset in web.listed(f"{path}/datasets", "datasets"):
            yield from _dataset(dataset, name, writer, report)
        for job in web.listed(f"{path}/jobs", "jobs"):
            yield from _job(job, name, seen, writer, report)


def _name(part: Json) -> Name | None:
    if not isinstance(part, dict):
        return None
    namespace, name = part.get("namespace"), part.get("name")
    return Name(namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None


def _dataset(
    dataset: Mapping[str, Json], namespace: str, writer: Writer, report: Report
) -> Iterator[Item]:
    name = dataset.get("name")
    if not isinstance(name, str) or dataset.get("deleted") is True:
        report.skip("deleted datasets", "their events say when", f"{namespace} {name}")
        return
    fields = parts(dataset.get("fields"))
    tags = [(tag, "true", "") for tag in texts(dataset.get("tags"))]
    tags += [
        (tag, "true", str(one.get("name"))) for one in fields for tag in texts(one.get("tags"))
    ]
    facets = writer.schema(
        (str(one["name"]), text(one.get("type")), text(one.get("description")))
        for one in fields
        if isinstance(one.get("name"), str)
    )
    facets |= writer.documentation(dataset.get("description")) | writer.tags(tags)
    if not facets:
        return
    at = moment(dataset.get("updatedAt"))
    yield writer.dataset_event(
        at, writer.named(Name(namespace, name), facets), f"dataset {namespace} {name}"
    )


def _job(
    job: Mapping[str, Json], namespace: str, seen: set[Name], writer: Writer, report: Report
) -> Iterator[Item]:
    name = job.get("name")
    if not isinstance(name, str) or Name(namespace, name) in seen:
        return
    where = f"job {namespace} {name}"
    if job.get("latestRun"):
        report.skip("runs of jobs without events", "Marquez kept no event of them", where)
    facets = writer.of_job(
        writer.documentation(job.get("description"))
        | writer.tags((tag, "true", "") for tag in texts(job.get("tags")))
    )
    kind = text(job.get("type")) or "BATCH"
    facets |= writer.facet("jobType", processingType=kind, integration="MARQUEZ")
    ports = {
        side: [
            writer.named(found) for one in parts(job.get(side)) if (found := _name(one)) is not None
        ]
        for side in ("inputs", "outputs")
    }
    yield writer.job_event(
        moment(job.get("updatedAt")), writer.named(Name(namespace, name), facets), where, **ports
    )
