"""The due list over a real state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from openlineage_events import dataset
from privacy_world import DAY, START, World, ref

from catalog.manifests.retention import RetentionClass
from privacy.events import DatasetPurged, RetentionAssigned, kind_of
from privacy.facets import retention_facet
from privacy.holds import place_hold
from privacy.retention.due import DueRow, due_list

CLASSES = {
    "contracts": RetentionClass(
        name="contracts", clock_start="collection_end", period="P6M", legal_basis="BGB § 195",
        source="https://example.org", review_by=dt.date(2030, 1, 1),
    ),
    "tax": RetentionClass(
        name="tax", clock_start="ingested", period="P12Y", min_keep="P10Y", legal_basis="AO § 147",
        source="https://example.org", review_by=dt.date(2030, 1, 1),
    ),
    "idle": RetentionClass(
        name="idle", clock_start="last_use", period="P30D", legal_basis="policy 7",
        source="https://example.org", review_by=dt.date(2030, 1, 1),
    ),
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    bookings = dataset(
        "bookings", tracehold_retention=retention_facet("contracts", clock_start="2025-01-31")
    )
    made.emit("ingest", -50, [], [bookings])
    made.emit("join", -40, ["bookings"], ["joined"])
    made.emit("other", -40, [], ["unclassed"])
    yield made
    made.close()


def rows(world: World, now: int = START) -> dict[str, DueRow]:
    found = due_list(world.desk.reader, world.state, CLASSES, now=now, policy_digest="p")
    return {row.ref: row for row in found}


def test_what_is_overdue_comes_first_with_its_reason_and_what_it_rests_on(world: World) -> None:
    first = due_list(world.desk.reader, world.state, CLASSES, now=START, policy_digest="p")[0]
    assert first.ref == ref("bookings")
    assert first.decision.outcome == "due"
    assert first.decision.due == dt.date(2025, 8, 1)
    assert "2025-08-01" in first.decision.reasons[0]
    assert first.policy_digest == "p"
    assert first.facts
    assert first.known_at == world.state.position()


def test_what_was_made_from_it_falls_under_its_class_by_default(world: World) -> None:
    row = rows(world)[ref("joined")]
    assert (row.classes, row.decision.outcome) == (("contracts",), "due")


def test_a_missing_or_unknown_class_is_flagged_and_never_deleted(world: World) -> None:
    assert rows(world)[ref("unclassed")].decision.outcome == "review"
    body = RetentionAssigned(ref("unclassed"), "no-such-class", "typo", "2000-01-01")
    world.record("p-officer", kind_of(body), body, None)
    row = rows(world)[ref("unclassed")]
    assert (row.classes, row.decision.outcome) == (("no-such-class",), "review")


def test_a_decision_beats_the_facet_and_keeps_what_must_be_kept(world: World) -> None:
    body = RetentionAssigned(ref("bookings"), "tax", "tax law", "2025-01-31")
    world.record("p-officer", kind_of(body), body, None)
    row = rows(world)[ref("bookings")]
    assert (row.decision.outcome, row.decision.kept_until) == ("keep", dt.date(2035, 1, 31))


def test_a_hold_is_shown_on_it_and_on_what_was_made_from_it(world: World) -> None:
    place_hold(world.desk, "p-officer", hold="h", matter="m", reason="r", scope=[ref("bookings")])
    assert {r.decision.outcome for n, r in rows(world).items() if n != ref("unclassed")} == {"held"}
    assert rows(world)[ref("joined")].holds == ("h",)


def test_a_clock_that_starts_with_the_last_use_moves_with_every_read(world: World) -> None:
    body = RetentionAssigned(ref("bookings"), "idle", "policy")
    world.record("p-officer", kind_of(body), body, None)
    assert rows(world)[ref("bookings")].decision.outcome == "keep"
    later = START + 40 * DAY
    assert rows(world, later)[ref("bookings")].decision.outcome == "due"
    world.emit("join", 39 * 24 * 60, ["bookings"], ["joined"])
    assert rows(world, later)[ref("bookings")].decision.outcome == "keep"


def test_what_was_purged_is_not_listed(world: World) -> None:
    body = DatasetPurged(ref("bookings"), "case")
    world.record("p-executor", kind_of(body), body, None)
    assert ref("bookings") not in rows(world, START + DAY)


def test_what_is_written_again_after_a_purge_is_listed_again(world: World) -> None:
    world.record("p-executor", kind_of(body := DatasetPurged(ref("bookings"), "case")), body, None)
    world.emit("load", 60, [], ["bookings"])
    assert ref("bookings") not in rows(world, START + 30 * 60_000)
    assert rows(world, START + DAY)[ref("bookings")].decision.outcome == "due"
