"""Jobs and data side by side: who reads and writes what, and how it went the last time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lineage.graph.port import EdgeType, Node
from lineage.state.port import RunRow
from lineage.state.run_listing import RunListing
from lineage.trace.names import reference_text
from tracehold.questions.entities import runs_json
from tracehold.ui.asked import Asked
from tracehold.ui.marks import Cell, Section, Tone, link, mark, moment, section, took

__all__ = ["newest_of", "run_rows", "touching"]

_READING: Final = frozenset({"Reads", "Read by"})
_TONES: Final[dict[str, Tone]] = {"COMPLETE": "good", "FAIL": "bad", "ABORT": "bad"}


def run_rows(asked: Asked, runs: Sequence[RunRow]) -> list[list[Cell]]:
    """Runs as rows: id, state as it is shown now, start and duration."""
    return [
        [
            link("Run", row.key, row.run_id),
            mark(str(told["state"]).lower(), _TONES.get(str(told["state"]), "warn")),
            moment(row.started),
            took(row.started, row.ended),
        ]
        for row, told in zip(runs, runs_json(asked.services, runs), strict=True)
    ]


def newest_of(asked: Asked, job_keys: Sequence[str]) -> dict[str, list[Cell]]:
    """State of the newest run of each job that ever ran, and when it was last heard of."""
    newest = RunListing(asked.services.state).newest_runs(job_keys)
    rows = run_rows(asked, list(newest.values()))
    told = zip(newest.items(), rows, strict=True)
    return {key: [row[1], moment(run.last)] for (key, run), row in told}


def touching(asked: Asked, node: Node, heading: str) -> Section:
    """What stands on the other side of reading or writing, now or before.

    Args:
        asked: The request.
        node: A job or a dataset.
        heading: ``Reads`` or ``Writes`` of a job, ``Read by`` or ``Written by`` of a dataset.
    """
    graph, now = asked.services.state.graph, asked.services.clock()
    edge_type: EdgeType = "READ" if heading in _READING else "WROTE"
    current: dict[str, bool] = {}
    for edge in graph.neighbors(node.key, edge_types=(edge_type,)):
        other = edge.dst if edge.src == node.key else edge.src
        current[other] = current.get(other, False) or edge.holds_at("structural", now)
    nodes = asked.services.state.nodes(list(current))
    order = sorted((not current[key], reference_text(one, key), key) for key, one in nodes.items())
    rows: list[list[Cell]] = [
        [link(nodes[key].label, key, name), mark("before") if past else mark("now", "good")]
        for past, name, key in order
    ]
    if node.label == "Job":
        return section(heading, ["Name", "When"], rows)
    newest = newest_of(asked, [key for _, _, key in order])
    told = [newest.get(key, [None, None]) for _, _, key in order]
    rows = [[*row, *more] for row, more in zip(rows, told, strict=True)]
    return section(heading, ["Name", "When", "Newest run", "Last heard"], rows)
