"""Namespaces, sources, datasets, jobs, runs and tags in the form of Marquez."""

from __future__ import annotations

from itertools import islice
from typing import Final, Literal

from lineage.clock import format_millis
from lineage.errors import NotFound
from lineage.facts import Json
from lineage.graph.port import Node
from lineage.state.listing import Listing
from lineage.state.port import RunRow
from tracehold.questions.marquez.node_ids import dataset_key, version_id
from tracehold.questions.marquez.paging import Paged
from tracehold.questions.marquez.seen import (
    listing_of,
    namespaces_of,
    runs_of,
    seen_facets,
)
from tracehold.questions.marquez.shown import Shown
from tracehold.questions.question import Body, Question
from tracehold.services import Services

__all__ = ["LISTS", "jobs_page", "run_of_id"]

VERSIONS: Final = 1000
"""Newest versions of a dataset that are looked through for one."""


class InNamespace(Paged, frozen=True, kw_only=True):
    """What is in a namespace."""

    namespace: str


class OneNamespace(Body, frozen=True, kw_only=True):
    """A namespace by its name."""

    namespace: str


class OneSource(Body, frozen=True, kw_only=True):
    """A source by its name."""

    source: str


class OneDataset(Body, frozen=True, kw_only=True):
    """A dataset by its name."""

    namespace: str
    dataset: str


class OneVersion(OneDataset, frozen=True, kw_only=True):
    """A version of a dataset, by the UUID or by its own name."""

    version: str


class ItsVersions(Paged, frozen=True, kw_only=True):
    """Versions of a dataset."""

    namespace: str
    dataset: str


class OneJob(Body, frozen=True, kw_only=True):
    """A job by its name."""

    namespace: str
    job: str


class ItsRuns(Paged, frozen=True, kw_only=True):
    """Runs, or versions, of a job."""

    namespace: str
    job: str


class OneJobVersion(OneJob, frozen=True, kw_only=True):
    """A version of a job."""

    version: str


class OneRun(Body, frozen=True, kw_only=True):
    """A run by its id; where several jobs ran under it, ``namespace`` and ``name`` say which."""

    id: str
    namespace: str = ""
    name: str = ""


class ItsFacets(OneRun, frozen=True, kw_only=True):
    """Facets of a run or of its job."""

    type: Literal["run", "job"]


def _namespaces(services: Services, params: Paged) -> Json:
    limit, offset = params.page()
    listing = listing_of(services)
    names = namespaces_of(services, listing)
    return {
        "namespaces": [
            _namespace(services, listing, name) for name in names[offset : offset + limit]
        ],
        "totalCount": len(names),
    }


def _one_namespace(services: Services, params: OneNamespace) -> Json:
    listing = listing_of(services)
    if params.namespace not in namespaces_of(services, listing):
        raise _unknown("namespace")
    return _namespace(services, listing, params.namespace)


def _namespace(services: Services, listing: Listing, name: str) -> dict[str, Json]:
    # Of a namespace with something hidden in it these moments could be of just that.
    first, last = (None, None) if services.seeing.limited else listing.positions(name)
    return {
        "name": name,
        "createdAt": _recorded(services, first),
        "updatedAt": _recorded(services, last),
        "ownerName": "anonymous",
        "description": None,
        "isHidden": False,
    }


def _recorded(services: Services, position: int | None) -> str | None:
    if not position:
        return None
    facts = services.journal.read(position - 1, 1)
    return format_millis(facts[0].recorded_time) if facts else None


def _sources(services: Services, params: Paged) -> Json:
    limit, offset = params.page()
    found = _all_sources(services)
    names = sorted(found)[offset : offset + limit]
    return {"sources": [found[name] for name in names], "totalCount": len(found)}


def _one_source(services: Services, params: OneSource) -> Json:
    found = _all_sources(services).get(params.source)
    if found is None:
        raise _unknown("source")
    return found


def _all_sources(services: Services) -> dict[str, dict[str, Json]]:
    """Sources that producers name, and namespaces, which stand for those that nobody names."""
    listing = listing_of(services)
    named = {name: name for name in namespaces_of(services, listing)} | dict(listing.sources())
    return {
        name: {
            "type": (uri.partition(":")[0] if ":" in uri else uri).upper() or "DEFAULT",
            "name": name,
            "createdAt": None,
            "updatedAt": None,
            "connectionUrl": uri,
            "description": None,
        }
        for name, uri in named.items()
    }


def _datasets(services: Services, params: InNamespace) -> Json:
    limit, offset = params.page()
    shown = Shown(services)
    nodes = shown.listing.named("Dataset", params.namespace, limit=limit, offset=offset)
    return {
        "datasets": shown.datasets(nodes),
        "totalCount": shown.listing.count("Dataset", params.namespace),
    }


def _dataset(services: Services, params: OneDataset) -> Json:
    return Shown(services).dataset(_dataset_node(services, params.namespace, params.dataset))


def _versions(services: Services, params: ItsVersions) -> Json:
    limit, offset = params.page()
    node = _dataset_node(services, params.namespace, params.dataset)
    rows = services.state.versions(node.key, limit=min(offset + limit, VERSIONS))
    return {
        "versions": Shown(services).versions(node, rows[offset:]),
        "totalCount": runs_of(services).count_versions(node.key),
    }


def _version(services: Services, params: OneVersion) -> Json:
    node = _dataset_node(services, params.namespace, params.dataset)
    rows = services.state.versions(node.key, limit=VERSIONS)
    found = [r for r in rows if params.version in (r.version, version_id(r.version))]
    if not found:
        raise _unknown("version")
    return Shown(services).versions(node, found[:1], facets=True)[0]


def _jobs(services: Services, params: InNamespace) -> Json:
    limit, offset = params.page()
    return jobs_page(services, params.namespace, limit, offset)


def jobs_page(
    services: Services, namespace: str | None, limit: int, offset: int
) -> dict[str, Json]:
    """Jobs of a namespace, or of all, with how many there are."""
    shown = Shown(services)
    nodes = shown.listing.named("Job", namespace, limit=limit, offset=offset)
    return {"jobs": shown.jobs(nodes), "totalCount": shown.listing.count("Job", namespace)}


def _job(services: Services, params: OneJob) -> Json:
    return Shown(services).job(_job_node(services, params.namespace, params.job))


def _job_versions(services: Services, params: ItsRuns) -> Json:
    limit, offset = params.page()
    found = Shown(services).job_versions(_job_node(services, params.namespace, params.job))
    return {"versions": found[offset : offset + limit], "totalCount": len(found)}


def _job_version(services: Services, params: OneJobVersion) -> Json:
    shown = Shown(services)
    node = _job_node(services, params.namespace, params.job)
    for one in shown.job_versions(node):
        if one["version"] == params.version:
            return one
    raise _unknown("version")


def _runs(services: Services, params: ItsRuns) -> Json:
    limit, offset = params.page()
    shown = Shown(services)
    node = _job_node(services, params.namespace, params.job)
    rows = shown.run_listing.runs_of_job(node.key, limit=limit, offset=offset)
    return {"runs": shown.runs(rows), "totalCount": shown.run_listing.count_runs(node.key)}


def _run(services: Services, params: OneRun) -> Json:
    row, others = run_of_id(services, params.id, params.namespace, params.name)
    return {**Shown(services).run(row), "otherJobs": others}


def _facets(services: Services, params: ItsFacets) -> Json:
    row, _ = run_of_id(services, params.id, params.namespace, params.name)
    said = Shown(services).facets(row)
    facets = said.job if params.type == "job" else {**said.run, **row.facets}
    return {"runId": row.run_id, "facets": seen_facets(services, facets)}


def run_of_id(
    services: Services, run_id: str, namespace: str = "", name: str = ""
) -> tuple[RunRow, list[dict[str, Json]]]:
    """The run that goes by an id, and the other jobs that ran under it.

    Of several the one that began first is meant, which is the outermost: what a parent starts
    begins later.

    Raises:
        NotFound: There is no such run.
    """
    rows = runs_of(services).runs_of_id(run_id)
    jobs = services.state.nodes([row.job_key for row in rows])
    if name:
        wanted = services.identity.key("Job", namespace, name)
        rows.sort(key=lambda row: row.job_key != wanted)
        if rows and rows[0].job_key != wanted:
            rows = []
    if not rows:
        raise _unknown("id")
    others = [
        {"namespace": jobs[row.job_key].props["namespace"], "name": jobs[row.job_key].props["name"]}
        for row in islice(rows, 1, None)
        if row.job_key in jobs
    ]
    return rows[0], others


def _tags(services: Services, params: Paged) -> Json:
    limit, offset = params.page()
    names = listing_of(services).tags()
    shown = [{"name": name, "description": None} for name in names[offset : offset + limit]]
    return {"tags": shown, "totalCount": len(names)}


def _dataset_node(services: Services, namespace: str, name: str) -> Node:
    node = services.state.node(dataset_key(services, namespace, name))
    if node is None:
        raise _unknown("dataset")
    return node


def _job_node(services: Services, namespace: str, name: str) -> Node:
    node = services.state.node(services.identity.key("Job", namespace, name))
    if node is None:
        raise _unknown("job")
    return node


def _unknown(what: str) -> NotFound:
    return NotFound(
        f"there is no such {what}",
        where=what,
        advice="percent-encode what holds : or /; GET /api/v1/search?q=NAME looks names up",
    )


_DATASETS: Final = "namespaces/{namespace}/datasets"
_JOBS: Final = "namespaces/{namespace}/jobs"

LISTS: Final = (
    Question("namespaces", "Marquez: list namespaces.", Paged, _namespaces),
    Question("namespaces/{namespace}", "Marquez: one namespace.", OneNamespace, _one_namespace),
    Question("sources", "Marquez: list sources.", Paged, _sources),
    Question("sources/{source}", "Marquez: one source.", OneSource, _one_source),
    Question(_DATASETS, "Marquez: datasets of a namespace.", InNamespace, _datasets),
    Question(f"{_DATASETS}/{{dataset}}", "Marquez: one dataset.", OneDataset, _dataset),
    Question(
        f"{_DATASETS}/{{dataset}}/versions", "Marquez: its versions.", ItsVersions, _versions
    ),
    Question(
        f"{_DATASETS}/{{dataset}}/versions/{{version}}", "Marquez: one of them.", OneVersion,
        _version,
    ),
    Question(_JOBS, "Marquez: jobs of a namespace.", InNamespace, _jobs),
    Question(f"{_JOBS}/{{job}}", "Marquez: one job.", OneJob, _job),
    Question(f"{_JOBS}/{{job}}/versions", "Marquez: its versions.", ItsRuns, _job_versions),
    Question(
        f"{_JOBS}/{{job}}/versions/{{version}}", "Marquez: one of them.", OneJobVersion,
        _job_version,
    ),
    Question(f"{_JOBS}/{{job}}/runs", "Marquez: its runs, newest first.", ItsRuns, _runs),
    Question("jobs/runs/{id}", "Marquez: one run.", OneRun, _run),
    Question("jobs/runs/{id}/facets", "Marquez: facets of a run or its job.", ItsFacets, _facets),
    Question("tags", "Marquez: list tags.", Paged, _tags),
)  # fmt: skip
