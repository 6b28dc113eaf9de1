"""Changes of the signing key: the chain holds from any former key, and breaks are named."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from journal_world import ORIGIN, JournalFolder, draft

from lineage.errors import Conflict, InvalidInput, Unavailable
from lineage.journal.checkpoint import BadSignature, Signer, sign_note, verify_note
from lineage.journal.keychain import BrokenChain, KeyRotated, endorsed
from lineage.journal.keys import NEXT_KEY, SIGNING_KEY, load_signer
from lineage.journal.ledger import Ledger
from lineage.journal.rotation import replace_lost_key
from lineage.journal.verify import verify_journal

ACTOR = "person:a1"


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    return JournalFolder(tmp_path / "workspace")


def rotate(folder: JournalFolder, *, then: int = 3) -> tuple[str, str]:
    """Rotate once and append some; gives both verifier keys."""
    journal = folder.open()
    former = journal.verifier_key
    journal.rotate_key(actor=ACTOR)
    journal.append([draft(10_000 + journal.head().size + i) for i in range(then)])
    following = journal.verifier_key
    journal.close()
    return former, following


def lose(folder: JournalFolder, *, dry_run: bool = False) -> None:
    replace_lost_key(
        folder.data, folder.keys, origin=ORIGIN, clock=folder.clock, actor=ACTOR, dry_run=dry_run
    )


def test_a_rotated_key_signs_what_follows_and_the_former_one_leads_to_it(
    folder: JournalFolder,
) -> None:
    folder.filled(30)
    keys = [rotate(folder) for _ in range(3)]
    assert [former for former, _ in keys[1:]] == [following for _, following in keys[:-1]]
    every = [keys[0][0], *(following for _, following in keys)]
    assert len(set(every)) == 4
    for vkey in every:
        for report in (
            verify_journal(folder.data, vkey),
            verify_journal(folder.data, folder.keys, vkey=vkey),
        ):
            assert (report.ok, report.breaks, report.verifier_key) == (True, (), every[-1])
    assert folder.verify().ok
    journal = folder.open()
    assert [str(key) for key in journal.key_chain().keys] == every
    assert len(journal.members("keys")) == 3
    verify_note(journal.checkpoint(), every[-1])
    with pytest.raises(BadSignature):
        verify_note(journal.checkpoint(), every[-2])
    journal.close()


def test_the_checkpoint_over_the_rotation_is_signed_by_both_keys(folder: JournalFolder) -> None:
    folder.filled(5)
    former, following = rotate(folder, then=0)
    journal = folder.open(read_only=True)
    note = journal.checkpoint()
    assert verify_note(note, former) == verify_note(note, following)
    assert str(journal.signer.verifier) == following == journal.verifier_key
    journal.close()
    assert folder.verify().ok


def test_an_empty_journal_may_change_its_key(folder: JournalFolder) -> None:
    former, following = rotate(folder, then=0)
    assert verify_journal(folder.data, former).ok
    assert verify_journal(folder.data, following).ok


def test_the_former_private_key_is_destroyed(folder: JournalFolder) -> None:
    folder.filled(3)
    path = folder.keys / SIGNING_KEY
    private = path.read_text().strip().rpartition("+")[2].encode()
    held = path.open("rb")
    rotate(folder)
    assert held.read().strip(b"\0") == b""
    held.close()
    assert private not in folder.bytes_of_keys()
    assert not (folder.keys / NEXT_KEY).exists()
    assert path.stat().st_mode & 0o077 == 0


def test_a_key_that_is_not_chained_is_refused(folder: JournalFolder) -> None:
    folder.filled(3)
    rotate(folder)
    stranger = str(Signer(ORIGIN, b"x" * 32).verifier)
    report = verify_journal(folder.data, stranger)
    assert not report.ok
    assert "not chained" in report.problems[0].what
    journal = folder.open()
    with pytest.raises(InvalidInput):
        journal.key_chain().breaks_after(Signer(ORIGIN, b"x" * 32).verifier)
    journal.close()


@pytest.mark.parametrize(
    "change", [{"kind": "key.rotated/1"}, {"kind": "key.lost/1"}, {"stream": "keys"}]
)
def test_nobody_else_may_record_a_change_of_key(
    folder: JournalFolder, change: dict[str, str]
) -> None:
    journal = folder.open()
    with pytest.raises(InvalidInput):
        journal.submit(draft(1, **change))
    assert journal.head().size == 0
    journal.close()


def test_a_journal_opened_for_reading_rotates_nothing(folder: JournalFolder) -> None:
    folder.filled(1)
    journal = folder.open(read_only=True)
    with pytest.raises(Unavailable):
        journal.rotate_key(actor=ACTOR)
    journal.close()


# --- a crash at any point -------------------------------------------------------------------------


def snapshots(
    folder: JournalFolder, to: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> list[JournalFolder]:
    """What lies on disk before and after every sync, rename and statement of an act."""
    taken: list[JournalFolder] = []

    def snap(*_: object) -> None:
        target = to / str(len(taken))
        if not taken or not same(taken[-1].root, folder.root):
            taken.append(JournalFolder(Path(shutil.copytree(folder.root, target)), folder.clock))

    def around(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*given: object, **named: object) -> object:
            snap()
            try:
                return function(*given, **named)
            finally:
                snap()

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", around(os.fsync))
        patch.setattr(Path, "replace", around(Path.replace))
        for name in ("_write_facts", "commit", "close"):
            patch.setattr(f"lineage.journal.ledger.Ledger.{name}", around(getattr(Ledger, name)))
        connect = sqlite3.connect

        def traced(*given: object, **named: object) -> sqlite3.Connection:
            connection = connect(*given, **named)  # type: ignore[call-overload]
            connection.set_trace_callback(snap)
            return connection  # type: ignore[no-any-return]

        patch.setattr("lineage.journal.files.sqlite3.connect", traced)
        act()
    return taken


def same(one: Path, other: Path) -> bool:
    def content(root: Path) -> dict[str, bytes]:
        files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".db-shm")
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}

    return content(one) == content(other)


def test_a_crash_during_a_rotation_leaves_one_usable_key(
    folder: JournalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(12)
    former = str(load_signer(folder.keys).verifier)

    def act() -> None:
        journal = folder.open()
        journal.rotate_key(actor=ACTOR)
        journal.close()

    taken = snapshots(folder, tmp_path, monkeypatch, act)
    outcomes = set()
    for crashed in taken:
        assert verify_journal(crashed.data, former).ok
        journal = crashed.open()
        chain = journal.key_chain()
        assert chain.current == load_signer(crashed.keys).verifier
        assert not (crashed.keys / NEXT_KEY).exists()
        journal.append([draft(500)])
        verify_note(journal.checkpoint(), chain.current)
        journal.close()
        assert crashed.verify().problems == ()
        assert verify_journal(crashed.data, former).ok
        outcomes.add(len(chain.links))
    assert outcomes == {0, 1}
    assert len(taken) >= 8


def test_a_crash_while_a_lost_key_is_replaced_leaves_one_usable_key(
    folder: JournalFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(12)
    (folder.keys / SIGNING_KEY).unlink()
    taken = snapshots(folder, tmp_path, monkeypatch, lambda: lose(folder))
    opened = 0
    for crashed in taken:
        try:
            crashed.open().close()
        except Unavailable:
            lose(crashed)  # nothing had been recorded yet: it is done again
            crashed.open().close()
        else:
            opened += 1
        assert len(crashed.verify().breaks) == 1
        assert crashed.verify().ok
    assert 0 < opened < len(taken)


def test_a_next_key_that_was_cut_off_while_written_is_discarded(folder: JournalFolder) -> None:
    folder.filled(2)
    path = folder.keys / NEXT_KEY
    path.write_text("PRIVATE+KEY+trace")
    path.chmod(0o600)
    folder.open().close()
    assert not path.exists()
    assert folder.verify().ok


# --- lost keys ------------------------------------------------------------------------------------


def test_a_lost_signing_key_is_replaced_and_the_break_is_a_finding(folder: JournalFolder) -> None:
    ids = folder.filled(20)
    journal = folder.open()
    former, witness = journal.verifier_key, journal.checkpoint()
    journal.close()
    (folder.keys / SIGNING_KEY).unlink()
    with pytest.raises(Unavailable) as raised:
        folder.open()
    assert raised.value.where.endswith(SIGNING_KEY)
    reading = folder.open(read_only=True)  # what is there is read without it
    assert reading.get(ids[3]).distilled == draft(3).body
    assert reading.verifier_key == former
    reading.close()
    assert verify_journal(folder.data, folder.keys, vkey=former).ok

    lose(folder, dry_run=True)
    assert not (folder.keys / SIGNING_KEY).exists()
    lose(folder)
    journal = folder.open()
    journal.append([draft(100)])
    following = journal.verifier_key
    journal.close()
    report = folder.verify(witness=witness)
    assert report.ok
    assert [one.where for one in report.breaks] == ["fact 21"]
    pinned = verify_journal(folder.data, former)
    assert not pinned.ok
    assert "lost" in pinned.problems[0].what
    accepted = verify_journal(folder.data, following)
    assert accepted.ok
    assert len(accepted.breaks) == 1
    with pytest.raises(Conflict):
        lose(folder)


def test_a_foreign_key_in_its_place_is_named_and_kept(
    folder: JournalFolder, tmp_path: Path
) -> None:
    folder.filled(4)
    other = JournalFolder(tmp_path / "other")
    other.filled(1)
    foreign = (other.keys / SIGNING_KEY).read_text()
    (folder.keys / SIGNING_KEY).write_text(foreign)
    with pytest.raises(Unavailable) as raised:
        folder.open()
    assert "not of this journal" in raised.value.what
    lose(folder)
    assert [path.read_text() for path in folder.keys.glob("*.unused")] == [foreign]
    folder.open().close()


def test_a_former_key_from_an_old_backup_is_named(folder: JournalFolder, tmp_path: Path) -> None:
    folder.filled(4)
    backup = (folder.keys / SIGNING_KEY).read_text()
    rotate(folder)
    (folder.keys / SIGNING_KEY).write_text(backup)
    with pytest.raises(Unavailable) as raised:
        folder.open()
    assert "a former one" in raised.value.what


@pytest.mark.parametrize("change", ["lose", "damage", "swap"])
def test_a_workspace_secret_that_is_lost_or_wrong_is_named_and_facts_stay_readable(
    folder: JournalFolder, change: str
) -> None:
    ids = folder.filled(6)
    path = folder.keys / "workspace.secret"
    if change == "lose":
        path.unlink()
    else:
        path.write_text("cafe\n" if change == "damage" else "ab" * 32 + "\n")
    with pytest.raises(Unavailable) as raised:
        folder.open()
    assert raised.value.where.endswith("workspace.secret")
    reading = folder.open(read_only=True)
    assert reading.get(ids[2]).distilled == draft(2).body
    vkey = reading.verifier_key
    reading.close()
    assert verify_journal(folder.data, folder.keys, vkey=vkey).ok
    if change == "swap":
        assert [one.where for one in folder.verify().problems] == ["meta"]
    else:
        with pytest.raises(Unavailable):
            folder.verify()
    (folder.keys / SIGNING_KEY).unlink()
    with pytest.raises(Unavailable):
        lose(folder)


def test_without_the_keys_of_its_parts_a_journal_is_verified_but_not_opened(
    folder: JournalFolder,
) -> None:
    folder.filled(6)
    vkey = str(load_signer(folder.keys).verifier)
    (folder.keys / "parts.db").unlink()
    for read_only in (False, True):
        with pytest.raises(Unavailable) as raised:
            folder.open(read_only=read_only)
        assert raised.value.where.endswith("parts.db")
    report = verify_journal(folder.data, vkey)
    assert (report.ok, report.sealed) == (True, 12)
    (folder.keys / SIGNING_KEY).unlink()
    with pytest.raises(Unavailable):
        lose(folder)


def test_a_journal_that_never_wrote_its_key_down_cannot_go_on_without_it(
    folder: JournalFolder,
) -> None:
    folder.filled(6)
    folder.tamper("DELETE FROM meta WHERE name = 'key/0'")
    assert folder.verify().ok
    folder.open(read_only=True).verifier_key  # noqa: B018 - from the signing key
    (folder.keys / SIGNING_KEY).unlink()
    with pytest.raises(Unavailable):
        lose(folder)


# --- tampering with the chain ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM meta WHERE name LIKE 'key/%'",
        "DELETE FROM meta WHERE name = 'key/7'",
        "UPDATE meta SET name = 'key/6' WHERE name = 'key/7'",
        "UPDATE meta SET name = 'key/x' WHERE name = 'key/7'",
        "UPDATE meta SET name = 'key/700' WHERE name = 'key/7'",
        "UPDATE meta SET value = substr(value, 2) WHERE name = 'key/7'",
        "UPDATE meta SET value = replace(value, 'former', 'formes') WHERE name = 'key/7'",
        "UPDATE meta SET value = 'no key' WHERE name = 'key/0'",
        "UPDATE meta SET value = (SELECT max(value) FROM meta) WHERE name = 'key/11'",
        "INSERT INTO meta SELECT 'key/3', value FROM meta WHERE name = 'key/7'",
    ],
)
def test_a_changed_row_of_the_chain_is_found(folder: JournalFolder, sql: str) -> None:
    folder.filled(6)
    former, _ = rotate(folder)
    rotate(folder)
    assert verify_journal(folder.data, former).ok
    assert folder.tamper(sql)
    assert not folder.verify().ok
    assert not verify_journal(folder.data, former).ok
    with pytest.raises(Unavailable):
        folder.open()


def test_a_chain_forged_without_the_former_key_is_found(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the files but not the former key cannot lead its holders to another one."""
    folder.filled(6)
    former = load_signer(folder.keys)
    thief = Signer(ORIGIN, b"t" * 32)

    def forged(signer: Signer, following: Signer, *, actor: str) -> object:
        note = sign_note(thief, endorsed(signer.verifier, following.verifier))
        body = KeyRotated(
            former=str(signer.verifier), next=str(following.verifier), endorsement=note
        )
        encoded = msgspec.json.encode(body, order="deterministic")
        return draft(1, kind="key.rotated/1", body=encoded, stream="keys", idempotency=None)

    monkeypatch.setattr("lineage.journal.ledger.rotation_draft", forged)
    journal = folder.open()
    journal.rotate_key(actor=ACTOR)
    journal.append([draft(100)])
    journal.close()
    report = verify_journal(folder.data, str(former.verifier))
    assert "the former key did not sign" in report.problems[0].what
    journal = folder.open(read_only=True)
    with pytest.raises(BrokenChain):
        journal.key_chain()
    journal.close()


def test_a_disk_that_refuses_leaves_a_lost_key_lost_and_it_is_done_again(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(6)
    (folder.keys / SIGNING_KEY).unlink()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("lineage.journal.ledger.Ledger.commit", full)
        with pytest.raises(sqlite3.OperationalError):
            lose(folder)
    assert not (folder.keys / SIGNING_KEY).exists()
    lose(folder)
    folder.open().close()
    assert [one.where for one in folder.verify().breaks] == ["fact 7"]


def test_a_chain_of_another_journal_is_refused(
    folder: JournalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.filled(6)

    def elsewhere(signer: Signer, _: Signer, *, actor: str) -> object:
        other = Signer("tracehold.test/elsewhere", b"e" * 32)
        text = endorsed(signer.verifier, other.verifier)
        body = KeyRotated(
            former=str(signer.verifier), next=str(other.verifier),
            endorsement=sign_note(signer, text),
        )  # fmt: skip
        encoded = msgspec.json.encode(body, order="deterministic")
        return draft(1, kind="key.rotated/1", body=encoded, stream="keys", idempotency=None)

    monkeypatch.setattr("lineage.journal.ledger.rotation_draft", elsewhere)
    journal = folder.open()
    former = journal.verifier_key
    journal.rotate_key(actor=ACTOR)
    journal.close()
    assert "another journal" in verify_journal(folder.data, former).problems[0].what
    with pytest.raises(Unavailable):
        folder.open()


def test_two_keys_in_a_row_are_rotated_before_anything_else_is_recorded(
    folder: JournalFolder,
) -> None:
    folder.filled(3)
    journal = folder.open()
    first = journal.verifier_key
    receipts = [journal.rotate_key(actor=ACTOR) for _ in range(3)]
    assert [receipt.position for receipt in receipts] == [4, 5, 6]
    assert [receipt.duplicate for receipt in receipts] == [False] * 3
    fact = journal.read(3, 1)[0]
    assert (fact.kind, fact.actor, fact.stream) == ("key.rotated/1", ACTOR, "keys")
    assert fact.fact_id == receipts[0].fact_id
    chain = journal.key_chain()
    assert [chain.at(size) for size in range(3, 8)] == [
        chain.keys[0], chain.keys[0], chain.keys[1], chain.keys[2], chain.keys[3]
    ]  # fmt: skip
    assert [len(chain.signers(size)) for size in range(3, 8)] == [1, 2, 2, 2, 1]
    journal.close()
    assert verify_journal(folder.data, first).ok
