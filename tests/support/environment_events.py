"""Runs that write the tables of an environment, for comparing environments."""

from __future__ import annotations

from typing import Any

from openlineage_events import dataset, facet, run_event

__all__ = ["TABLES", "written"]

TABLES = ("customers", "orders", "report")


def tags(environment: str, schema: str) -> dict[str, Any]:
    return facet(schema, tags=[{"key": "environment", "value": environment, "source": "TEST"}])


def written(
    name: str, environment: str, *, columns: tuple[str, ...] = ("id", "email"), rows: int = 100,
    version: str = "v1", by_job: bool = False, code: str = "c1", minutes: float = 1,
) -> dict[str, Any]:  # fmt: skip
    """A run that wrote a table of an environment."""
    namespace = f"shop-{environment}"
    table = dataset(name, columns=columns, version=facet("Version", datasetVersion=version))
    table["namespace"] = namespace
    table["outputFacets"] = {"outputStatistics": facet("Statistics", rowCount=rows)}
    job = {"namespace": namespace, "name": f"load_{name}", "facets": {}}
    job["facets"]["sourceCodeLocation"] = facet("Code", type="git", url="x", version=code)
    if by_job:
        job["facets"]["tags"] = tags(environment, "TagsJobFacet")
    else:
        table["facets"]["tags"] = tags(environment, "TagsDatasetFacet")
    run = f"{environment} {name} {minutes}"
    return run_event("COMPLETE", minutes, run=run, outputs=[table]) | {"job": job}
