"""The purpose verdict: may data be used for that, given what its sources were collected for?

Purposes follow the data as licenses do: everything that content lineage reaches must allow the
purpose, and a source that names none is unknown, which blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

from catalog.judgement import Judgement, Reason, judgement
from catalog.licenses.ancestry import WIDE, ancestry
from lineage.graph.port import GraphReader, Limits
from lineage.state.port import StateReader
from lineage.trace.names import reference_text

__all__ = ["purpose_verdict"]


def purpose_verdict(
    reader: GraphReader,
    state: StateReader,
    inputs: Sequence[str],
    *,
    purpose: str,
    subject: str,
    as_of: int,
    limits: Limits = WIDE,
) -> Judgement:
    """Judge the purposes of everything that is in some datasets.

    Args:
        reader: The graph.
        state: The state of the same position.
        inputs: Keys of the datasets.
        purpose: DPV code, or one of the workspace's own.
        subject: Reference of what is to be made from them.
        as_of: Epoch milliseconds.
        limits: What the walk may cost.
    """
    reached = ancestry(reader, state, inputs, as_of=as_of, limits=limits)
    terms = reached.said(state, "terms")
    nodes = state.nodes(reached.keys)
    reasons: list[Reason] = []
    basis: set[str] = set()
    facts: set[str] = set()
    for thing, keys in sorted(reached.members.items()):
        said = [value for key in keys for value in terms.get(key, ())]
        allowed = sorted({one for v in said for one in v.value.get("purposes") or ()})
        if not allowed and thing not in reached.sources:
            continue
        path = (*(reference_text(nodes.get(one), one) for one in reached.path(thing)), subject)
        facts |= {value.fact_id for value in said}
        if not allowed:
            what = "no purpose is recorded for a source"
            reasons.append(Reason("no-purpose", what, path[0], path, "unknown"))
            continue
        basis.add(f"{path[0]}: {', '.join(allowed)}")
        if purpose not in allowed:
            what = f"{purpose} is none of its purposes ({', '.join(allowed)})"
            reasons.append(Reason("purpose", what, path[0], path))
    reasons += [
        Reason("incomplete", f"the trace stopped at its limit of {limit}", subject, (), "unknown")
        for limit in reached.truncated
    ]
    return judgement("purpose", subject, reasons, facts, basis)
