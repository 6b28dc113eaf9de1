"""How often a test that gains from more rounds repeats itself."""

from __future__ import annotations

import os

__all__ = ["in_campaign", "profile", "rounds"]

_PROFILES = {"": "usual", "0": "usual", "minutes": "minutes", "1": "campaign"}


def profile() -> str:
    """``usual`` in ``make test``, ``campaign`` in ``make campaign``, or ``minutes`` between them.

    ``TRACEHOLD_CAMPAIGN`` says it: unset, 1, or ``minutes``.
    """
    return _PROFILES[os.environ.get("TRACEHOLD_CAMPAIGN", "")]


def in_campaign() -> bool:
    """Whether ``make campaign`` runs, long or for minutes."""
    return profile() != "usual"


def rounds(*, usual: int, campaign: int, minutes: int | None = None) -> int:
    """The number of rounds for this run.

    Args:
        usual: In ``make test``: enough to catch a plain mistake, a few seconds at most.
        campaign: In ``make campaign``: as many as the claim needs.
        minutes: In ``make campaign`` with ``TRACEHOLD_CAMPAIGN=minutes``; by default a tenth of
            the campaign, and no fewer than usual.
    """
    if minutes is None:
        minutes = max(usual, campaign // 10)
    return {"usual": usual, "minutes": minutes, "campaign": campaign}[profile()]
