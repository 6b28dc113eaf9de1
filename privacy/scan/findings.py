"""What a scan says about a column: type, place, counts. Never a value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lineage.facts import Json

__all__ = ["ColumnFinding", "Interval", "Method", "Tier", "wilson"]

Tier = Literal["confirmed", "candidate", "none"]
Method = Literal["full", "sample", "needle", "typed", "hint", "empty"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ColumnFinding:
    """One entity type in one column, or with tier ``none`` the statement that none was seen.

    Attributes:
        column: Name of the column.
        entity: Entity type, for example ``EMAIL_ADDRESS``; empty where tier is ``none``.
        tier: ``confirmed``, ``candidate`` (look at it) or ``none``.
        prevalence: Share of the cells that hold the entity, 0 to 1.
        interval: 95 % Wilson interval of the prevalence; degenerate where every value was seen.
        rows_seen: Cells that were looked at by the detector or by the whole-column pass.
        rows_total: Cells of the column, nulls included.
        method: ``full`` (every distinct value), ``sample``, ``needle`` (whole-column search for
            rare hits), ``typed`` (not text), ``hint`` (the column's name alone), ``empty``.
        score: Best score of the detector, 0 to 1.
        reason: In words why the tier is what it is.
    """

    column: str
    entity: str
    tier: Tier
    prevalence: float
    interval: Interval
    rows_seen: int
    rows_total: int
    method: Method
    score: float
    reason: str = ""

    def as_dict(self) -> dict[str, Json]:
        """The finding as ``pii scan --json`` shows it; ``type`` is the entity type."""
        return {
            "column": self.column,
            "type": self.entity,
            "tier": self.tier,
            "prevalence": self.prevalence,
            "interval": list(self.interval),
            "rows_seen": self.rows_seen,
            "rows_total": self.rows_total,
            "method": self.method,
            "score": self.score,
            "reason": self.reason,
        }


def wilson(hits: int, seen: int) -> Interval:
    """The 95 % Wilson score interval of a share.

    Raises:
        ValueError: More hits than trials.
    """
    if hits > seen or hits < 0:
        raise ValueError("hits lie between 0 and the number of trials")
    if seen == 0:
        return (0.0, 1.0)
    z = 1.959963984540054
    share = hits / seen
    scale = 1 + z * z / seen
    center = (share + z * z / (2 * seen)) / scale
    half = z * math.sqrt(share * (1 - share) / seen + z * z / (4 * seen * seen)) / scale
    low = 0.0 if hits == 0 else max(0.0, center - half)
    high = 1.0 if hits == seen else min(1.0, center + half)
    return (round(low, 6), round(high, 6))
