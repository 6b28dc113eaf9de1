"""The purpose verdict: may data be used for that, given what its sources were collected for?

Purposes follow the data as licenses do: everything that content lineage reaches must allow the
purpose, and a source that names none is unknown, which blocks.
"""

from __future__ import annotations

from catalog.judgement import Judgement, Reason, judgement
from catalog.licenses.ancestry import Ancestry
from lineage.state.port import StateReader
from lineage.trace.names import reference_text

__all__ = ["purpose_verdict"]


def purpose_verdict(
    state: StateReader, reached: Ancestry, *, purpose: str, subject: str
) -> Judgement:
    """Judge the purposes of everything that is in some datasets.

    Args:
        state: The state.
        reached: What they were made from, themselves included.
        purpose: DPV code, or one of the workspace's own.
        subject: Reference of what is to be made from them.
    """
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
