"""Acts: what they refuse, and that each leaves facts with an actor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tracehold_world import Api, Clockwork, complete, services_of, workspace

from catalog.people import Person
from lineage.errors import Conflict, Denied, InvalidInput, NotFound, Unauthenticated, Unavailable
from lineage.facts import Json
from tracehold.acts import ACTS, perform
from tracehold.bootstrap import open_services
from tracehold.workspace import PIPELINE


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        yield Api(services, settings)


def who(api: Api, token: str) -> Person:
    return api.services.people.by_token(token)


def do(api: Api, token: str, act: str, /, **body: Json) -> Json:
    return perform(api.services, who(api, token), act, body)


def test_every_fact_has_the_person_who_caused_it(api: Api) -> None:
    officer = api.hire("officer", "privacy-officer")
    before = api.services.journal.head().size
    api.send("POST", "/api/v1/lineage", token=api.token(PIPELINE), json=complete())
    do(api, officer, "hold.place", scope=["dataset:[shop]clean_1"], matter="m", reason="r")

    facts = api.services.journal.read(before)

    assert [fact.actor for fact in facts] == [
        who(api, api.token(PIPELINE)).id,
        who(api, officer).id,
    ]


def test_no_name_of_a_person_stands_in_an_envelope(api: Api) -> None:
    api.hire("Jane Doe", "auditor")
    for stored in api.services.journal.stored():
        assert b"Jane" not in stored.envelope
        assert msgspec.json.decode(stored.envelope)["actor"]


@pytest.mark.parametrize(
    "name", ["", " ", "../x", "a/b", ".hidden", "a\nb", "x" * 65, "-x", "a\0b"]
)
def test_a_name_that_could_not_name_a_file_is_refused(api: Api, name: str) -> None:
    with pytest.raises(InvalidInput):
        do(api, api.token(), "person.add", name=name, roles=["auditor"])


def test_a_taken_name_an_unknown_role_and_no_role_are_refused(api: Api) -> None:
    do(api, api.token(), "person.add", name="mary", roles=["auditor"])
    with pytest.raises(Conflict):
        do(api, api.token(), "person.add", name="mary", roles=["auditor"])
    with pytest.raises(InvalidInput):
        do(api, api.token(), "person.add", name="paul", roles=["root"])
    with pytest.raises(InvalidInput):
        do(api, api.token(), "person.add", name="paul", roles=[])


def test_duties_do_not_meet_in_an_admin(api: Api) -> None:
    for role in ("approver", "executor"):
        with pytest.raises(Conflict):
            do(api, api.token(), "person.add", name=f"x{role}", roles=["admin", role])
    api.hire("mary", "approver")
    with pytest.raises(Conflict):
        do(api, api.token(), "person.roles", person="mary", roles=["admin", "approver"])


def test_an_admin_neither_changes_the_own_account_nor_borrows_that_of_an_approver(
    api: Api,
) -> None:
    api.hire("mary", "approver")
    for act, body in (
        ("person.roles", {"person": "admin", "roles": ["admin", "auditor"]}),
        ("person.disable", {"person": "admin"}),
        ("token.issue", {"person": "mary"}),
    ):
        with pytest.raises(Conflict):
            do(api, api.token(), act, **body)


def test_nobody_makes_an_approver_of_somebody_whose_token_they_may_know(api: Api) -> None:
    api.hire("mary", "engineer")
    do(api, api.token(), "token.issue", person="mary")
    for roles in (["approver"], ["engineer", "executor"]):
        with pytest.raises(Conflict, match="cannot be given"):
            do(api, api.token(), "person.roles", person="mary", roles=roles)
    api.hire("paul", "approver", "engineer")
    # What was given with the account may stay, and go.
    assert do(api, api.token(), "person.roles", person="paul", roles=["approver"])
    assert do(api, api.token(), "person.roles", person="paul", roles=["auditor"])
    with pytest.raises(Conflict):
        do(api, api.token(), "person.roles", person="paul", roles=["approver"])


def test_a_further_token_works_until_it_is_revoked_or_expires(api: Api) -> None:
    api.hire("mary", "auditor")
    issued = do(api, api.token(), "token.issue", person="mary", days=1)
    assert who(api, issued["token"]).name == "mary"
    do(api, api.token(), "token.revoke", person="mary", token=issued["token_id"])
    with pytest.raises(Unauthenticated):
        who(api, issued["token"])
    for days in (0, -1, 10**9):
        with pytest.raises(InvalidInput):
            do(api, api.token(), "token.issue", person="mary", days=days)


def test_a_login_code_needs_a_server_that_keeps_it(tmp_path: Path) -> None:
    settings = workspace(tmp_path / "shop")
    with open_services(settings, write=True) as services:
        api = Api(services, settings)
        with pytest.raises(Unavailable) as caught:
            do(api, api.token(), "login.open")
    assert "tracehold up" in caught.value.advice


def test_a_waiver_can_come_before_the_training_and_ends_at_a_date(api: Api) -> None:
    approver = api.hire("mary", "approver")
    granted = do(
        api, approver, "waiver.grant", model="late@1", scope="license/non-commercial",
        reason="evaluation only", expires="2026-12-31",
    )  # fmt: skip
    assert granted["expires"] == "2026-12-31T00:00:00.000Z"
    assert do(api, approver, "waiver.end", model="late@1", waiver=granted["waiver"], reason="x")
    with pytest.raises(NotFound):
        do(api, approver, "waiver.end", model="late@2", waiver=granted["waiver"], reason="x")
    for wrong in (
        {"expires": "2020-01-01"}, {"expires": "soon"}, {"scope": "everything"},
        {"scope": "license/"}, {"reason": " "}, {"model": "late"},
    ):  # fmt: skip
        body = {"model": "late@1", "scope": "license", "reason": "r", "expires": "2026-12-31"}
        with pytest.raises(InvalidInput):
            do(api, approver, "waiver.grant", **{**body, **wrong})


def test_who_lacks_the_role_is_denied_before_anything_is_read(api: Api) -> None:
    auditor = api.hire("mary", "auditor")
    size = api.services.journal.head().size
    for name in ACTS:
        if name in ("login.open", "read.note"):
            continue
        with pytest.raises(Denied):
            perform(api.services, who(api, auditor), name, b"\xff not json")
    assert api.services.journal.head().size == size


def test_an_act_that_does_not_exist_is_denied_to_everybody(api: Api) -> None:
    with pytest.raises(Denied):
        do(api, api.token(), "person.promote")


def test_what_is_due_is_recorded_once_until_the_decision_changes(api: Api) -> None:
    api.send("POST", "/api/v1/lineage", token=api.token(), json=complete())
    first = do(api, api.token(), "retention.evaluate")
    assert first["recorded"] == first["evaluated"] > 0
    assert do(api, api.token(), "retention.evaluate")["recorded"] == 0


def test_filling_a_mirror_that_is_not_there_says_how_to_get_one(api: Api) -> None:
    with pytest.raises(Unavailable) as caught:
        do(api, api.token(), "graph.mirror")
    assert "graph neo4j" in caught.value.advice


def test_who_is_disabled_stays_out_where_the_clock_went_back(tmp_path: Path) -> None:
    clock = Clockwork()
    settings = workspace(tmp_path / "shop", clock=clock)
    with services_of(settings, clock=clock) as services:
        api = Api(services, settings)
        mary = api.hire("mary", "approver")
        clock.now -= 3_600_000
        do(api, api.token(), "person.disable", person="mary")
        with pytest.raises(Unauthenticated):
            who(api, mary)


def test_revoking_a_token_that_is_not_there_is_no_success(api: Api) -> None:
    api.hire("mary", "auditor")
    with pytest.raises(NotFound):
        do(api, api.token(), "token.revoke", person="mary", token="mistyped")


def test_a_session_ends_with_the_token_that_may_have_opened_it(api: Api) -> None:
    mary = api.hire("mary", "auditor")
    session = api.services.logins.exchange(do(api, mary, "login.open")["code"])
    waiting = do(api, mary, "login.open")["code"]
    assert api.services.people.by_session(session).name == "mary"
    do(api, api.token(), "token.revoke", person="mary", token=mary.split("_")[2])
    with pytest.raises(Unauthenticated):
        api.services.people.by_session(session)
    with pytest.raises(Unauthenticated):
        api.services.logins.exchange(waiting)


def test_an_answer_read_before_a_change_is_not_kept_after_it(api: Api) -> None:
    mary = api.hire("mary", "auditor")
    people = api.services.people

    class Slow:
        """A state that lets an act pass while it answers."""

        def __getattr__(self, name: str) -> Any:
            return getattr(api.services.state, name)

        def aspects(self, *args: Any) -> Any:
            found = api.services.state.aspects(*args)
            people._state = api.services.state
            do(api, api.token(), "person.disable", person="mary")
            return found

    people._state = Slow()
    assert people.by_token(mary).name == "mary"
    with pytest.raises(Unauthenticated):
        people.by_token(mary)


def test_a_scan_is_recorded_without_any_field_for_a_value(api: Api) -> None:
    api.send("POST", "/api/v1/lineage", token=api.token(), json=complete())
    producer = api.token(PIPELINE)
    scan = {"dataset": "dataset:orders", "engine": "x/1", "config_digest": "d", "rows": 1}
    for wrong in ({"tier": "confirmed", "samples": ["jane@example.org"]}, {}, 7):
        with pytest.raises(InvalidInput):
            do(api, producer, "pii.record", **scan, columns={"email": wrong})
    assert api.services.state.stuck() == []
