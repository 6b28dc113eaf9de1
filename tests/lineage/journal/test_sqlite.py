"""The SQLite journal on disk: restarts, crashes, full disks, erasure, readers beside the writer."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journal_world import JournalFolder, draft, pages

from lineage.errors import Conflict, Fault, InvalidInput, Unavailable
from lineage.journal.checkpoint import parse_checkpoint, verify_note
from lineage.journal.files import connect_reader, connect_writer
from lineage.journal.merkle import verify_consistency

SUPPORT = Path(__file__).parents[2] / "support"
ROOT = SUPPORT.parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    return JournalFolder(tmp_path)


def test_a_journal_goes_on_where_it_stopped(folder: JournalFolder) -> None:
    ids = folder.filled(300)
    journal = folder.open()
    assert journal.head().size == 300
    assert journal.submit(draft(5)).result().fact_id == ids[5]
    assert journal.submit(draft(300, stream="hold")).result().position == 301
    assert list(pages(journal)) == list(range(1, 302))
    assert len(journal.members("hold")) == 101
    journal.close()
    assert folder.verify().ok


def test_every_checkpoint_is_consistent_with_every_later_one(folder: JournalFolder) -> None:
    folder.filled(400)
    journal = folder.open(read_only=True)
    connection = sqlite3.connect(folder.data / "journal.db")
    notes = [note for (note,) in connection.execute("SELECT note FROM checkpoint ORDER BY size")]
    connection.close()
    heads = [parse_checkpoint(verify_note(note, journal.verifier_key)) for note in notes]
    assert len(heads) > 10
    for old in heads:
        for new in heads[heads.index(old) :]:
            proof = journal.prove_consistency(old.size, new.size)
            assert verify_consistency(old.size, new.size, proof, old.root, new.root)
    journal.close()


def test_an_erased_part_leaves_no_byte_of_its_key(folder: JournalFolder) -> None:
    ids = folder.filled(120)
    connection = sqlite3.connect(folder.keys / "parts.db")
    keys = connection.execute("SELECT distilled, raw FROM key ORDER BY position").fetchall()
    connection.close()
    journal = folder.open()
    chosen = random.Random(1).sample(range(120), 40)
    for index in chosen:
        journal.erase(ids[index], "distilled" if index % 2 else "raw")
    beside = folder.bytes_of_keys()
    journal.close()
    for content in (beside, folder.bytes_of_keys()):
        for index, (distilled, raw) in enumerate(keys):
            gone = index in chosen
            assert (distilled in content) is not (gone and index % 2 == 1)
            assert (raw in content) is not (gone and index % 2 == 0)
    report = folder.verify()
    assert report.ok
    assert len(report.erased) == 40
    assert report.opened == 200


def test_a_salt_cannot_be_had_once_the_part_is_erased(folder: JournalFolder) -> None:
    (fact_id, *_) = folder.filled(3)
    journal = folder.open()
    salt = journal.get(fact_id).distilled_salt
    assert salt is not None
    journal.erase(fact_id, "distilled")
    journal.close()
    files = [*folder.data.iterdir(), *folder.keys.iterdir()]
    assert all(salt not in path.read_bytes() for path in files)


def test_no_part_is_readable_in_the_data_folder(folder: JournalFolder) -> None:
    journal = folder.open()
    canary = b"canary-4711-jane.doe@example.com"
    journal.append(
        [draft(1, body=canary, raw=canary, idempotency=canary, explicit_key="canary-4711")]
    )
    journal.append([draft(2, body=canary * 400, raw=canary * 400)])
    beside = b"".join(path.read_bytes() for path in folder.data.iterdir())
    journal.close()
    assert b"canary-4711" not in beside + b"".join(p.read_bytes() for p in folder.data.iterdir())


def test_an_erasure_waits_for_readers_and_says_so(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = folder.filled(5)
    journal = folder.open()
    reader = sqlite3.connect(folder.keys / "parts.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM key").fetchone()
    journal._sequencer._ledger._parts.execute("PRAGMA busy_timeout = 50")  # type: ignore[union-attr]
    with pytest.raises(Unavailable) as raised:
        journal.erase(ids[0], "raw")
    assert "reader" in raised.value.what
    assert journal.get(ids[0]).raw is None
    reader.close()
    journal.erase(ids[0], "raw")
    assert (folder.keys / "parts.db-wal").stat().st_size == 0
    assert journal.failure is None
    journal.close()


def test_a_reader_follows_a_running_writer(folder: JournalFolder) -> None:
    writer = folder.open()
    writer.append([draft(1)])
    reader = folder.open(read_only=True)
    for number in range(2, 40):
        writer.append([draft(number)])
        assert reader.head() == writer.head()
        assert reader.checkpoint() == writer.checkpoint()
        assert [fact.body for fact in reader.read(number - 1)] == [draft(number).body]
        assert reader.prove(number) == writer.prove(number)
    assert folder.verify().ok
    reader.close()
    writer.close()


def test_a_verification_beside_a_busy_writer_has_no_false_alarm(folder: JournalFolder) -> None:
    journal = folder.open()
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            journal.append([draft(number + i, stream="s") for i in range(30)])
            number += 30

    thread = threading.Thread(target=write)
    thread.start()
    try:
        sizes: set[int] = set()
        for _ in range(2000):
            report = folder.verify()
            assert report.problems == ()
            sizes.add(report.size)
            if len(sizes) > 5:
                break
    finally:
        stop.set()
        thread.join()
        journal.close()
    assert len(sizes) > 5


def test_a_journal_opened_read_only_takes_nothing(folder: JournalFolder) -> None:
    with pytest.raises(Unavailable):
        folder.open(read_only=True)
    ids = folder.filled(2)
    before = (folder.data / "journal.db").read_bytes(), (folder.keys / "parts.db").read_bytes()
    journal = folder.open(read_only=True)
    for act in (
        lambda: journal.submit(draft(9)),
        lambda: journal.append([draft(9)]),
        lambda: journal.erase(ids[0], "raw"),
    ):
        with pytest.raises(Unavailable):
            act()
    assert len(journal.read()) == 2
    journal.close()
    after = (folder.data / "journal.db").read_bytes(), (folder.keys / "parts.db").read_bytes()
    assert after == before


def test_a_journal_on_a_medium_that_nobody_may_write_is_readable(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(20)
    listing = sorted(path.name for path in folder.data.iterdir())
    monkeypatch.setattr(os, "access", lambda *_: False)
    journal = folder.open(read_only=True)
    assert list(pages(journal)) == list(range(1, 21))
    assert folder.verify().ok
    journal.close()
    assert sorted(path.name for path in folder.data.iterdir()) == listing


def test_a_second_writer_is_refused(folder: JournalFolder) -> None:
    journal = folder.open()
    with pytest.raises(Conflict) as raised:
        folder.open()
    assert raised.value.advice
    script = (
        f"import sys; sys.path[:0] = {[str(SUPPORT), str(ROOT)]!r}\n"
        "from pathlib import Path; from journal_world import JournalFolder\n"
        f"JournalFolder(Path({str(folder.root)!r})).open()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "Conflict" in run.stderr
    journal.close()
    folder.open().close()


def test_a_closed_journal_says_so(folder: JournalFolder) -> None:
    journal = folder.open()
    pending = [journal.submit(draft(i)) for i in range(50)]
    journal.close()
    assert [future.result().position for future in pending] == list(range(1, 51))
    journal.close()
    with pytest.raises(Unavailable):
        journal.submit(draft(51)).result()
    with pytest.raises(Unavailable):
        journal.read()


def test_a_cancelled_draft_is_not_written_and_harms_no_other(folder: JournalFolder) -> None:
    journal = folder.open()
    futures = [journal.submit(draft(i)) for i in range(500)]
    cancelled = {i for i, future in enumerate(futures) if i % 7 == 0 and future.cancel()}
    bodies = [draft(i).body for i in range(500) if i not in cancelled]
    journal.submit(draft(500)).result()
    assert [fact.body for fact in journal.read(limit=600)] == [*bodies, draft(500).body]
    journal.close()
    assert folder.verify().ok


def test_memory_stays_bounded_when_the_disk_does_not_keep_up(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineage.journal.sequencer.WAITING_BYTES", 200_000)
    journal = folder.open()
    futures = [journal.submit(draft(i, body=b"x" * 20_000)) for i in range(200)]
    errors = [future.exception() for future in futures]
    refused = [error for error in errors if error is not None]
    assert all(isinstance(error, Unavailable) and error.advice for error in refused)
    assert 0 < len(refused) < 200
    assert journal.head().size == 200 - len(refused)
    assert journal.submit(draft(1000)).result().position == 201 - len(refused)
    journal.close()


# --- faults ---------------------------------------------------------------------------------------

CHILD = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from journal_world import JournalFolder, draft
journal = JournalFolder(Path({root!r})).open()
number = int(sys.argv[1])
while True:
    futures = [(i, journal.submit(draft(i, stream="hold" if i % 5 == 0 else None)))
               for i in range(number, number + 64)]
    for i, future in futures:
        print(i, future.result().fact_id, flush=True)
    number += 64
"""


def test_what_was_acknowledged_outlives_kill_9(folder: JournalFolder) -> None:
    acknowledged: dict[int, str] = {}
    chance = random.Random(7)
    script = CHILD.format(paths=[str(SUPPORT), str(ROOT)], root=str(folder.root))
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(len(acknowledged))],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(chance.randrange(1, 700)):
            number, fact_id = child.stdout.readline().split()
            acknowledged[int(number)] = fact_id
        os.kill(child.pid, signal.SIGKILL)
        for line in child.stdout.read().splitlines():
            if len(words := line.split()) == 2 and len(words[1]) == 32:
                acknowledged[int(words[0])] = words[1]
        child.wait()
        child.stdout.close()
        report = folder.verify()
        assert report.problems == ()
        journal = folder.open()
        for number, fact_id in acknowledged.items():
            assert journal.get(fact_id).distilled == draft(number).body
        assert journal.head().size >= len(acknowledged)
        journal.close()
    assert len(acknowledged) > 100


@pytest.fixture
def file_size_limit() -> Iterator[Callable[[int], None]]:
    """Let the kernel refuse writes behind a file size, as a full disk or a quota does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_read_only_until_reopened(folder: JournalFolder) -> None:
    """Write until the disk refuses; what was acknowledged stays, the rest is refused by name."""
    journal = folder.open()
    done = 0
    for number in range(10_000):
        futures = [journal.submit(draft(number * 8 + i, body=os.urandom(9000))) for i in range(8)]
        errors = [future.exception() for future in futures]
        done += sum(error is None for error in errors)
        if any(errors):
            break
    else:
        pytest.fail("the disk never refused")
    (failure,) = {id(error): error for error in errors if error}.values()
    assert isinstance(failure, Unavailable)
    assert failure.advice
    assert journal.failure is failure
    assert journal.submit(draft(-1)).exception() is failure
    with pytest.raises(Unavailable):
        journal.append([draft(-1)])
    with pytest.raises(Unavailable):
        journal.erase("00" * 16, "raw")
    assert len(list(journal.stored())) >= done
    assert journal.head().size >= done
    journal.close()


def test_a_refused_write_makes_the_journal_read_only(
    folder: JournalFolder, file_size_limit: Callable[[int], None]
) -> None:
    folder.filled(10)
    file_size_limit(1_500_000)
    assert_read_only_until_reopened(folder)
    file_size_limit(-1)
    assert folder.verify().ok
    journal = folder.open()
    assert journal.submit(draft(10**6)).result().position == journal.head().size
    journal.close()
    assert folder.verify().ok


def test_a_full_disk_makes_the_journal_read_only(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux; the test above stands in")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)], check=False
    )
    if mounted.returncode:
        pytest.skip("no tmpfs may be mounted here; the test above stands in")
    try:
        folder = JournalFolder(mount)
        folder.filled(10)
        ballast = mount / "ballast"
        ballast.write_bytes(bytes(1_200_000))
        assert_read_only_until_reopened(folder)
        ballast.unlink()
        assert folder.verify().ok
        journal = folder.open()
        assert journal.submit(draft(10**6)).result().position == journal.head().size
        journal.close()
        assert folder.verify().ok
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_both_files_are_synced_as_far_as_the_platform_can(folder: JournalFolder) -> None:
    """``fullfsync`` makes macOS empty the drive's own cache; elsewhere it changes nothing."""
    journal = folder.open()
    assert journal._sequencer is not None
    ledger = journal._sequencer._ledger
    for connection in (ledger._journal, ledger._parts):
        asked = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "fullfsync", "checkpoint_fullfsync", "secure_delete")
        }
        assert asked == {
            "synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1, "secure_delete": 1
        }  # fmt: skip
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


def test_an_opening_cuts_what_a_crash_left_of_an_erasure(
    folder: JournalFolder, tmp_path: Path
) -> None:
    folder.filled(5)
    connection = sqlite3.connect(folder.keys / "parts.db", isolation_level=None)
    (key,) = connection.execute("SELECT raw FROM key WHERE position = 2").fetchone()
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # A page with the key goes into the log, then the page without it; then everything dies.
    connection.execute("UPDATE key SET distilled = randomblob(32) WHERE position = 3")
    connection.execute("UPDATE key SET raw = zeroblob(32) WHERE position = 2")
    left = JournalFolder(Path(shutil.copytree(folder.root, tmp_path / "left")), folder.clock)
    connection.close()
    assert key in left.bytes_of_keys()
    journal = left.open()
    assert (left.keys / "parts.db-wal").stat().st_size == 0
    assert key not in left.bytes_of_keys()
    journal.close()


def test_the_checkpoint_in_the_keys_folder_trails_by_one_group(folder: JournalFolder) -> None:
    def kept() -> int:
        connection = sqlite3.connect(folder.keys / "parts.db")
        (note,) = connection.execute("SELECT note FROM signed").fetchone()
        connection.close()
        return parse_checkpoint(note.rpartition("\n\n")[0] + "\n").size

    journal = folder.open()
    for number in range(1, 5):
        journal.append([draft(number)])
        if number > 1:
            assert kept() == number - 1
    journal.close()
    assert kept() == 4


def test_keys_made_durable_before_a_crash_of_the_journal_are_removed(folder: JournalFolder) -> None:
    folder.filled(10)
    folder.tamper("INSERT INTO key VALUES (11, randomblob(32), NULL)", keys=True)
    journal = folder.open()
    assert journal.submit(draft(11)).result().position == 11
    assert journal.read(10)[0].body == draft(11).body
    journal.close()


# --- what belongs together -----------------------------------------------------------------------


def test_a_disk_that_refuses_a_new_key_makes_the_journal_read_only(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(3)
    journal = folder.open()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lineage.journal.sequencer.make_next_key", full)
        with pytest.raises(Unavailable) as raised:
            journal.rotate_key(actor="person:a1")
    assert raised.value.advice
    assert journal.failure is raised.value
    waiting = journal.submit(draft(50))
    assert waiting.exception() is journal.failure
    journal.close()
    journal = folder.open()
    assert journal.head().size == 3
    journal.rotate_key(actor="person:a1")
    journal.close()
    assert folder.verify().ok


def test_a_fault_of_ours_makes_the_journal_read_only_too(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(3)
    journal = folder.open()
    monkeypatch.setattr("lineage.journal.ledger.encode", lambda _: 1 / 0)
    error = journal.submit(draft(50)).exception()
    assert isinstance(error, Fault)
    assert "ZeroDivisionError" in error.what
    assert journal.failure is error
    with pytest.raises(Fault):
        journal.erase("00" * 16, "raw")
    journal.close()
    monkeypatch.undo()
    assert folder.verify().ok


def test_an_erasure_that_nobody_waits_for_any_more_is_not_done(folder: JournalFolder) -> None:
    ids = folder.filled(3)
    journal = folder.open()
    sequencer = journal._sequencer
    assert sequencer is not None
    futures = [journal.submit(draft(100 + i)) for i in range(200)]
    erasure = sequencer.erase([(ids[0], "raw")])
    cancelled = erasure.cancel()
    assert all(future.exception() is None for future in futures)
    journal.append([draft(1_000)])
    assert (journal.get(ids[0]).raw is not None) is cancelled
    journal.close()


def test_an_envelope_of_a_later_release_is_named(folder: JournalFolder) -> None:
    folder.filled(3)
    later = "replace(envelope, '\"format\":1', '\"format\":2')"
    folder.tamper(f"UPDATE fact SET envelope = CAST({later} AS BLOB) WHERE position = 2")
    journal = folder.open(read_only=True)
    with pytest.raises(Fault) as raised:
        journal.at(2)
    assert "unknown format 2" in raised.value.what
    journal.close()
    assert not folder.verify().ok


@pytest.mark.parametrize("name", ["body", "raw", "idempotency"])
def test_a_part_that_is_too_large_is_refused(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("lineage.journal.envelope.LARGEST_PART", 1_000)
    journal = folder.open()
    with pytest.raises(InvalidInput) as raised:
        journal.submit(draft(1, **{name: b"x" * 1_001}))
    assert raised.value.where == name
    assert journal.submit(draft(1, **{name: b"x" * 1_000})).result().position == 1
    journal.close()


def test_only_the_owner_can_read_the_files(folder: JournalFolder) -> None:
    former = os.umask(0)
    try:
        folder.filled(3)
    finally:
        os.umask(former)
    loose = [
        path.name
        for path in (folder.data, *folder.data.glob("journal.db*"), *folder.keys.iterdir())
        if path.stat().st_mode & 0o077
    ]
    assert loose == []


@pytest.mark.parametrize("parts", [True, False])
def test_a_writer_syncs_everything_and_leaves_nothing_behind(
    tmp_path: Path, *, parts: bool
) -> None:
    with closing(connect_writer(tmp_path / "file.db", parts=parts)) as db:
        names = ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync",
                 "trusted_schema", "secure_delete", "busy_timeout")  # fmt: skip
        found = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    assert found == {
        "journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1,
        "trusted_schema": 0, "secure_delete": 1, "busy_timeout": 5000,
    }  # fmt: skip


@pytest.mark.parametrize("with_keys", [True, False])
def test_a_reader_changes_nothing(folder: JournalFolder, *, with_keys: bool) -> None:
    folder.filled(2)
    with closing(connect_reader(folder.data, folder.keys if with_keys else None)) as db:
        assert db.execute("PRAGMA trusted_schema").fetchone() == (0,)
        assert db.execute("PRAGMA busy_timeout").fetchone() == (5000,)
        assert db.execute("SELECT count(*) FROM keys.key").fetchone() == (2 if with_keys else 0,)
        for table in ("main.fact", "keys.key"):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                db.execute(f"DELETE FROM {table}")
