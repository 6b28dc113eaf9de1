"""How often a test that gains from more rounds repeats itself."""

from __future__ import annotations

import os

__all__ = ["in_campaign", "rounds"]


def in_campaign() -> bool:
    """Whether ``make campaign`` runs."""
    return os.environ.get("TRACEHOLD_CAMPAIGN") == "1"


def rounds(*, usual: int, campaign: int) -> int:
    """The number of rounds for this run.

    Args:
        usual: In ``make test``: enough to catch a plain mistake, a few seconds at most.
        campaign: In ``make campaign``: as many as the claim needs.
    """
    return campaign if in_campaign() else usual
