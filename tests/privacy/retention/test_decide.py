"""The retention decision: never early, never late, a hold always wins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.retention.decide import Rule, decide
from privacy.retention.schedule import Period, first_due_day

START = date(2024, 1, 31)


def at(day: date, hour: int = 12) -> int:
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def rule(name: str = "c", **changes: object) -> Rule:
    fields: dict[str, object] = {"start": START, "delete": Period(12), "basis": "contract"}
    return Rule(name, **(fields | changes))  # type: ignore[arg-type]


periods = st.one_of(st.none(), st.builds(Period, st.integers(0, 36), st.integers(0, 60)))
rules = st.builds(
    Rule,
    name=st.sampled_from("abc"),
    start=st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2025, 1, 1))),
    keep=periods,
    delete=periods,
    explicit=st.booleans(),
    action=st.sampled_from(("delete", "review")),
    basis=st.sampled_from(("", "law")),
)
lists = st.lists(rules, max_size=4)
days = st.dates(date(2019, 1, 1), date(2032, 1, 1))


@given(lists, days)
def test_nothing_is_deleted_early(found: list[Rule], day: date) -> None:
    decision = decide(found, (), at(day))
    if decision.outcome != "due":
        return
    for one in found:
        assert one.start is not None
        assert one.keep is None or day > one.keep.last_day(one.start)
    explicit = [one for one in found if one.explicit and one.delete]
    deletes = explicit or [one for one in found if one.delete]
    earliest = min(first_due_day(o.start, o.delete) for o in deletes if o.start and o.delete)
    assert day >= earliest


@given(lists, days)
def test_nothing_is_deleted_late(found: list[Rule], day: date) -> None:
    """Where no rule keeps it, a limit that has passed is never answered with "keep"."""
    if not found or any(one.keep or one.start is None for one in found):
        return
    explicit = [one for one in found if one.explicit and one.delete] or [
        one for one in found if one.delete
    ]
    limits = [first_due_day(o.start, o.delete) for o in explicit if o.start and o.delete]
    decision = decide(found, (), at(day))
    if limits and day >= min(limits):
        assert decision.outcome in {"due", "review"}
        assert decision.due == min(limits)
    elif limits:
        assert decision.outcome == "keep"


@given(lists, days, st.lists(st.sampled_from(("h1", "h2")), min_size=1))
def test_a_hold_always_wins(found: list[Rule], day: date, holds: list[str]) -> None:
    decision = decide(found, holds, at(day))
    assert decision.outcome == "held"
    assert holds[0] in decision.reasons[0]
    assert len(decision.reasons) > 1


@given(lists, days, st.randoms())
def test_the_order_of_rules_does_not_matter(found: list[Rule], day: date, dice: object) -> None:
    shuffled = list(found)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = decide(found, (), at(day)), decide(shuffled, (), at(day))
    assert (one.outcome, one.due, one.kept_until) == (other.outcome, other.due, other.kept_until)


@given(st.lists(rules, min_size=1, max_size=4), days)
def test_every_decision_says_why(found: list[Rule], day: date) -> None:
    assert all(decide(found, (), at(day)).reasons)


def test_it_is_kept_through_the_last_hour_of_the_last_day() -> None:
    last = date(2025, 1, 31)
    assert decide([rule()], (), at(last, 23)).outcome == "keep"
    decision = decide([rule()], (), at(last + timedelta(days=1), 0))
    assert (decision.outcome, decision.due) == ("due", date(2025, 2, 1))


def test_no_class_and_no_clock_and_no_basis_are_for_a_person_to_look_at() -> None:
    far = at(date(2030, 1, 1))
    assert decide([], (), far).outcome == "review"
    assert decide([rule(start=None)], (), far).outcome == "review"
    assert decide([rule(basis="")], (), far).outcome == "review"
    assert decide([rule(action="review")], (), far).outcome == "review"
    assert decide([rule(delete=None)], (), far).outcome == "review"


def test_a_class_that_contradicts_itself_is_shown_and_never_settled() -> None:
    decision = decide([rule(keep=Period(24))], (), at(date(2040, 1, 1)))
    assert decision.outcome == "conflict"
    assert decide([rule(keep=Period(6), delete=Period(0, 182))], (), 0).outcome != "conflict"
    assert decide([rule(keep=Period(0, 183), delete=Period(6))], (), 0).outcome == "conflict"


def test_keeping_beats_deleting_and_the_longest_keeps() -> None:
    short = rule("short", delete=Period(6))
    tax = rule("tax", delete=None, keep=Period(120))
    audit = rule("audit", delete=None, keep=Period(24))
    decision = decide([short, tax, audit], (), at(date(2026, 1, 1)))
    assert (decision.outcome, decision.winner) == ("keep", "tax")
    assert "short" in " ".join(decision.reasons)
    assert decide([short, tax], (), at(date(2034, 2, 1))).outcome == "due"


def test_a_class_assigned_beats_a_default_and_then_the_shortest_wins() -> None:
    default = rule("default", delete=Period(1), explicit=False)
    long = rule("long", delete=Period(36))
    longer = rule("longer", delete=Period(60))
    decision = decide([default, long, longer], (), at(date(2026, 1, 1)))
    assert (decision.outcome, decision.winner) == ("keep", "long")


@pytest.mark.parametrize("extra", [timedelta(0), timedelta(days=1), timedelta(days=400)])
def test_the_days_overdue_are_said(extra: timedelta) -> None:
    decision = decide([rule()], (), at(date(2025, 2, 1) + extra))
    assert (f"{extra.days} days" in decision.reasons[0]) == bool(extra.days)
