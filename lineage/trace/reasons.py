"""What is missing from an answer, and what else to know about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lineage.graph.port import Limits, View
from lineage.trace.model import TraceEdge, TraceReason
from lineage.trace.names import reference
from lineage.trace.reached import Reached

__all__ = ["reasons_of"]

KNOWN_MODES = ("append", "overwrite")


def reasons_of(
    reached: Reached, edges: Sequence[TraceEdge], view: View, limits: Limits
) -> tuple[TraceReason, ...]:
    """Reasons in a fixed order; those that leave something out come first."""
    stops = {
        "depth": f"the walk stopped {_count(limits.depth, 'edge')} away, and more lies beyond",
        "nodes": f"the walk stopped after {_count(limits.nodes, 'node')}, and more lies beyond",
        "time": f"the walk stopped after {limits.seconds:g} s, and more may lie beyond",
    }
    reasons = [TraceReason(name, stops[name], 0, missing=True) for name in reached.truncated]

    def note(code: str, count: int, text: str, *, missing: bool) -> None:
        if count:
            reasons.append(TraceReason(code, text, count, missing))

    unnamed = sum(
        key not in reached.nodes or reference(reached.nodes[key]) is None for key in reached.depths
    )
    note("unresolved", unnamed, f"{_count(unnamed, 'node')} cannot be named", missing=True)
    bare = reached.gaps.get("no-columns", 0)
    note(
        "no-columns",
        bare,
        f"{_count(bare, 'dataset')} at the start show no columns",
        missing=True,
    )
    gap = reached.gaps.get("column-gap", 0)
    note(
        "column-gap",
        gap,
        f"{_count(gap, 'column')} end where a job told its datasets but not its columns",
        missing=True,
    )
    if view == "content":
        unknown = _unknown_modes(reached)
        note(
            "write-mode-unknown",
            unknown,
            f"{_count(unknown, 'dataset')} without a known write mode: what once went in counts "
            "as still inside",
            missing=False,
        )
    inferred = sum(edge.inferred for edge in edges)
    note(
        "inferred",
        inferred,
        f"{_count(inferred, 'edge')} inferred from what a job reads and writes",
        missing=False,
    )
    return tuple(reasons)


def _unknown_modes(reached: Reached) -> int:
    written = {edge.dst for edge in reached.edges if edge.type == "FEEDS"}
    nodes = (reached.nodes[key] for key in written if key in reached.nodes)
    return sum(
        node.label == "Dataset" and node.props.get("write_mode") not in KNOWN_MODES
        for node in nodes
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
