"""Rolling up: what nested jobs report of one movement of data, shown once, by the outermost job.

A task, its application and its query each name the same inputs and outputs. Seen from outside that
is one edge; which jobs within told of it stands in ``through``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from lineage.trace.model import TraceEdge

__all__ = ["rolled_up"]

_BEST: Final = ("declared", "columns", "indirect", "derived-sql", "static", "product")
"""What is known best first: of several kinds of one movement the first is shown."""


def rolled_up(edges: Iterable[TraceEdge], around: Mapping[str, tuple[str, str]]) -> list[TraceEdge]:
    """The edges, each by the outermost job, of which any two nodes have one in a direction.

    Args:
        edges: As the jobs themselves report them.
        around: Reference of a job to reference and name of the outermost one around it.
    """
    groups: dict[tuple[str, ...], list[TraceEdge]] = {}
    for edge in edges:
        outer, name = around.get(edge.job, (edge.job, edge.job_name))
        groups.setdefault((edge.type, edge.src, edge.dst, outer, name), []).append(edge)
    return [_one(found, *key[3:]) for key, found in groups.items()]


def _one(found: list[TraceEdge], job: str, name: str) -> TraceEdge:
    best = min(found, key=_rank)
    return msgspec.structs.replace(
        best,
        job=job,
        job_name=name,
        role=min((edge.role for edge in found if edge.role), default=None),
        through=tuple(sorted({edge.job for edge in found} - {job, ""})),
    )


def _rank(edge: TraceEdge) -> tuple[int, str, str, bytes]:
    kind = edge.kind
    place = _BEST.index(kind) if kind in _BEST else len(_BEST)
    return place, kind, edge.job, msgspec.json.encode(edge.props, order="deterministic")
