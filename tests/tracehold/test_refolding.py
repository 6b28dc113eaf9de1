"""The state is folded anew beside the one that serves, and takes over."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tracehold_world import Api, Clockwork, complete, workspace

from lineage.errors import Conflict, Unavailable
from lineage.journal.erasure import erase_parts
from lineage.state.advance import Folder
from lineage.state.generations import current
from lineage.state.rebuild import Refold, rebuild
from lineage.state.store import open_state
from tracehold.bootstrap import open_services
from tracehold.doctor import examine
from tracehold.refolding import Cause, cause_to_refold
from tracehold.registry import STATE
from tracehold.services import Services
from tracehold.settings import Settings

EVENTS = 30


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = workspace(tmp_path / "shop")
    with opened(made) as services:
        api = Api(services, made)
        for number in range(EVENTS):
            sent = api.send(
                "POST", "/api/v1/lineage", token=api.token(), json=complete(number=number)
            )
            assert sent.status_code == 201
        services.catch_up()
    return made


@contextmanager
def opened(settings: Settings, *, background: bool = False) -> Iterator[Services]:
    clock = Clockwork(1_772_000_100_000)
    with open_services(settings, write=True, background=background, clock=clock) as services:
        services.serving = True
        yield services


@contextmanager
def running(services: Services) -> Iterator[None]:
    """The thread that folds anew, for the length of a block."""
    assert services.refolder is not None
    stop = threading.Event()
    thread = threading.Thread(target=services.refolder.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait_for(services: Services, completed: int) -> None:
    assert services.refolder is not None
    until = time.monotonic() + 60
    while services.refolder.status().completed < completed:
        assert time.monotonic() < until
        assert services.refolder.status().trouble == ""
        time.sleep(0.01)


def state_of(settings: Settings) -> Path:
    return settings.storage.data / STATE


def change(settings: Settings, sql: str) -> None:
    db = sqlite3.connect(current(state_of(settings)))
    try:
        db.execute(sql)
        db.commit()
    finally:
        db.close()


def files(settings: Settings) -> set[str]:
    """Databases of the state, logs aside."""
    names = {path.name for path in settings.storage.data.glob(STATE + "*")}
    return {name for name in names if not name.endswith(("-wal", "-shm"))}


def datasets(services: Services) -> int:
    return services.state.count("Dataset")


def make(settings: Settings, cause: Cause) -> None:
    """Let the state be as the cause says."""
    match cause:
        case "fold version":
            change(settings, "update meta set value = '0+older' where key = 'fold_version'")
        case "tables":
            change(settings, "pragma user_version = 1")
        case "missing":
            for path in settings.storage.data.glob(STATE + "*"):
                path.unlink()
        case "damaged":
            state_of(settings).write_bytes(b"no database at all" * 500)


def test_the_old_state_of_another_fold_version_serves_until_the_new_one_takes_over(
    settings: Settings,
) -> None:
    make(settings, "fold version")
    with opened(settings, background=True) as services:
        api = Api(services, settings)
        health = api.send("GET", "/health").json()
        assert (health["status"], health["refold"]["cause"]) == ("ok", "fold version")
        assert datasets(services) == 2 * EVENTS
        shown = api.send("GET", "/api/v1/overview", token=api.token())
        assert shown.status_code == 200
        sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=complete(number=99))
        assert sent.status_code == 201
        act = api.send(
            "POST", "/api/v1/acts/person.add", token=api.token(), json={"name": "x", "roles": []}
        )
        assert (act.status_code, act.json()["what"]) == (503, "the state is being made anew")
        with running(services):
            wait_for(services, 1)
        assert services.state.fold_version() == services.registry.version
        assert datasets(services) == 2 * EVENTS + 2
        act = api.send(
            "POST", "/api/v1/acts/person.add", token=api.token(),
            json={"name": "x", "roles": ["engineer"]},
        )  # fmt: skip
        assert act.status_code == 200
        assert "refold" not in api.send("GET", "/health").json()
    assert files(settings) == {"state.db.2", "state.db.current"}


@pytest.mark.parametrize("cause", ["tables", "missing", "damaged"])
def test_without_a_state_to_read_every_question_says_why_and_how_far(
    settings: Settings, cause: Cause
) -> None:
    make(settings, cause)
    with opened(settings, background=True) as services:
        api = Api(services, settings)
        health = api.send("GET", "/health")
        assert (health.status_code, health.json()["status"]) == (503, "refolding")
        assert health.json()["refold"]["cause"] == cause
        for path in ("overview", "datasets"):
            answer = api.send("GET", f"/api/v1/{path}", token=api.token())
            assert answer.status_code == 503
            assert answer.json()["what"] == f"the state is being made anew ({cause})"
            assert answer.headers["retry-after"]
        with running(services):
            wait_for(services, 1)
        assert api.send("GET", "/health").status_code == 200
        assert datasets(services) == 2 * EVENTS
        sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=complete(number=98))
        assert sent.status_code == 201
        services.catch_up()
        assert datasets(services) == 2 * EVENTS + 2


@pytest.mark.parametrize("cause", ["fold version", "tables", "missing", "damaged"])
def test_a_command_folds_anew_before_it_goes_on(settings: Settings, cause: Cause) -> None:
    make(settings, cause)
    told: list[int] = []
    with open_services(settings, write=True, progress=told.append) as services:
        assert datasets(services) == 2 * EVENTS
        assert (
            cause_to_refold(services.state.path, services.journal, services.registry.version)
            is None
        )


def test_a_rebuild_in_a_server_compares_equal_and_goes_on_with_what_comes_in(
    settings: Settings,
) -> None:
    with opened(settings, background=True) as services, running(services):
        api = Api(services, settings)
        before = services.state.digest()
        asked = api.send("POST", "/api/v1/acts/journal.rebuild", token=api.token(), json={})
        wait_for(services, asked.json()["refold"])
        shown = api.send("GET", "/api/v1/refold", token=api.token()).json()
        assert shown["last"]["comparable"]
        assert shown["last"]["equal"]
        assert shown["last"]["digest"] == before == services.state.digest()
        assert shown["old_readers"] == 0
        api.send("POST", "/api/v1/lineage", token=api.token(), json=complete(number=77))
        services.catch_up()
        assert datasets(services) == 2 * EVENTS + 2
        assert services.state.position() == services.journal.head().size
        again = api.send("POST", "/api/v1/acts/journal.rebuild", token=api.token(), json={})
        wait_for(services, again.json()["refold"])
        assert services.state.digest() != before
    assert files(settings) == {"state.db.3", "state.db.current"}
    assert next(check for check in examine(settings) if check.name == "state").ok


def test_erasures_that_follow_each_other_are_all_left_out_in_the_end(settings: Settings) -> None:
    with opened(settings, background=True) as services:
        api = Api(services, settings)
        events = [f for f in services.journal.read(0, 1000) if f.kind.startswith("openlineage")]
        asked = 0
        with running(services):
            for fact in events[:6]:
                answer = api.send(
                    "POST", "/api/v1/acts/journal.erase", token=api.token(),
                    json={"facts": [fact.fact_id], "reason": "test"},
                ).json()  # fmt: skip
                asked = max(asked, answer["refold"] or 0)
            wait_for(services, asked)
            until = time.monotonic() + 60
            while services.state.standing().erased_inside:
                assert time.monotonic() < until
                time.sleep(0.01)
        assert datasets(services) == 2 * (EVENTS - 6)
        assert services.state.erased() == 6
        assert services.refolder is not None
        assert services.refolder.now("rebuild").comparable


def test_an_erasure_that_nobody_met_in_time_is_done_once_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(settings, background=True) as services:
        fact = next(f for f in services.journal.read(0, 1000) if f.kind.startswith("openlineage"))
        catch_up = Folder.catch_up

        def erased_meanwhile(folder: Folder, limit: int = 1000) -> object:
            # The shadow has taken everything by now, and meets the erasure with the last facts.
            monkeypatch.setattr(Folder, "catch_up", catch_up)
            erase_parts(services.journal, "p", [(fact.fact_id, "distilled")], reason="test")
            return catch_up(folder, limit)

        assert services.refolder is not None
        monkeypatch.setattr("tracehold.refolding._NEAR", 0)
        monkeypatch.setattr(Folder, "catch_up", erased_meanwhile)
        with running(services):
            wait_for(services, services.refolder.ask("rebuild"))
            wait_for(services, 2)
        assert not services.state.standing().erased_inside
        assert datasets(services) == 2 * (EVENTS - 1)


def test_a_state_that_is_not_what_its_journal_says_is_named_and_replaced(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(settings) as services:
        right = services.state.digest()
    change(settings, "update meta set value = 'ff' where key = 'digest'")
    with opened(settings) as services:
        assert services.state.digest() != right
        assert services.refolder is not None
        made = services.refolder.now("rebuild")
        assert made.comparable
        assert not made.equal
        assert made.divergence in caplog.text
        assert services.state.digest() == right
        api = Api(services, settings)
        shown = api.send("GET", "/api/v1/overview", token=api.token()).json()
        assert "diverged" in {item["kind"] for item in shown["attention"]}
    (check,) = (check for check in examine(settings) if check.name == "state")
    assert not check.ok
    assert made.divergence in check.text
    with opened(settings) as services:
        assert services.refolder is not None
        assert services.refolder.now("rebuild").equal
    (check,) = (check for check in examine(settings) if check.name == "state")
    assert check.ok


def test_a_question_that_is_being_answered_ends_on_the_state_it_began_with(
    settings: Settings,
) -> None:
    with opened(settings) as services:
        assert services.refolder is not None
        rows = services.state.graph.all_nodes()
        first = next(rows)
        former = services.state.connections.file
        services.refolder.now("rebuild")
        assert not former.exists()
        assert services.state.connections.waiting() == 1
        assert len({first.key, *(node.key for node in rows)}) > 2 * EVENTS
        del rows
        assert services.state.connections.waiting() == 0
        assert datasets(services) == 2 * EVENTS


def test_threads_that_read_all_the_time_never_meet_an_error_or_a_mix(settings: Settings) -> None:
    with opened(settings) as services:
        assert services.refolder is not None
        stop = threading.Event()
        seen: set[tuple[int, str]] = set()
        faults: list[BaseException] = []

        def read() -> None:
            try:
                while not stop.is_set():
                    standing = services.state.standing()
                    seen.add((datasets(services), standing.digest))
            except BaseException as error:  # noqa: BLE001 - the test reports it
                faults.append(error)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            services.refolder.now("rebuild")
        stop.set()
        for thread in threads:
            thread.join()
        assert faults == []
        assert len(seen) == 1


def test_only_the_state_that_it_started_beside_is_replaced(settings: Settings) -> None:
    with opened(settings) as services:
        words = (services.journal, state_of(settings), services.registry, services.identity)
        slow = Refold(*words)
        while slow.advance():
            pass
        # A second one takes the place first; both would have the same name for their file.
        slow.file.rename(slow.file.with_name("elsewhere"))
        assert rebuild(*words).equal
        with pytest.raises(Conflict, match="replaced meanwhile"):
            slow.finish()


def test_a_crash_at_any_point_leaves_the_old_state_or_the_new_one(settings: Settings) -> None:
    with opened(settings) as services:
        right = services.state.digest()
        refold = Refold(services.journal, state_of(settings), services.registry, services.identity)
        refold.advance(10)
        halfway = {f.name: f.read_bytes() for f in settings.storage.data.glob(STATE + ".2*")}
        refold.discard()
    assert halfway
    # Killed while it was folded, and again between writing the name and renaming it.
    for name, content in (*halfway.items(), ("state.db.current.new", b"state.db.2\n")):
        (settings.storage.data / name).write_bytes(content)
    with opened(settings) as services:
        assert services.state.digest() == right
        assert files(settings) == {"state.db"}
        assert services.refolder is not None
        old = {f.name: f.read_bytes() for f in settings.storage.data.glob(STATE + "*")}
        services.refolder.now("rebuild")
    # Killed when the new one was named, before the old one was removed.
    for name, content in old.items():
        (settings.storage.data / name).write_bytes(content)
    with opened(settings) as services:
        assert services.state.digest() == right
        assert files(settings) == {"state.db.2", "state.db.current"}


def test_what_cannot_be_folded_anew_leaves_the_state_and_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with opened(settings, background=True) as services:
        assert services.refolder is not None
        digest = services.state.digest()
        monkeypatch.setattr("tracehold.refolding.Refold.finish", full)
        with running(services):
            services.refolder.ask("rebuild")
            until = time.monotonic() + 30
            while not services.refolder.status().trouble:
                assert time.monotonic() < until
                time.sleep(0.01)
            assert "cannot be folded anew" in services.refolder.status().trouble
            assert services.state.digest() == digest
            monkeypatch.undo()
            until = time.monotonic() + 60
            while services.refolder.status().completed < 1:
                assert time.monotonic() < until
                time.sleep(0.01)
        assert services.state.digest() == digest


def test_a_reader_of_another_release_is_refused_and_told_what_to_do(settings: Settings) -> None:
    make(settings, "tables")
    with pytest.raises(Unavailable, match="another release"):
        open_state(state_of(settings), read_only=True)
