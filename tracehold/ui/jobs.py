"""Lists of jobs, the page of one, and the page of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from lineage.errors import NotFound
from lineage.state.port import RunRow
from lineage.state.run_listing import RunListing
from lineage.trace.names import reference_text
from tracehold.questions.entities import ref_of_key, runs_json
from tracehold.ui.asked import Asked
from tracehold.ui.entities import facts, listing, owners, said
from tracehold.ui.marks import Cell, Section, Tone, link, mark, moment, section, took
from tracehold.ui.work import touching

__all__ = ["job", "jobs", "run"]

_RUNS: Final = 50
_TONES: Final[dict[str, Tone]] = {"COMPLETE": "good", "FAIL": "bad", "ABORT": "bad"}


def jobs(asked: Asked) -> dict[str, Any]:
    """The list of jobs, each with its newest run."""
    shown, known, context = listing(asked, "Job", ("ownership",))
    newest = RunListing(asked.services.state).newest_runs([node.key for node in shown])
    states = dict(zip(newest, _states(asked, list(newest.values())), strict=True))
    rows: list[list[Cell]] = []
    for node in shown:
        _, state, started, _ = states.get(node.key, ["", None, None, ""])
        name = link("Job", node.key, str(node.props.get("name", node.key)))
        place = str(node.props.get("namespace", ""))
        rows.append([name, place, owners(known.get(node.key, {})), state, started])
    columns = ["Job", "Namespace", "Owner", "Newest run", "Started"]
    return {"heading": "Jobs", "columns": columns, "rows": rows, **context}


def job(asked: Asked) -> dict[str, Any]:
    """One job: what it reads and writes, and its newest runs.

    Raises:
        NotFound: There is none of that key.
    """
    node = asked.node("Job")
    names = ("documentation", "ownership", "type", "sql")
    aspects = asked.services.state.aspects([node.key], names).get(node.key, {})
    statement = (said(aspects, "sql") or {}).get("query")
    runs = asked.services.state.runs(job_key=node.key, limit=_RUNS)
    return {
        "heading": reference_text(node, node.key),
        "lead": str((said(aspects, "documentation") or {}).get("description") or ""),
        "summary": [("Owner", owners(aspects)), *facts(said(aspects, "type") or {})],
        "sections": [
            touching(asked, node, "Reads"),
            touching(asked, node, "Writes"),
            section(
                "Runs, newest first", ["Run", "State", "Started", "Took"], _states(asked, runs)
            ),
        ],
        "texts": [("Statement", str(statement))] if statement else [],
    }


def run(asked: Asked) -> dict[str, Any]:
    """One run: how it went, what it touched, what it said.

    Raises:
        NotFound: There is none of that key.
    """
    found = asked.services.state.run(str(asked.path["key"]))
    if found is None:
        raise NotFound("there is no such run", advice="it may have another key now")
    [[_, state, started, lasted]] = _states(asked, [found])
    owner = link("Job", found.job_key, ref_of_key(asked.services, found.job_key))
    return {
        "heading": f"Run {found.run_id}",
        "lead": "",
        "summary": [
            ("Job", owner),
            ("State", [state, *([mark("contradicted", "warn")] if found.contradicted else [])]),
            ("Started", started),
            ("Ended", moment(found.ended)),
            ("Took", lasted),
        ],
        "sections": [
            _things(asked, "Read", found.inputs),
            _things(asked, "Wrote", found.outputs),
        ],
        "texts": [
            (name, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
            for name, value in sorted(found.facets.items())
        ],
    }


def _states(asked: Asked, runs: Sequence[RunRow]) -> list[list[Cell]]:
    """Runs as rows: id, state, start and duration."""
    return [
        [
            link("Run", row.key, row.run_id),
            mark(str(told["state"]).lower(), _TONES.get(str(told["state"]), "warn")),
            moment(row.started),
            took(row.started, row.ended),
        ]
        for row, told in zip(runs, runs_json(asked.services, runs), strict=True)
    ]


def _things(asked: Asked, heading: str, keys: Sequence[str]) -> Section:
    nodes = asked.services.state.nodes(keys)
    rows: list[list[Cell]] = [
        [link(nodes[key].label, key, ref_of_key(asked.services, key)) if key in nodes
         else ref_of_key(asked.services, key)]
        for key in keys
    ]  # fmt: skip
    return section(heading, ["Name"], rows)
