"""Waivers: an approver accepts named causes against one version of a model, for a time.

A waiver opens a gate and never changes a verdict: what was denied stays denied, and the waiver is
shown beside it. What is not known cannot be accepted for a release, because nobody can say what
risk was taken; an incomplete trace cannot be accepted at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from catalog.judgement import Judgement, Reason
from catalog.licenses.uses import Use
from lineage.state.port import AspectValue

__all__ = ["active_waivers", "apply_waivers"]

_NEVER: Final = frozenset({"incomplete"})


def active_waivers(
    aspects: Mapping[str, Sequence[AspectValue]], as_of: int
) -> dict[str, AspectValue]:
    """Waivers in force by id, from the aspects ``waiver`` and ``waiver_ended`` of a model.

    Args:
        aspects: Read as of the same moment.
        as_of: Epoch milliseconds; a waiver covers nothing from its expiry on.
    """
    ended = {value.slot for value in aspects.get("waiver_ended", ())}
    return {
        value.slot: value
        for value in aspects.get("waiver", ())
        if value.slot not in ended and value.value["expires"] > as_of
    }


def apply_waivers(judgement: Judgement, waivers: Mapping[str, AspectValue], use: Use) -> Judgement:
    """The judgement with waivers noted at the reasons they cover.

    A waiver of a question, ``license``, covers all its causes; ``license/non-commercial`` one.
    """
    cited: set[str] = set()

    def noted(reason: Reason) -> Reason:
        unknown = reason.weight == "unknown"
        if reason.weight == "flag" or reason.code in _NEVER or (unknown and not use.research):
            return reason
        scopes = {judgement.question, f"{judgement.question}/{reason.code}"}
        for waiver, value in sorted(waivers.items()):
            if value.value["scope"] in scopes:
                cited.add(value.fact_id)
                return replace(reason, waiver=waiver)
        return reason

    reasons = tuple(noted(reason) for reason in judgement.reasons)
    return judgement.waived(reasons, tuple(cited))
