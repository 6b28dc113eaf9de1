"""Grants open what is guarded, to one person, for a time; who was told what is on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from seeing_world import CLOSED, SECRET, Estate, estate
from tracehold_world import Api

from lineage.errors import Conflict, Denied, InvalidInput, NotFound, Unavailable
from lineage.journal.envelope import decode
from lineage.state.words import said_of
from tracehold.access import READERS
from tracehold.access_log import STREAM, WINDOW_MILLIS, AccessLog
from tracehold.http.app import create_app
from tracehold.sights import ALL_SEEING, KeptMarks
from tracehold.ui.pages import add_pages

DAY = 24 * 60 * 60 * 1000
PATIENTS = f"dataset?ref=dataset:[shop]patients_{SECRET}"
SALARIES = f"dataset?ref=dataset:[{CLOSED}]salaries_{SECRET}"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Estate]:
    with estate(tmp_path / "shop") as found:
        yield found


def give(made: Estate, person: str = "erin", **more: Any) -> Any:
    body: dict[str, Any] = {"namespaces": ["*"], "reason": "ticket 7", "expires": "2026-05-01"}
    return made.do(made.officer, "grant.give", person=person, **{**body, **more})


def status(made: Estate, path: str, token: str = "") -> int:
    return made.api.send("GET", f"/api/v1/{path}", token=token or made.engineer).status_code


def test_a_grant_opens_a_namespace_and_a_class_apart(made: Estate) -> None:
    assert (status(made, PATIENTS), status(made, SALARIES)) == (404, 404)
    give(made, namespaces=["hr-*"])
    assert (status(made, PATIENTS), status(made, SALARIES)) == (404, 200)
    give(made, namespaces=["shop"], classes=["special"])
    assert (status(made, PATIENTS), status(made, SALARIES)) == (200, 200)


def test_what_a_grant_opens_in_one_namespace_stays_guarded_in_others(made: Estate) -> None:
    give(made, namespaces=["hr-*"], classes=["special"])
    assert status(made, PATIENTS) == 404


def test_a_grant_that_is_over_opens_nothing_with_the_next_call(made: Estate) -> None:
    now = made.api.services.clock()
    given = give(made, classes=["special"], expires="2026-02-26")
    assert status(made, PATIENTS) == 200
    made.api.services.clock.now = now + 10 * DAY  # type: ignore[attr-defined]
    assert status(made, PATIENTS) == 404
    [shown] = [g for g in made.ask(made.auditor, "grants")["items"] if g["grant"] == given["grant"]]
    assert shown["holds"] is False


def test_a_grant_that_is_taken_back_opens_nothing_with_the_next_call(made: Estate) -> None:
    given = give(made, classes=["special"])
    assert status(made, PATIENTS) == 200
    made.do(made.officer, "grant.end", person="erin", grant=given["grant"], reason="done")
    assert status(made, PATIENTS) == 404
    with pytest.raises(Conflict):
        made.do(made.officer, "grant.end", person="erin", grant=given["grant"], reason="done")


def test_what_is_guarded_is_looked_up_again_at_once_unless_a_look_is_dear(
    made: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = count(step=3600.0)
    looks = []

    def looked(db: sqlite3.Connection, aspects: Sequence[str]) -> object:
        looks.append(aspects)
        return said_of(db, aspects)

    monkeypatch.setattr("tracehold.sights.said_of", looked)
    state = made.api.services.state
    for kept in (KeptMarks(lambda: next(moments)), KeptMarks(lambda: 0.0, lambda: 0.0)):
        looks.clear()
        assert kept.at(state, ["special"])
        give(made)
        assert kept.at(state, ["special"])
        assert len(looks) == 2
    slow = KeptMarks(lambda: next(moments) / 3600, lambda: next(moments))
    looks.clear()
    for _ in range(4):
        give(made)
        assert slow.at(state, ["special"])
    assert 1 <= len(looks) < 4


def test_a_grant_is_for_one_person(made: Estate) -> None:
    other = made.api.hire("eve", "engineer")
    give(made, classes=["special"])
    assert status(made, PATIENTS, other) == 404


def test_nobody_grants_themselves_and_only_officers_grant(made: Estate) -> None:
    with pytest.raises(Conflict):
        give(made, person="olga")
    for token in (made.engineer, made.auditor, made.api.token()):
        with pytest.raises(Denied):
            made.do(
                token, "grant.give", person="erin", namespaces=["*"], reason="x",
                expires="2026-05-01",
            )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires": "2020-01-01"}, {"expires": "2029-01-01"}, {"expires": "soon"}, {"reason": " "},
        {"namespaces": []}, {"namespaces": [""]}, {"classes": ["everything"]},
    ],
)  # fmt: skip
def test_a_grant_without_reason_end_or_place_is_refused(made: Estate, wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        give(made, **wrong)


def test_an_unknown_person_and_an_unknown_grant_are_not_found(made: Estate) -> None:
    with pytest.raises(NotFound):
        give(made, person="nobody")
    with pytest.raises(NotFound):
        made.do(made.officer, "grant.end", person="erin", grant="G-0", reason="x")


def test_the_limited_see_their_own_grants_alone(made: Estate) -> None:
    eve = made.api.hire("eve", "engineer")
    give(made, namespaces=["hr-*"])
    give(made, person="eve", namespaces=["crm"])
    assert [one["name"] for one in made.ask(eve, "grants")["items"]] == ["eve"]
    assert len(made.ask(made.auditor, "grants")["items"]) == 2


def test_the_roles_that_see_everything_are_those_that_judge_execute_or_audit(
    made: Estate,
) -> None:
    # A planner plans whatever is due, and asks nothing.
    for role in ("engineer", "admin", *sorted(ALL_SEEING & READERS)):
        token = made.api.hire(f"one-{role}", role)
        assert status(made, PATIENTS, token) == (200 if role in ALL_SEEING else 404), role


def read(made: Estate) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = made.ask(made.auditor, "reads?limit=1000")["items"]
    # Asking for the reads is one.
    return [one for one in items if one["question"] != "reads"]


def test_whoever_is_told_where_personal_data_is_stands_on_record(made: Estate) -> None:
    assert read(made) == []
    made.ask(made.auditor, "pii.exposure")
    made.ask(made.engineer, "dataset?ref=dataset:[shop]orders")
    made.ask(made.engineer, "trace?ref=dataset:[shop]joined")
    made.ask(made.engineer, "jobs")
    assert [(one["name"], one["question"], one["ref"]) for one in read(made)] == [
        ("aude", "pii.exposure", ""),
        ("erin", "dataset", "dataset:[shop]orders"),
        ("erin", "trace", "dataset:[shop]joined"),
    ]


def test_a_page_that_says_it_counts_as_a_read(made: Estate) -> None:
    served = Api(made.api.services, made.api.settings)
    served.app = create_app(made.api.services, extend=[add_pages])
    for path in ("/pii", "/jobs", "/pii"):
        assert served.send("GET", path, token=made.auditor).status_code == 200
    assert [(one["name"], one["question"]) for one in read(made)] == [("aude", "page /pii")]


def test_the_same_read_is_recorded_once_an_hour(made: Estate) -> None:
    for _ in range(20):
        made.ask(made.auditor, "pii.exposure")
    assert len(read(made)) == 1
    made.api.services.clock.now += WINDOW_MILLIS  # type: ignore[attr-defined]
    made.ask(made.auditor, "pii.exposure")
    assert len(read(made)) == 2


def test_reads_are_a_dense_stream_without_names(made: Estate) -> None:
    made.ask(made.auditor, "pii.exposure")
    made.ask(made.auditor, "dataset?ref=dataset:[shop]orders")
    journal = made.api.services.journal
    envelopes = [journal.at(position).envelope for position in journal.members(STREAM)]
    assert [decode(one).kind for one in envelopes] == ["access.read/1"] * 2
    assert all(b"orders" not in one and b"aude" not in one for one in envelopes)
    proven = made.ask(made.auditor, f"stream?stream={STREAM}")
    assert len(proven["members"]) == 2


def test_what_cannot_be_recorded_is_not_told(made: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise Unavailable("the journal takes nothing any more")

    monkeypatch.setattr(AccessLog, "note", full)
    assert status(made, "pii.exposure", made.auditor) == 503
    assert status(made, "jobs", made.auditor) == 200


def test_who_read_what_is_for_those_who_audit(made: Estate) -> None:
    assert status(made, "reads") == 403
    assert status(made, "growth") == 403
