"""Events of jobs within jobs: a flow, its task, the application of the task and its query."""

from __future__ import annotations

import uuid
from typing import Any

from openlineage_events import NS, dataset, facet, run_event

__all__ = ["CTAS", "nested", "run_id"]


def run_id(run: str) -> str:
    """The id that ``run_event`` gives a run of this name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, run))


def nested(
    event: dict[str, Any], parent: str, root: str = "", *, run: str = "", root_run: str = ""
) -> dict[str, Any]:
    """The event, said to be of a run within another; jobs by name, runs by name where given."""
    members: dict[str, Any] = {
        "run": {"runId": run_id(run or parent)},
        "job": {"namespace": NS, "name": parent},
    }
    if root:
        members["root"] = {
            "run": {"runId": run_id(root_run or root)},
            "job": {"namespace": NS, "name": root},
        }
    event["run"]["facets"]["parent"] = facet("ParentRunFacet", **members)
    return event


def _ctas() -> list[dict[str, Any]]:
    """A flow whose Spark application creates a table: application and query report the same."""
    raw = dataset("raw", columns=["id"])
    clean = dataset("clean", columns=["id"], lineage={"id": ["raw.id"]})
    query = run_event("COMPLETE", 4, job="app.ctas", run="q", inputs=[raw], outputs=[clean])
    app = run_event("COMPLETE", 5, job="app", run="a", inputs=["raw"], outputs=["clean"])
    task = run_event("COMPLETE", 6, job="flow.task", run="t")
    flow = run_event("COMPLETE", 7, job="flow", run="f")
    return [
        flow,
        nested(task, "flow", "flow", run="f", root_run="f"),
        nested(app, "flow.task", "flow", run="t", root_run="f"),
        nested(query, "app", "flow", run="a", root_run="f"),
    ]


CTAS = _ctas()
"""Flow, task, application, query; each COMPLETE, in an order in which nobody would send them."""
