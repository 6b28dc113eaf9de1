"""Files of the state: which one is current, who reads which, and what is left of the others."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from openlineage_events import IDENTITY, ListedJournal, World, facts_of, run_event

import lineage.state.connections
from lineage.errors import Conflict, Unavailable
from lineage.facts import Fact
from lineage.openlineage.read import KIND
from lineage.refs import DatasetRef
from lineage.state.erasures import MISSING
from lineage.state.generations import aside, current, following, make_current, remove, sweep
from lineage.state.mentions import facts_naming, named_by
from lineage.state.rebuild import rebuild
from lineage.state.registry import Registry
from lineage.state.store import SqlState, is_foreign, open_state
from lineage.state.tables import connect

EVENTS = [run_event("COMPLETE", n, run=f"r{n}", inputs=["a"], outputs=[f"t{n}"]) for n in range(5)]


def journal(count: int = 5) -> Any:
    return ListedJournal(facts_of(EVENTS[:count]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_without_a_pointer_or_with_a_damaged_one_the_named_file_is_current(path: Path) -> None:
    pointer = path.with_name("state.db.current")
    for content in (b"", b"../state.db.2", b"state.db.", b"state.db.x", b"other.2", b"\xff\xfe"):
        pointer.write_bytes(content)
        assert current(path) == path, content
    pointer.write_bytes(b"state.db.7\n")
    assert current(path) == path.with_name("state.db.7")
    assert following(path) == path.with_name("state.db.8")
    pointer.unlink()
    assert current(path) == path
    assert following(path) == path.with_name("state.db.2")


def test_one_of_two_that_began_beside_the_same_state_is_refused(path: Path) -> None:
    file = following(path)
    file.write_bytes(b"new")
    make_current(path, file, instead_of=path)
    assert current(path) == file
    with pytest.raises(Conflict):
        make_current(path, file, instead_of=path)


def test_sweeping_leaves_the_current_one_with_its_logs_and_what_is_not_ours(path: Path) -> None:
    kept = {"state.db.3", "state.db.3-wal", "state.db.current", "state.db.backup", "journal.db"}
    gone = {"state.db", "state.db-shm", "state.db.2", "state.db.4-wal", aside(path).name,
            "state.db.current.new"}  # fmt: skip
    for name in kept | gone:
        path.with_name(name).write_bytes(b"state.db.3\n")
    assert sweep(path) == []
    assert {file.name for file in path.parent.iterdir()} == kept


def test_a_file_that_cannot_be_removed_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.with_name("state.db.2").write_bytes(b"")

    def held(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr("lineage.state.generations.remove", held)
    assert sweep(path) == ["state.db.2"]


def test_a_reader_that_looks_while_another_takes_over_opens_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rebuild(journal(2), path, Registry(), IDENTITY).position == 2
    state = SqlState(path, read_only=True)
    opened: list[str] = []
    connect = lineage.state.connections.connect

    def slowly(file: Path, *, read_only: bool) -> sqlite3.Connection:
        db = connect(file, read_only=read_only)
        if read_only and not opened:
            opened.append(file.name)
            rebuild(journal(), path, Registry(), IDENTITY)
            state.connections.reopen()
        return db

    monkeypatch.setattr(lineage.state.connections, "connect", slowly)
    assert state.position() == 5
    assert opened == ["state.db.2"]
    assert state.connections.file.name == "state.db.3"
    state.close()


def test_what_is_opened_for_reading_is_not_written(path: Path) -> None:
    rebuild(journal(), path, Registry(), IDENTITY)
    state = open_state(path, read_only=True)
    with pytest.raises(Unavailable, match="reading only"):
        state.writer()
    state.connections.refuse(lambda: Unavailable("not now"))
    fresh = SqlState(path, read_only=True)
    fresh.connections.refuse(lambda: Unavailable("not now"))
    with pytest.raises(Unavailable, match="not now"):
        fresh.position()
    assert fresh.connections.refused
    state.close()
    fresh.close()


def test_a_state_file_without_tables_is_a_new_one_and_none_is_not_foreign(path: Path) -> None:
    assert not is_foreign(path)
    path.touch()
    assert not is_foreign(path)
    open_state(path).close()
    assert not is_foreign(path)


def test_a_journal_that_lost_facts_is_folded_and_not_compared(path: Path) -> None:
    assert rebuild(journal(), path, Registry(), IDENTITY).position == 5
    made = rebuild(journal(3), path, Registry(), IDENTITY)
    assert (made.position, made.comparable, made.equal) == (3, False, True)
    state = open_state(path, read_only=True)
    assert state.position() == 3
    state.close()


def test_a_state_behind_its_journal_is_compared_where_it_stands(path: Path) -> None:
    rebuild(journal(3), path, Registry(), IDENTITY)
    made = rebuild(journal(), path, Registry(), IDENTITY)
    assert made.comparable
    assert (made.compared, made.position) == (made.former, 5)
    assert made.digest != made.former


def test_a_full_disk_leaves_the_state_and_no_shadow(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild(journal(3), path, Registry(), IDENTITY)
    before = databases(path)

    def full(*_: object, **__: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("lineage.state.rebuild.Refold.advance", full)
    with pytest.raises(Unavailable, match="cannot be folded anew"):
        rebuild(journal(), path, Registry(), IDENTITY)
    assert databases(path) == before


def databases(path: Path) -> set[str]:
    return {f.name for f in path.parent.iterdir() if not f.name.endswith(("-wal", "-shm"))}


def test_removing_takes_the_logs_along(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).touch()
    remove(path)
    remove(path)
    assert list(path.parent.iterdir()) == []


def test_a_fact_that_cannot_be_folded_names_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    (good,) = facts_of([EVENTS[0]])
    bad = [
        Fact(2, "f2", KIND, "p", None, 0, 0, b"a"),
        Fact(3, "f3", KIND, "p", None, 0, 0, None),
        Fact(4, "f4", "test.unknown/1", "p", None, 0, 0, b'{"name":"a"}'),
        Fact(5, "f5", KIND, "p", None, 0, 0, b'{"event":{"inputs":[{"name":"a"}]}}'),
    ]
    assert named_by(good, world.registry, IDENTITY)
    assert [named_by(fact, world.registry, IDENTITY) for fact in bad] == [set()] * 4
    world.folder.fold([good, *bad])
    assert {row[3]: row[1] for row in world.state.stuck()} == {
        2: "body is no stored event",
        3: MISSING,
        4: "unknown kind",
        5: "body is no stored event",
    }
    listed = ListedJournal([good, *bad])
    told: list[int] = []
    found = facts_naming(
        listed, [DatasetRef("warehouse", "a")], world.registry, IDENTITY,  # type: ignore[arg-type]
        progress=told.append,
    )  # fmt: skip
    assert [mention.position for mention in found] == [1]
    assert told == [5]
    world.close()


@pytest.mark.parametrize("writable", [True, False])
def test_a_reader_sees_what_is_written_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, writable: bool
) -> None:
    open_state(path).close()
    writer = connect(path, read_only=False)
    if not writable:
        # Somebody else writes, into a folder that is closed for us.
        writer.execute("insert into meta (key, value) values ('early', '1')")
        monkeypatch.setattr("os.access", lambda *_: False)
    reader = connect(path, read_only=True)
    writer.execute("insert into meta (key, value) values ('late', '1')")
    assert reader.execute("select count(*) from meta where key = 'late'").fetchone() == (1,)
    reader.close()
    writer.close()


def test_a_state_that_nobody_may_write_is_read_without_a_file_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_state(path).close()
    monkeypatch.setattr("os.access", lambda *_: False)
    reader = connect(path, read_only=True)
    assert reader.execute("select count(*) from run").fetchone() == (0,)
    assert list(path.parent.iterdir()) == [path]
    reader.close()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_connection_is_set_for_a_fold_beside_many_readers(path: Path, *, read_only: bool) -> None:
    open_state(path).close()
    db = connect(path, read_only=read_only)
    names = ("journal_mode", "synchronous", "busy_timeout")
    found: list[Any] = []
    # Who opens it and who uses it need not be the same thread.
    thread = threading.Thread(
        target=lambda: found.extend(db.execute(f"pragma {name}").fetchone()[0] for name in names)
    )
    thread.start()
    thread.join()
    assert found == ["wal", 2 if read_only else 1, 10_000]
    db.close()
