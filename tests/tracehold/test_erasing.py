"""Erasing parts of facts: who may, what stays, and that a crash at any step changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tracehold_world import Api, Clockwork, complete, workspace

from lineage.facts import Fact
from lineage.journal.envelope import decode
from lineage.journal.erasure import ERASED, STREAM, finish_erasures
from lineage.journal.verify import verify_journal
from lineage.refs import ColumnRef, DatasetRef, JobRef, Ref, RunRef
from lineage.state.advance import Folder
from lineage.state.mentions import facts_naming
from lineage.state.store import open_state
from tracehold.bootstrap import open_services
from tracehold.services import Services
from tracehold.settings import Settings

REASON = "gdpr-17"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return workspace(tmp_path / "shop")


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with opened(settings) as services:
        yield services


@pytest.fixture
def api(services: Services, settings: Settings) -> Api:
    return Api(services, settings)


def opened(settings: Settings) -> Services:
    return open_services(settings, write=True, clock=Clockwork(1_772_000_100_000))


def send(api: Api, **members: Any) -> str:
    """Send an event; returns the id of the fact."""
    event = complete(**members)
    for dataset in event["outputs"]:
        dataset["facets"] = {
            "schema": {
                "_producer": "https://example.org/test",
                "_schemaURL": "https://openlineage.io/spec/facets/1-1-1/SchemaDatasetFacet.json",
                "fields": [{"name": f"mail_{members['number']}", "type": "TEXT"}],
            }
        }
    answer = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
    assert answer.status_code == 201
    api.services.catch_up()
    return str(answer.json()["receipt"])


def erase(api: Api, *facts: str, token: str = "", status: int = 200, **more: Any) -> Any:
    body = {"facts": list(facts), "reason": REASON, **more}
    answer = api.send("POST", "/api/v1/acts/journal.erase", token=token or api.token(), json=body)
    assert answer.status_code == status, answer.text
    if answer.status_code == 200 and answer.json()["refold"] is not None:
        assert api.services.refolder is not None
        api.services.refolder.now("erasure")
    return answer.json()


def names(services: Services) -> set[str]:
    return {str(node.props["name"]) for node in services.state.list_nodes("Dataset", limit=1000)}


def remaining(services: Services, *gone: str) -> list[Fact]:
    return [
        fact
        for fact in services.journal.read(0, 10_000)
        if fact.fact_id not in gone and fact.kind != ERASED
    ]


def state_without(services: Services, folder: Path, *gone: str) -> str:
    """Digest of the state of what remains."""
    state = open_state(folder / "expected.db")
    try:
        folder_of = Folder(services.journal, state, services.registry, services.identity)
        folder_of.fold(remaining(services, *gone))
        return state.digest()
    finally:
        state.close()


def test_an_erased_fact_stays_without_content_and_the_erasure_is_on_record(
    api: Api, services: Services, settings: Settings, tmp_path: Path
) -> None:
    first, second = send(api, number=1), send(api, number=2)
    officer = api.hire("officer", "privacy-officer")
    answer = erase(api, first, token=officer)
    assert (answer["facts"], answer["parts"], answer["already"]) == (1, 2, 0)
    stored = services.journal.get(first)
    assert (stored.distilled, stored.raw) == (None, None)
    assert decode(stored.envelope).kind == "openlineage.received/1"
    assert services.journal.get(second).raw is not None
    assert names(services) == {"raw_2", "clean_2"}
    assert services.state.digest() == state_without(services, tmp_path, first)
    assert services.state.erased() == 1
    assert services.state.stuck() == []
    erasures = [services.journal.at(position) for position in services.journal.members(STREAM)]
    assert [decode(one.envelope).sequence for one in erasures] == [1, 2]
    actor = services.people.by_token(officer).id
    assert {decode(one.envelope).actor for one in erasures} == {actor}
    assert REASON.encode() in (erasures[0].distilled or b"")
    again = erase(api, first, token=officer)
    assert (again["facts"], again["already"], again["position"]) == (0, 1, None)
    report = verify_journal(settings.storage.data, settings.storage.keys)
    assert report.ok
    assert sorted(report.erased) == [f"{first}/distilled", f"{first}/raw"]


def test_erasing_the_raw_part_alone_leaves_the_state_as_it_is(api: Api, services: Services) -> None:
    fact = send(api, number=1)
    before = services.state.digest()
    answer = erase(api, fact, part="raw")
    assert (answer["parts"], answer["refold"]) == (1, None)
    assert services.state.digest() == before
    assert services.journal.get(fact).raw is None
    assert services.journal.get(fact).distilled is not None
    assert erase(api, fact)["listed"][0]["parts"] == ["distilled"]
    assert names(services) == set()


def test_a_dry_run_tells_and_changes_nothing(api: Api, services: Services) -> None:
    fact = send(api, number=1)
    head = services.journal.head()
    answer = erase(api, fact, dry_run=True)
    assert answer["listed"] == [
        {
            "fact": fact,
            "position": head.size,
            "kind": "openlineage.received/1",
            "parts": ["distilled", "raw"],
        }
    ]
    assert services.journal.head() == head
    assert services.journal.get(fact).raw is not None


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        ({"facts": ["ab" * 16]}, 404, "there is no such fact"),
        ({"facts": ["x"]}, 404, "there is no such fact"),
        ({"facts": []}, 400, "nothing is named to be erased"),
        ({"facts": ["x"], "reason": "Jane Doe asked"}, 400, "the reason is not a code"),
        ({"mentioning": ["dataset:[a]never heard"]}, 200, ""),
        ({"mentioning": ["never heard"]}, 404, "nothing is known of never heard"),
        ({"facts": ["x"], "part": "envelope"}, 400, "a field is wrong"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    api: Api, body: dict[str, Any], status: int, what: str
) -> None:
    answer = api.send(
        "POST", "/api/v1/acts/journal.erase", token=api.token(), json={"reason": REASON, **body}
    )
    assert answer.status_code == status
    assert what in answer.json().get("what", "")


def test_only_a_privacy_officer_or_an_admin_may_erase(api: Api) -> None:
    fact = send(api, number=1)
    for role in ("engineer", "auditor", "approver", "executor", "producer"):
        erase(api, fact, token=api.hire(role, role), status=403)


def test_what_proves_or_decides_something_stays(api: Api, services: Services) -> None:
    kept = {"hold": "", "person": "", "token": ""}
    officer = api.hire("officer", "privacy-officer")
    send(api, number=1)
    placed = api.send(
        "POST", "/api/v1/acts/hold.place", token=officer,
        json={"scope": ["dataset:[shop]raw_1"], "matter": "m", "reason": "r"},
    )  # fmt: skip
    assert placed.status_code == 200
    for fact in services.journal.read(0, 1000):
        kind = fact.kind.partition(".")[0]
        if kind in kept:
            kept[kind] = fact.fact_id
    assert all(kept.values())
    wanted = {"hold": "governance stream", "person": "in force", "token": "in force"}
    for kind, fact_id in kept.items():
        answer = erase(api, fact_id, part="distilled", status=409)
        assert wanted[kind] in answer["what"], kind
    erasure = erase(api, send(api, number=5))
    with_erasure = services.journal.at(erasure["position"])
    assert "governance stream" in erase(api, decode(with_erasure.envelope).id, status=409)["what"]


def test_a_native_fact_can_go_once_another_has_taken_its_place(
    api: Api, services: Services
) -> None:
    api.hire("jane doe", "engineer")
    person = next(p["person"] for p in people(services) if p["name"] == "jane doe")
    added = next(f for f in services.journal.read(0, 1000) if b"jane doe" in (f.body or b""))
    assert "in force" in erase(api, added.fact_id, part="distilled", status=409)["what"]
    changed = api.send(
        "POST", "/api/v1/acts/person.roles", token=api.token(),
        json={"person": person, "roles": ["auditor"]},
    )  # fmt: skip
    assert changed.status_code == 200
    before = [p for p in people(services) if p["person"] == person]
    assert erase(api, added.fact_id)["listed"][0]["parts"] == ["distilled"]
    assert [p for p in people(services) if p["person"] == person] == before
    assert services.journal.get(added.fact_id).distilled is None


def people(services: Services) -> list[dict[str, Any]]:
    found = services.state.with_aspect("person")
    return [
        {"person": node.props["name"], **found[key][0].value}
        for key, node in services.state.graph.nodes(list(found)).items()
    ]


def test_a_hold_wins_over_an_erasure_also_over_what_was_made_from_it(api: Api) -> None:
    fact = send(api, number=1)
    officer = api.hire("officer", "privacy-officer")
    placed = api.send(
        "POST", "/api/v1/acts/hold.place", token=officer,
        json={"scope": ["dataset:[shop]raw_1"], "matter": "m", "reason": "r"},
    )  # fmt: skip
    assert placed.status_code == 200
    for part in ("distilled", "raw", "both"):
        assert erase(api, fact, part=part, status=409)["code"] == "hold-in-force"
    assert erase(api, mentioning=["dataset:[shop]clean_1"], status=409)["code"] == "hold-in-force"
    assert erase(api, send(api, number=2))["facts"] == 1
    hold = placed.json()["hold"]
    for token in (officer, api.hire("approver", "approver")):
        api.send(
            "POST", "/api/v1/acts/hold.release", token=token, json={"hold": hold, "reason": "r"}
        )
    assert erase(api, fact)["facts"] == 1


def test_everything_that_names_a_thing_is_found_and_nothing_else(
    api: Api, services: Services
) -> None:
    ids = {
        (job, number): send(api, job=job, number=number)
        for job in ("load", "sync")
        for number in (1, 2, 12)
    }
    run = "00000000-0000-4000-8000-000000000012"
    expected: list[tuple[Ref, set[tuple[str, int]]]] = [
        (DatasetRef("shop", "raw_1"), {("load", 1), ("sync", 1)}),
        (DatasetRef("shop", "clean_12"), {("load", 12), ("sync", 12)}),
        (JobRef("shop", "load"), {("load", 1), ("load", 2), ("load", 12)}),
        (RunRef("shop", "sync", run), {("sync", 12)}),
        (ColumnRef("shop", "clean_2", "mail_2"), {("load", 2), ("sync", 2)}),
        (DatasetRef("other", "raw_1"), set()),
        (ColumnRef("shop", "raw_2", "mail_2"), set()),
    ]
    for ref, wanted in expected:
        found = facts_naming(services.journal, [ref], services.registry, services.identity)
        assert {mention.fact_id for mention in found} == {ids[one] for one in wanted}, ref
    answer = erase(api, mentioning=["dataset:[shop]raw_1", f"run:[shop]sync/{run}"])
    assert answer["facts"] == 3
    assert "raw_1" not in names(services)
    assert {"raw_2", "raw_12"} <= names(services)
    again = erase(api, mentioning=["dataset:[shop]raw_1"])
    assert (again["facts"], again["already"]) == (0, 0)


Step = Callable[[pytest.MonkeyPatch], None]


class Killed(BaseException):
    """The process ends here."""


def _die(*_: object, **__: object) -> None:
    raise Killed


def _at(target: str) -> Step:
    return lambda patch: patch.setattr(target, _die)


STEPS: dict[str, Step] = {
    "before the fact": _at("lineage.journal.sqlite.SqliteJournal.append"),
    "before the key": _at("lineage.journal.sqlite.SqliteJournal.erase_all"),
    "before the fold": _at("tracehold.advancing.Advancer.until"),
    "before the shadow": _at("tracehold.refolding.Refold"),
    "in the shadow": _at("lineage.state.rebuild.Refold.advance"),
    "before the swap": _at("lineage.state.rebuild.make_current"),
    "after the swap": _at("lineage.state.connections.Connections.reopen"),
    "before the old one goes": _at("tracehold.refolding.remove"),
}


@pytest.mark.parametrize("step", STEPS)
def test_cut_off_at_any_step_and_done_again_it_ends_the_same(
    settings: Settings, tmp_path: Path, step: str
) -> None:
    with opened(settings) as services:
        api = Api(services, settings)
        gone, kept = send(api, number=1), send(api, number=2)
        with pytest.MonkeyPatch.context() as patch:
            STEPS[step](patch)
            with pytest.raises(Killed):
                erase_here(services, api, gone)
    with opened(settings) as services:
        if step != "before the fact":
            # What was promised is kept without anybody asking again.
            assert services.journal.get(gone).distilled is None
            assert names(services) == {"raw_2", "clean_2"}
        erase_here(services, Api(services, settings), gone)
        assert services.journal.get(gone).raw is None
        assert services.journal.get(kept).raw is not None
        assert services.state.digest() == state_without(services, tmp_path, gone)
        assert not services.state.standing().erased_inside
        assert len(services.journal.members(STREAM)) == 2
        left = {path.name for path in settings.storage.data.glob("state.db*")}
        assert len({name for name in left if name[-4:] not in ("-wal", "-shm")}) == 2


def erase_here(services: Services, api: Api, fact: str) -> None:
    """As the command does it where no server runs; faults are not turned into answers."""
    from tracehold.acts import perform

    admin = services.people.by_token(api.token())
    answer = perform(services, admin, "journal.erase", {"facts": [fact], "reason": REASON})
    assert services.refolder is not None
    if answer["refold"] is not None:
        services.refolder.now("erasure")


def test_keys_that_come_back_with_a_backup_are_destroyed_at_the_next_start(
    settings: Settings,
) -> None:
    with opened(settings) as services:
        api = Api(services, settings)
        facts = [send(api, number=number) for number in range(4)]
    parts = settings.storage.keys / "parts.db"
    with closing(sqlite3.connect(parts)) as db:
        kept = db.execute("select position, distilled, raw from key").fetchall()
    with opened(settings) as services:
        api = Api(services, settings)
        for fact in facts[:3]:
            erase(api, fact)
    with closing(sqlite3.connect(parts)) as db:
        db.executemany("update key set distilled = ?2, raw = ?3 where position = ?1", kept)
        db.commit()
    with opened(settings) as services:
        assert [services.journal.get(fact).raw is None for fact in facts] == [True] * 3 + [False]
        assert names(services) == {"raw_3", "clean_3"}
        assert finish_erasures(services.journal, full=True) == 0
