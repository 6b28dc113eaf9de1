"""The retention decision: pure, and the same for everybody who has the same facts.

The order in which rules that disagree are settled is the one of Microsoft Purview: a hold beats
everything; retaining beats deleting; the longest retention wins; an explicit deletion rule beats an
implicit one; among those left the shortest deletion wins. Where no rule applies, a rule contradicts
itself or the clock cannot start, nothing is deleted: a person must look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from lineage.facts import Json
from privacy.retention.schedule import Period, first_due_day

__all__ = ["Decision", "Outcome", "Rule", "decide"]

Outcome = Literal["keep", "due", "held", "review", "conflict"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One retention class as it applies to one dataset.

    Attributes:
        name: Name of the class.
        start: Date from which the clock runs; None where the event has not happened.
        keep: Keep at least this long; None where there is no such duty.
        delete: Keep no longer than this; None where there is no such limit.
        explicit: Assigned to the dataset itself; False where it comes from a default or a parent.
        action: What is done when due: ``delete``, or ``review`` by a person.
        basis: Legal basis of the class; empty where none is recorded.
    """

    name: str
    start: date | None
    keep: Period | None = None
    delete: Period | None = None
    explicit: bool = True
    action: Literal["delete", "review"] = "delete"
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a dataset now.

    Attributes:
        outcome: ``keep``, ``due``, ``held``, ``review`` (a person must look) or ``conflict``.
        due: First day on which deletion is due; None where no rule sets one.
        kept_until: Last day of the duty to keep; None where there is none.
        winner: The class that decides, or empty.
        reasons: In words, one line each, the deciding one first.
    """

    outcome: Outcome
    due: date | None
    kept_until: date | None
    winner: str
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Json]:
        """The decision as JSON; dates as ISO 8601."""
        return {
            "outcome": self.outcome,
            "due": self.due.isoformat() if self.due else None,
            "kept_until": self.kept_until.isoformat() if self.kept_until else None,
            "winner": self.winner,
            "reasons": list(self.reasons),
        }


def decide(rules: Sequence[Rule], holds: Sequence[str], now: int) -> Decision:
    """Keep, delete or look.

    Args:
        rules: Every class that applies.
        holds: Ids of the holds in force.
        now: Epoch milliseconds; read as a date in UTC.
    """
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    decision = _without_holds(rules, today)
    if not holds:
        return decision
    named = ", ".join(sorted(holds))
    reasons = (f"held: {named}", *decision.reasons)
    return Decision("held", decision.due, decision.kept_until, decision.winner, reasons)


def _without_holds(rules: Sequence[Rule], today: date) -> Decision:
    if not rules:
        return Decision("review", None, None, "", ("no retention class is assigned",))
    # The stricter one first, where a class comes twice: what lacks a basis must be looked at.
    order = sorted(
        rules, key=lambda r: (r.name, not r.explicit, bool(r.basis), r.action != "review")
    )
    contradictory = [rule.name for rule in order if _contradicts(rule)]
    if contradictory:
        reason = f"{', '.join(contradictory)}: must be kept longer than it may be kept"
        return Decision("conflict", None, None, contradictory[0], (reason,))
    return _settle(order, today)


def _settle(order: Sequence[Rule], today: date) -> Decision:
    waiting = [rule for rule in order if rule.start is None]
    kept_until, keeper = _longest_keep(order)
    due, winner, notes = _shortest_delete(order)
    if waiting:
        names = ", ".join(rule.name for rule in waiting)
        reason = f"{names}: the clock has not started, its event is not recorded"
        return Decision("review", None, kept_until, waiting[0].name, (reason, *notes))
    if kept_until is not None and (due is None or due <= kept_until) and keeper is not None:
        free = _day_after(kept_until)
        if due is not None:
            notes = (*notes, f"{keeper.name} keeps it longer than {winner} would: keeping wins")
            due = free
        if today <= kept_until:
            reason = f"{keeper.name} keeps it until {kept_until.isoformat()}"
            return Decision("keep", due, kept_until, keeper.name, (reason, *notes))
    if due is None:
        reason = "the duty to keep is over and no class says when to delete"
        if kept_until is None:
            reason = "no class sets a period"
        return Decision("review", None, kept_until, order[0].name, (reason, *notes))
    if today < due:
        reason = f"{winner} keeps it until the day before {due.isoformat()}"
        return Decision("keep", due, kept_until, winner, (reason, *notes))
    deciding = next(rule for rule in order if rule.name == winner and rule.delete is not None)
    outcome, reasons = _when_due(deciding, due, today)
    return Decision(outcome, due, kept_until, winner, (*reasons, *notes))


def _when_due(rule: Rule, due: date, today: date) -> tuple[Outcome, tuple[str, ...]]:
    overdue = (today - due).days
    reason = f"{rule.name}: due since {due.isoformat()}" + f" ({overdue} days)" * (overdue > 0)
    if not rule.basis:
        return "review", (reason, f"{rule.name} records no legal basis")
    return ("review" if rule.action == "review" else "due"), (reason,)


def _contradicts(rule: Rule) -> bool:
    if rule.keep is None or rule.delete is None:
        return False
    # Months and days do not compare by number; they do from a given date on. Without a start any
    # start would do to show a contradiction, and the two compared are leap and common years.
    starts = [rule.start] if rule.start else [date(2023, 1, 31), date(2024, 2, 29)]
    return any(rule.keep.last_day(start) > rule.delete.last_day(start) for start in starts)


def _longest_keep(rules: Sequence[Rule]) -> tuple[date | None, Rule | None]:
    kept = [(r.keep.last_day(r.start), r) for r in rules if r.keep and r.start]
    if not kept:
        return None, None
    last, rule = max(kept, key=lambda pair: pair[0])
    return last, rule


def _shortest_delete(rules: Sequence[Rule]) -> tuple[date | None, str, tuple[str, ...]]:
    deletes = [r for r in rules if r.delete is not None and r.start is not None]
    explicit = [r for r in deletes if r.explicit]
    notes: tuple[str, ...] = ()
    if explicit and len(explicit) < len(deletes):
        passed = ", ".join(r.name for r in deletes if not r.explicit)
        notes = (f"{passed} only applies by default: the class assigned wins",)
    days = [
        (first_due_day(r.start, r.delete), r.name)
        for r in (explicit or deletes)
        if r.start is not None and r.delete is not None
    ]
    if not days:
        return None, "", notes
    due, winner = min(days)
    return due, winner, notes


def _day_after(day: date) -> date:
    return day if day == date.max else date.fromordinal(day.toordinal() + 1)
