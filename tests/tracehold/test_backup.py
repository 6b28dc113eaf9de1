"""Backups while facts come in; restores that take nothing back, or are refused by name."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from backup_drills import ACTOR, Drill, digest_at, ingest, spoil, writing
from campaign import record
from rounds import rounds

from lineage.clock import system_clock
from lineage.errors import Conflict, InvalidInput, TraceholdError, Unavailable
from lineage.facts import Draft
from lineage.journal.erasure import ERASED, STREAM, erase_parts
from lineage.journal.sqlite import open_journal
from lineage.journal.verify import verify_journal
from privacy.deletion.tombstones import content_token
from privacy.events import TombstoneLaid, kind_of
from privacy.queries import incidents
from tracehold.backup.manifest import KEYS, MANIFEST, read
from tracehold.backup.restore import restore_backup
from tracehold.backup.take import BESIDE, NOWHERE, take_backup
from tracehold.bootstrap import open_services
from tracehold.cli.main import run
from tracehold.settings import load


def _folders(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_backup_taken_while_events_come_in_is_a_prefix_of_the_journal(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    with drill.services() as services, writing(services, seed=7):
        taken = [drill.backup() for _ in range(4)]
    assert len({one.manifest.facts for one in taken}) > 1
    for number, one in enumerate(taken):
        made = drill.restore(one, f"restored{number}")
        assert made.manifest.facts == one.manifest.facts
        assert made.digest == digest_at(drill.settings, one.manifest.facts, tmp_path / "scratch")
        assert made.aftermath is not None
        assert made.aftermath.digest == made.digest
        # An erasure is in the copy with its fact, or not at all.
        assert made.aftermath.explained == 0
        (tmp_path / "scratch").unlink()


def test_a_restored_workspace_goes_on_under_the_same_keys(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    drill.restore(drill.backup())
    settings = load(tmp_path / "restored", environ={})
    with open_services(settings, write=True) as services:
        [again] = ingest(services, 1, seed=2)
        assert again == drill.fact_ids[0]
        [fresh] = ingest(services, 1, seed=99)
        services.catch_up()
        assert services.journal.get(fresh).position == drill_size(drill) + 1
    report = verify_journal(settings.storage.data, settings.storage.keys)
    assert report.ok, report.problems


def drill_size(drill: Drill) -> int:
    with closing(sqlite3.connect(drill.settings.storage.data / "journal.db")) as db:
        return int(db.execute("SELECT count(*) FROM fact").fetchone()[0])


def test_it_must_be_said_where_the_keys_go(tmp_path: Path) -> None:
    drill = Drill(tmp_path, facts=2)
    with pytest.raises(InvalidInput, match="say where the keys go"):
        take_backup(drill.settings, tmp_path / "b", keys=None, clock=system_clock)
    beside = take_backup(drill.settings, tmp_path / "beside", keys=BESIDE, clock=system_clock)
    assert (beside.target / KEYS / "parts.db").stat().st_mode & 0o77 == 0
    nowhere = take_backup(drill.settings, tmp_path / "no", keys=NOWHERE, clock=system_clock)
    assert nowhere.keys is None
    assert not any(path.name == "parts.db" for path in nowhere.target.rglob("*"))
    with pytest.raises(InvalidInput, match="no keys for this backup"):
        drill.restore(nowhere)
    assert not (tmp_path / "restored").exists()
    drill.restore(beside)
    drill.restore(nowhere, "again", keys=beside.keys)


def test_folders_that_exist_or_lie_in_each_other_are_refused_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    drill = Drill(tmp_path, facts=2)
    taken = drill.backup()
    before = _folders(tmp_path)
    for target, keys, refused in (
        (taken.target, tmp_path / "k", Conflict),
        (tmp_path / "b", taken.keys, Conflict),
        (tmp_path / "b", tmp_path / "b/keys", InvalidInput),
        (drill.settings.storage.data / "b", NOWHERE, InvalidInput),
    ):
        with pytest.raises(refused):
            take_backup(drill.settings, target, keys=keys, clock=system_clock)
    with pytest.raises(Conflict, match="has a journal already"):
        drill.restore(taken, "shop")
    other = Drill(tmp_path / "other", facts=1).backup()
    drill.lose_data()
    with pytest.raises(Conflict, match="has keys of another one"):
        drill.restore(taken, "shop", keys=other.keys)
    drill.find_data()
    shutil.rmtree(tmp_path / "other")
    assert _folders(tmp_path) == before


def test_a_journal_that_does_not_hold_is_not_backed_up(tmp_path: Path) -> None:
    drill = Drill(tmp_path, facts=3)
    with closing(sqlite3.connect(drill.settings.storage.data / "journal.db")) as db, db:
        db.execute("UPDATE fact SET distilled = raw WHERE position = 5")
    with pytest.raises(Unavailable, match="the journal does not hold: fact 5"):
        drill.backup()
    assert _folders(tmp_path) == {"shop"}


def test_a_dry_run_rehearses_all_and_changes_nothing(tmp_path: Path) -> None:
    drill = Drill(tmp_path)
    taken = drill.backup()
    before = _folders(tmp_path)
    made = restore_backup(
        taken.target, tmp_path / "restored", keys=taken.keys, dry_run=True, clock=system_clock
    )
    assert made.aftermath is None
    assert made.digest == digest_at(drill.settings, taken.manifest.facts, tmp_path / "scratch")
    (tmp_path / "scratch").unlink()
    assert _folders(tmp_path) == before


def test_settings_and_manifests_that_are_there_are_left_as_they_are(tmp_path: Path) -> None:
    drill = Drill(tmp_path, facts=2)
    taken = drill.backup()
    (tmp_path / "restored").mkdir()
    toml = tmp_path / "restored/tracehold.toml"
    text = (tmp_path / "shop/tracehold.toml").read_text().replace('".tracehold"', '"elsewhere"')
    toml.write_text(text)
    made = drill.restore(taken)
    assert made.kept == ("tracehold.toml",)
    assert toml.read_text() == text
    assert (tmp_path / "restored/elsewhere/journal.db").exists()


def test_a_part_erased_after_the_backup_stays_erased_where_the_keys_are_kept(
    tmp_path: Path,
) -> None:
    drill = Drill(tmp_path)
    taken = drill.backup()
    with drill.services() as services:
        erase_parts(services.journal, ACTOR, [(drill.fact_ids[0], "raw")], reason="test")
    drill.lose_data()
    with pytest.raises(Unavailable, match="older than the keys: 1 facts"):
        drill.restore_here(taken)
    assert not (drill.settings.storage.data / "journal.db").exists()
    made = drill.restore_here(taken, loss=True)
    assert (made.lost, made.keys) == (1, drill.settings.storage.keys)
    assert made.aftermath is not None
    assert made.aftermath.explained == 1
    with drill.services() as services:
        assert services.journal.get(drill.fact_ids[0]).raw is None
        assert len(services.journal.members(STREAM)) == 1
        [incident] = incidents(services.state)
        assert incident.cause == "restored from a backup: 1 facts were lost"


def test_an_erasure_that_a_crash_cut_off_is_finished_before_the_restored_journal_serves(
    tmp_path: Path,
) -> None:
    drill = Drill(tmp_path)
    body = json.dumps(
        {"fact": drill.fact_ids[1], "kind": ERASED, "part": "raw", "reason": "test"},
        separators=(",", ":"),
    ).encode()
    # The fact is there and the key still is: the process died between the two.
    storage = drill.settings.storage
    journal = open_journal(
        storage.data, storage.keys, origin=drill.settings.origin, clock=system_clock
    )
    journal.append([Draft(ERASED, ACTOR, body, stream=STREAM)])
    journal.close()
    made = drill.restore(drill.backup())
    assert made.erased_again == 1
    with open_services(load(tmp_path / "restored", environ={}), write=True) as services:
        assert services.journal.get(drill.fact_ids[1]).raw is None
        assert services.journal.get(drill.fact_ids[2]).raw is not None


def test_deleted_content_that_came_back_with_the_files_is_named(tmp_path: Path) -> None:
    drill = Drill(tmp_path, facts=2)
    content = b"id,mail\n1,jane@example.org\n"
    with drill.services() as services:
        token = content_token(services.identity, hashlib.sha256(content).hexdigest())
        stone = TombstoneLaid(token, "case-1")
        services.record(ACTOR, kind_of(stone), stone, "deletion/case-1")
    taken = drill.backup()
    files = tmp_path / "restored/data/landed"
    files.mkdir(parents=True)
    (files / "people.csv").write_bytes(content)
    (files / "other.csv").write_bytes(b"id\n1\n")
    made = drill.restore(taken)
    assert made.aftermath is not None
    assert [(Path(one.path).name, one.case) for one in made.aftermath.returned] == [
        ("people.csv", "case-1")
    ]
    with open_services(load(tmp_path / "restored", environ={}), write=False) as services:
        [incident] = incidents(services.state)
        assert incident.cause == "deleted content came back"


def _during_writes(drill: Drill, draw: random.Random) -> str:
    with drill.services() as services, writing(services, seed=draw.randrange(1_000)):
        taken = drill.backup()
    made = drill.restore(taken)
    scratch = drill.folder / "scratch"
    assert made.digest == digest_at(drill.settings, taken.manifest.facts, scratch)
    return "restored equal"


def _torn(drill: Drill, draw: random.Random) -> str:
    taken = drill.backup()
    assert taken.keys is not None
    spoil(draw.choice((taken.target, taken.keys)), draw)
    with pytest.raises(TraceholdError) as refused:
        drill.restore(taken)
    assert not (drill.folder / "restored/.tracehold/journal.db").exists()
    return refused.value.what.partition(":")[0]


def _old(drill: Drill, draw: random.Random) -> str:
    taken = drill.backup()
    drill.more(draw.randrange(1, 30))
    drill.lose_data()
    with pytest.raises(Unavailable) as refused:
        drill.restore_here(taken)
    made = drill.restore_here(taken, loss=True)
    assert made.aftermath is not None
    report = verify_journal(drill.settings.storage.data, drill.settings.storage.keys)
    assert report.ok, report.problems
    return refused.value.what.partition(":")[0]


def _wrong_key(drill: Drill, draw: random.Random) -> str:
    other = Drill(drill.folder / "other", facts=draw.randrange(1, 5)).backup()
    taken = drill.backup()
    with pytest.raises(Unavailable) as refused:
        drill.restore(taken, keys=other.keys)
    assert not (drill.folder / "restored").exists()
    return refused.value.what.partition(":")[0]


def _old_keys(drill: Drill, draw: random.Random) -> str:
    before = drill.backup()
    drill.more(draw.randrange(1, 30))
    with pytest.raises(TraceholdError) as refused:
        drill.restore(drill.backup(), keys=before.keys)
    assert not (drill.folder / "restored").exists()
    return refused.value.what.partition(":")[0]


DRILLS = (_during_writes, _torn, _old, _wrong_key, _old_keys)


@pytest.mark.campaign
@pytest.mark.parametrize("number", range(rounds(usual=10, minutes=25, campaign=100)))
def test_a_drill_ends_in_an_equal_state_or_is_refused_by_name(tmp_path: Path, number: int) -> None:
    draw = random.Random(number)
    drill = Drill(tmp_path, facts=draw.randrange(1, 30), seed=number)
    failed, note = 1, ""
    try:
        note = DRILLS[number % len(DRILLS)](drill, draw)
        failed = 0
    finally:
        record("Restore drills", tried=1, failed=failed, unit="drills", note=note)


def test_backup_and_restore_say_what_they_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = Drill(tmp_path, facts=4)
    shop, into = drill.settings.folder, tmp_path / "restored"

    def said(*words: str | Path, workspace: Path, code: int = 0) -> str:
        ended = run([*map(str, words), "--workspace", str(workspace)])
        out, err = capsys.readouterr()
        assert ended == code, err
        return out

    words = ("backup", tmp_path / "b", "--keys-to", tmp_path / "k", "--json")
    answer = json.loads(said(*words, workspace=shop))
    assert answer["facts"] == drill_size(drill)
    assert answer["keys"] == str(tmp_path / "k")
    words = ("restore", tmp_path / "b", "--keys", tmp_path / "k", "--json")
    assert json.loads(said(*words, workspace=into))["restored"] is True
    said("journal", "verify", workspace=into)
    said("user", "list", workspace=into)
    said("backup", tmp_path / "c", workspace=shop, code=2)
    said("restore", tmp_path / "k", workspace=tmp_path / "x", code=2)
    said("restore", tmp_path / "b", workspace=into, code=4)


def test_a_manifest_that_names_a_path_outside_is_refused(tmp_path: Path) -> None:
    drill = Drill(tmp_path, facts=1)
    taken = drill.backup()
    path = taken.target / MANIFEST
    path.write_text(path.read_text().replace('"data/journal.db"', '"../keys1/parts.db"'))
    with pytest.raises(Unavailable, match="the backup is torn"):
        read(taken.target, None)
    shutil.rmtree(taken.target)
