"""Lists of jobs, the page of one, and the page of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from lineage.errors import NotFound
from lineage.state.port import RunRow
from lineage.trace.names import reference_text
from tracehold.questions.entities import ref_of_key
from tracehold.questions.inputs import read_by
from tracehold.ui.asked import Asked
from tracehold.ui.entities import facts, listing, owners, said
from tracehold.ui.marks import Cell, Section, link, mark, moment, section
from tracehold.ui.work import newest_of, run_rows, touching

__all__ = ["job", "jobs", "run"]

_RUNS: Final = 50


def jobs(asked: Asked) -> dict[str, Any]:
    """The list of jobs, each with its newest run."""
    shown, known, context = listing(asked, "Job", ("ownership",))
    newest = newest_of(asked, [node.key for node in shown])
    rows: list[list[Cell]] = []
    for node in shown:
        name = link("Job", node.key, str(node.props.get("name", node.key)))
        place = str(node.props.get("namespace", ""))
        owner = owners(known.get(node.key, {}))
        rows.append([name, place, owner, *newest.get(node.key, [None, None])])
    columns = ["Job", "Namespace", "Owner", "Newest run", "Last heard"]
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
                "Runs, newest first", ["Run", "State", "Started", "Took"], run_rows(asked, runs)
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
    [[_, state, started, lasted]] = run_rows(asked, [found])
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
            _read(asked, found),
            _wrote(asked, found.outputs),
        ],
        "texts": [
            (name, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
            for name, value in sorted(found.facets.items())
        ],
    }


def _read(asked: Asked, run: RunRow) -> Section:
    """The inputs with their versions, and where several partitions were read, these."""
    rows: list[list[Cell]] = []
    reads = list(read_by(asked.services, run))
    names = _links(asked, [read.dataset_key for read in reads])
    for read, name in zip(reads, names, strict=True):
        if not read.parts:
            rows.append([name, read.version, read.how, _maker(read.maker)])
        rows += [
            [[name, f"partition {part.partition}"], part.version, read.how, _maker(part.maker)]
            for part in read.parts
        ]
    return section("Read", ["Name", "Version", "How it is known", "Written by"], rows)


def _maker(run: RunRow | None) -> Cell:
    return None if run is None else link("Run", run.key, run.run_id)


def _wrote(asked: Asked, keys: Sequence[str]) -> Section:
    return section("Wrote", ["Name"], [[name] for name in _links(asked, keys)])


def _links(asked: Asked, keys: Sequence[str]) -> list[Cell]:
    nodes = asked.services.state.nodes(keys)
    names = [(key, ref_of_key(asked.services, key)) for key in keys]
    return [link(nodes[key].label, key, name) if key in nodes else name for key, name in names]
