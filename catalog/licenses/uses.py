"""What people want to do with data, and how strictly unsettled questions are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

__all__ = ["USES", "Severity", "Use", "UseName"]

UseName = Literal["train-for-release", "train-internal", "evaluate"]
Weighting = Literal["deny", "flag"]


@dataclass(frozen=True, slots=True)
class Use:
    """A use of data.

    Attributes:
        name: As manifests write it.
        commercial: Whether it is or may become commercial.
        research: Whether it serves research or testing only.
        shared: Whether what is made from the data leaves the organization.
    """

    name: UseName
    commercial: bool
    research: bool
    shared: bool


USES: Final[dict[str, Use]] = {
    "train-for-release": Use("train-for-release", commercial=True, research=False, shared=True),
    "train-internal": Use("train-internal", commercial=True, research=False, shared=False),
    "evaluate": Use("evaluate", commercial=False, research=True, shared=False),
}


class Severity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What questions that no court has settled do to a verdict: deny, or only be shown.

    Whether a model is an adaptation of what it was trained on is unsettled. These two clauses bind
    adaptations only.

    Attributes:
        no_derivatives: A source allows no adaptations, or none to be shared.
        share_alike: Sources ask for the same license in ways that no one license satisfies.
    """

    no_derivatives: Weighting = "deny"
    share_alike: Weighting = "deny"
