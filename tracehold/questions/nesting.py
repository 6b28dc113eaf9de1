"""Jobs and runs around and within a job or a run, as references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lineage.facts import Json
from lineage.refs import RunRef
from lineage.state.nesting import inner_jobs, inner_runs, outermost
from lineage.state.port import RunRow
from lineage.trace.names import reference_text
from tracehold.services import Services

__all__ = ["nesting_of_job", "nesting_of_run", "runs_inside"]

_MOST: Final = 1000
"""Most jobs or runs listed within one."""


def nesting_of_job(services: Services, key: str) -> dict[str, Json]:
    """The jobs directly around a job and within it, and the outermost one, of those to be seen."""
    state = services.state
    around = state.outer_jobs([key]).get(key, set())
    within = inner_jobs(state.connection(), key, _MOST)
    top = outermost([key], state.outer_jobs)[key]
    nodes = state.nodes([*around, *within, top])
    named = {one: reference_text(node, one) for one, node in nodes.items()}
    return {
        "around": sorted(named[one] for one in around if one in named),
        "within": [named[one] for one in within if one in named],
        "outermost": named.get(top),
    }


def nesting_of_run(run: RunRow) -> dict[str, Json]:
    """The run that a run names as the one around it, and the outermost one; null where none."""
    parent = run.facets.get("parent")
    root = parent.get("root") if isinstance(parent, Mapping) else None
    return {"around": _run(parent), "outermost": _run(root)}


def runs_inside(services: Services, run: RunRow) -> list[RunRow]:
    """The runs that name this one as the run around them, the earliest first."""
    db = services.state.connection()
    keys = inner_runs(db, run.key, inner_jobs(db, run.job_key, _MOST), _MOST)
    return services.state.runs_of_keys(keys)


def _run(said: Json) -> str | None:
    job = said.get("job") if isinstance(said, Mapping) else None
    run = said.get("run") if isinstance(said, Mapping) else None
    if not isinstance(job, Mapping) or not isinstance(run, Mapping):
        return None
    parts = (job.get("namespace"), job.get("name"), run.get("runId"))
    if not all(isinstance(part, str) and part for part in parts):
        return None
    return str(RunRef(*map(str, parts)))
