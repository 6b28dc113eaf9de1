"""What privacy refuses, each with its own code.

Conflict
├── HoldInForce       a hold wins at every step
├── StalePlan         files, lineage, clock or lifetime are not as approved
├── ApprovalMissing   two valid approvals are needed
├── Leftover          the second reading found something
└── ContentReturned   deleted content must not come back
"""

from __future__ import annotations

from lineage.errors import Conflict

__all__ = ["ApprovalMissing", "ContentReturned", "HoldInForce", "Leftover", "StalePlan"]


class HoldInForce(Conflict):
    """A hold covers it."""

    code = "hold-in-force"


class StalePlan(Conflict):
    """The plan does not describe the world any more; make a new one."""

    code = "stale-plan"


class ApprovalMissing(Conflict):
    """Fewer than two approvals count."""

    code = "approval-missing"


class Leftover(Conflict):
    """Something is left of what was purged."""

    code = "leftover"


class ContentReturned(Conflict):
    """Content that was deleted came back."""

    code = "content-returned"
