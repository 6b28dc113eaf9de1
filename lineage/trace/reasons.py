"""What is missing from an answer, what else to know about it, and how to go on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lineage.graph.port import Limits, View
from lineage.trace.model import Hidden, TraceEdge, TraceReason
from lineage.trace.reached import Reached

__all__ = ["bytes_reason", "notes_reason", "reasons_of"]

KNOWN_MODES = ("append", "overwrite")
_GO_ON: Mapping[str, str] = {
    "depth": "go further with --depth, up to limits.trace_depth; or trace one of the farthest on",
    "nodes": "raise limits.trace_nodes, take fewer steps with --depth, or name the end with --to",
    "edges": "raise limits.trace_edges, or trace one of the farthest on",
    "facts": "ask for a later position, or about something nearer to its sources",
    "time": "raise limits.trace_seconds, take fewer steps with --depth, or trace one of the "
    "farthest on",
}


def reasons_of(
    reached: Reached,
    edges: Sequence[TraceEdge],
    view: View,
    limits: Limits,
    *,
    hidden: Hidden,
    unnamed: int,
    mentioned: Collection[str],
) -> tuple[TraceReason, ...]:
    """Reasons in a fixed order; those that leave something out come first."""
    reasons = [
        TraceReason(name, _stop(name, reached, limits), 0, missing=True, advice=_GO_ON[name])
        for name in reached.truncated
    ]

    def note(code: str, count: int, text: str, *, missing: bool, advice: str = "") -> None:
        if count:
            reasons.append(TraceReason(code, text, count, missing, advice))

    note("unresolved", unnamed, f"{_count(unnamed, 'node')} cannot be named", missing=True)
    behind = ", and what lies behind" if hidden.behind else ""
    note(
        "hidden",
        hidden.nodes,
        f"{_count(hidden.nodes, 'node')} hidden from you{behind}",
        missing=True,
        advice="ask somebody who may see more",
    )
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
    if "no-path" in reached.gaps:
        far = " as far as the walk went" if reached.truncated else ""
        reasons.append(TraceReason("no-path", f"no way leads there{far}", 0, missing=False))
    only = len([key for key in mentioned if key in reached.depths])
    note(
        "mentioned",
        only,
        f"{_count(only, 'dataset')} known by mention alone: no event read, wrote or described "
        f"{'it' if only == 1 else 'them'}",
        missing=False,
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


def bytes_reason(shown: int, total: int, most: int) -> TraceReason:
    """The answer was too large for one page."""
    return TraceReason(
        "bytes",
        f"the answer stops after {shown:,} of {_count(total, 'node')}, at {most / 1e6:.3g} MB",
        total - shown,
        missing=True,
        advice="ask for the next page: --after with the cursor given as `next`",
    )


def notes_reason(unnoted: int, limits: Limits) -> TraceReason:
    """Time was up before all nodes were annotated."""
    return TraceReason(
        "notes",
        f"after {limits.seconds:g} s nothing is said beside {_count(unnoted, 'node')}",
        unnoted,
        missing=True,
        advice="ask for pages with --limit",
    )


def _stop(name: str, reached: Reached, limits: Limits) -> str:
    """Which limit, and how far the walk came."""
    nodes = len(reached.depths)
    far = max(reached.depths.values(), default=0)
    came = f"with {_count(nodes, 'node')}, up to {_count(far, 'edge')} away"
    return {
        "depth": f"the walk stopped {_count(limits.depth, 'edge')} away, with "
        f"{_count(nodes, 'node')}; more lies beyond",
        "nodes": f"the walk stopped after {_count(limits.nodes, 'node')}, up to "
        f"{_count(far, 'edge')} away; more lies beyond",
        "edges": f"the walk stopped before {_count(limits.edges, 'edge')} were read, {came}; "
        "more lies beyond",
        "facts": "more facts are concerned than can be folded again for one answer; older ones "
        "are left out",
        "time": f"the walk stopped after {limits.seconds:g} s, {came}; more may lie beyond",
    }[name]


def _unknown_modes(reached: Reached) -> int:
    written = {edge.dst for edge in reached.edges if edge.type == "FEEDS"}
    nodes = (reached.nodes[key] for key in written if key in reached.nodes)
    return sum(
        node.label == "Dataset" and node.props.get("write_mode") not in KNOWN_MODES
        for node in nodes
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
