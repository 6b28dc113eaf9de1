"""Proofs about the whole journal, verified by the file that an auditor takes home."""

from __future__ import annotations

import copy
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_world import JournalFolder, draft
from rounds import rounds
from tlog_reader import read_log

from lineage.errors import Conflict, NegativeVerdict, NotFound, Unavailable
from lineage.evidence import verify_bundle, verify_log
from lineage.evidence.proof_text import format_consistency
from lineage.evidence.seal import seal
from lineage.journal.checkpoint import BadSignature, Signer, sign_note
from lineage.journal.public_log import open_public_log
from lineage.journal.static_log import tile_path, write_static_log
from lineage.journal.streams import StreamProof, head_body

Stream = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> JournalFolder:
    """600 facts, 200 holds; the key rotated twice."""
    folder = JournalFolder(tmp_path_factory.mktemp("log"))
    folder.filled(200)
    journal = folder.open()
    for start in (1_000, 2_000):
        journal.rotate_key(actor="person:a1")
        journal.append(
            [draft(start + i, stream="hold" if i % 3 == 0 else None) for i in range(199)]
        )
    journal.close()
    return folder


@pytest.fixture(scope="module")
def holds(folder: JournalFolder) -> bytes:
    """The stream file of the holds."""
    return json.dumps(stream_of(folder, "hold")).encode()


def keys_of(folder: JournalFolder) -> list[str]:
    journal = folder.open(read_only=True)
    try:
        return [str(key) for key in journal.key_chain().keys]
    finally:
        journal.close()


def stream_of(folder: JournalFolder, name: str) -> Stream:
    journal = folder.open(read_only=True)
    try:
        with journal.public() as log:
            read: Stream = json.loads(log.stream(name).as_json())
            return read
    finally:
        journal.close()


def checkpoint_at(folder: JournalFolder, size: int) -> str:
    """The stored checkpoint over at least so many facts."""
    connection = sqlite3.connect(folder.data / "journal.db")
    try:
        (note,) = connection.execute(
            "SELECT note FROM checkpoint WHERE size >= ? ORDER BY size LIMIT 1", (size,)
        ).fetchone()
        return str(note)
    finally:
        connection.close()


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_is_verified_with_the_first_key_and_the_chain(folder: JournalFolder) -> None:
    first, *_, current = keys_of(folder)
    chain = stream_of(folder, "keys")
    keys = verify_log.key_chain(first, chain)
    assert keys[0] == current
    name, count, (size, _) = verify_log.verify_stream(stream_of(folder, "hold"), keys)
    assert (name, count, size) == ("hold", 201, 600)
    assert verify_log.verify_stream(chain, keys)[1] == 2
    with pytest.raises(verify_bundle.ChangedError):
        verify_log.key_chain(current.replace("journal", "other"), chain)


def test_an_empty_stream_is_stated_too(folder: JournalFolder) -> None:
    stream = stream_of(folder, "never")
    assert verify_log.verify_stream(stream, [keys_of(folder)[-1]])[1] == 0


def drop(members: list[Stream], at: int) -> None:
    members.pop(at)


def truncate(members: list[Stream], at: int) -> None:
    del members[at:]


def swap(members: list[Stream], at: int) -> None:
    members[at - 1], members[at] = members[at], members[at - 1]


def repeat(members: list[Stream], at: int) -> None:
    members.insert(at, copy.deepcopy(members[at]))


def renumber(members: list[Stream], at: int) -> None:
    """Close the gap of a dropped member, as far as one may change an envelope."""
    members.pop(at)
    for number, member in enumerate(members, 1):
        said = json.loads(member["envelope"])
        said["sequence"] = number
        member["envelope"] = json.dumps(said, separators=(",", ":"))


def relabel(members: list[Stream], at: int) -> None:
    members[at]["position"] += 1


def foreign(members: list[Stream], at: int) -> None:
    members[at]["envelope"] = members[at]["envelope"].replace('"stream":"hold"', '"stream":"x"')


def reword(members: list[Stream], at: int) -> None:
    members[at]["envelope"] = members[at]["envelope"].replace("person:7f", "person:8f")


def unprove(members: list[Stream], at: int) -> None:
    members[at]["proof"] = members[at - 1]["proof"]


def mislead(members: list[Stream], at: int) -> None:
    members[at]["leaf"] = members[at - 1]["leaf"]


@given(
    st.sampled_from(
        [drop, truncate, swap, repeat, renumber, relabel, foreign, reword, unprove, mislead]
    ),
    st.integers(1, 200),
)
@settings(max_examples=rounds(usual=40, campaign=4_000), deadline=None)
def test_a_changed_stream_is_found(
    folder: JournalFolder, holds: bytes, change: Callable[[list[Stream], int], None], at: int
) -> None:
    stream = json.loads(holds)
    change(stream["members"], at)
    with pytest.raises((verify_bundle.ChangedError, ValueError)):
        verify_log.verify_stream(stream, [keys_of(folder)[-1]])


@given(st.integers(0, 10_000), st.integers(0, 7))
@settings(max_examples=rounds(usual=40, campaign=4_000), deadline=None)
def test_a_flipped_bit_of_a_signed_head_is_found(
    folder: JournalFolder, holds: bytes, place: int, bit: int
) -> None:
    stream = json.loads(holds)
    which = "head" if place % 2 else "checkpoint"
    data = bytearray(stream[which].encode())
    data[place % len(data)] ^= 1 << bit
    stream[which] = data.decode("latin-1")
    with pytest.raises((verify_bundle.ChangedError, ValueError)):
        verify_log.verify_stream(stream, [keys_of(folder)[-1]])


def short_of_one(folder: JournalFolder) -> Stream:
    """What an operator would sign to hide the last hold."""
    journal = folder.open(read_only=True)
    try:
        with journal.public() as log:
            whole = log.stream("hold")
            tree = log.head_of(whole.checkpoint)
        members = whole.members[:-1]
        leaves = [bytes.fromhex(whole.members[-1].read().previous or "")]
        body = head_body(journal.signer.name, "hold", [b""] * (len(members) - 1) + leaves, tree)
        lie = StreamProof("hold", members, sign_note(journal.signer, body), whole.checkpoint)
        read: Stream = json.loads(lie.as_json())
        return read
    finally:
        journal.close()


def test_who_signs_too_small_a_count_contradicts_his_tree(
    folder: JournalFolder, tmp_path: Path
) -> None:
    current = keys_of(folder)[-1]
    lie = short_of_one(folder)
    assert verify_log.verify_stream(lie, [current])[1] == 200
    (tmp_path / "lie.json").write_text(json.dumps(lie))
    (tmp_path / "truth.json").write_text(json.dumps(stream_of(folder, "hold")))
    export(folder, tmp_path / "log")
    log = ["log", str(tmp_path / "log"), "--vkey", current]
    assert verify_log.main([*log, "--stream", str(tmp_path / "truth.json")]) == 0
    assert verify_log.main([*log, "--stream", str(tmp_path / "lie.json")]) == 1


def test_a_log_read_without_the_signing_key_states_no_streams(folder: JournalFolder) -> None:
    with open_public_log(folder.data) as log, pytest.raises(NotFound):
        log.stream("hold")


# --- consistency ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 128, 200, 201, 202, 400, 401, 600])
def test_the_journal_extends_every_checkpoint_that_was_kept(
    folder: JournalFolder, size: int
) -> None:
    first = keys_of(folder)[0]
    kept = checkpoint_at(folder, size)
    keys = verify_log.key_chain(first, stream_of(folder, "keys"))
    with open_public_log(folder.data) as log:
        text = format_consistency(log.extension(kept))
    assert verify_log.verify_consistency(text, kept, keys)[0] == 600
    lines = text.split("\n")
    for at in range(len(lines) - 1):
        changed = [*lines[:at], *lines[at + 1 :]]
        with pytest.raises((verify_bundle.ChangedError, ValueError, IndexError)):
            verify_log.verify_consistency("\n".join(changed), kept, keys)
    other = checkpoint_at(folder, 1 if size > 2 else 600)
    with pytest.raises(verify_bundle.ChangedError):
        verify_log.verify_consistency(text, other, keys)


def test_a_fork_or_a_rollback_has_no_consistency_proof(
    folder: JournalFolder, tmp_path: Path
) -> None:
    forked = JournalFolder(Path(shutil.copytree(folder.root, tmp_path / "fork")), folder.clock)
    notes = []
    for branch, number in ((folder, 9_000), (forked, 9_001)):
        copied = JournalFolder(
            Path(shutil.copytree(branch.root, tmp_path / str(number))), folder.clock
        )
        journal = copied.open()
        journal.append([draft(number)])
        notes.append((copied, journal.checkpoint()))
        journal.close()
    (one, _), (_, other_note) = notes
    with open_public_log(one.data) as log, pytest.raises(NegativeVerdict):
        log.extension(other_note)
    with open_public_log(folder.data) as log, pytest.raises(NegativeVerdict):
        log.extension(other_note)
    stranger = JournalFolder(tmp_path / "stranger")
    stranger.filled(3)
    with open_public_log(folder.data) as log, pytest.raises(BadSignature):
        log.extension(checkpoint_at(stranger, 1))


def test_an_empty_journal_has_nothing_to_extend(tmp_path: Path) -> None:
    empty = JournalFolder(tmp_path)
    journal = empty.open()
    with journal.public() as log:
        extension = log.extension(journal.checkpoint())
        assert (extension.size, extension.hashes) == (0, ())
        stream = json.loads(log.stream("hold").as_json())
    assert verify_log.verify_stream(stream, [journal.verifier_key])[1] == 0
    journal.close()
    with open_public_log(empty.data) as log, pytest.raises(NotFound):
        log.checkpoint()


# --- tiles ----------------------------------------------------------------------------------------


def export(folder: JournalFolder, target: Path) -> Path:
    with open_public_log(folder.data) as log:
        extra = {
            "verify.py": Path(verify_bundle.__file__).read_bytes(),
            "verify_log.py": Path(verify_log.__file__).read_bytes(),
            "keys.json": json.dumps(stream_of(folder, "keys")).encode(),
        }
        write_static_log(log, target, extra=extra)
    return target


def test_tiles_are_read_by_a_reader_that_knows_the_specification_alone(
    folder: JournalFolder, tmp_path: Path
) -> None:
    log = read_log(export(folder, tmp_path / "log"))
    assert len(log.entries) == log.size == 600
    journal = folder.open(read_only=True)
    assert [fact.envelope for fact in journal.stored()] == log.entries
    assert log.root == journal.head().root
    journal.close()
    assert log.root == log.root_of_tiles() == log.root_of_entries()


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, 600])
def test_tiles_of_any_size_have_their_names(tmp_path: Path, size: int) -> None:
    grown = JournalFolder(tmp_path / "grown")
    grown.filled(size)
    log = read_log(export(grown, tmp_path / "log"))
    assert log.root == log.root_of_tiles() == log.root_of_entries()
    assert log.stray() == []


def test_tile_names_are_those_of_the_specification() -> None:
    assert tile_path(0, 0) == "tile/0/000"
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 1_000, 5) == "tile/entries/x001/000.p/5"
    assert tile_path(2, 255_255, 256) == "tile/2/x255/255"


def test_the_exported_files_verify_themselves_without_us(
    folder: JournalFolder, tmp_path: Path
) -> None:
    log = export(folder, tmp_path / "log")
    kept = tmp_path / "kept"
    kept.write_text(checkpoint_at(folder, 128))
    first, *_, current = keys_of(folder)

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-I", "-c", ISOLATED.format(log=str(log)), *words],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    assert run("log", str(log), "--vkey", first, "--since", str(kept))[0] == 0
    assert run("log", str(log), "--vkey", current)[0] == 0
    stranger = "tracehold.test/journal+" + verify_key_of_a_stranger()
    assert run("log", str(log), "--vkey", stranger)[0] == 1
    assert run("stream", str(log / "keys.json"), "--vkey", current)[0] == 0
    assert run("stream", str(log / "keys.json"), "--vkey", first)[0] == 1
    assert run("stream", str(log / "missing"), "--vkey", first)[0] == 2
    with open_public_log(folder.data) as public:
        (tmp_path / "proof").write_text(
            format_consistency(public.extension(kept.read_text())), "utf-8"
        )
    proof = ("consistency", str(tmp_path / "proof"), "--since", str(kept))
    assert run(*proof, "--vkey", first, "--keys", str(log / "keys.json"))[0] == 0
    assert run(*proof, "--vkey", first)[0] == 1


ISOLATED = (
    "import sys, runpy; sys.path.insert(0, {log!r});"
    "runpy.run_path({log!r} + '/verify_log.py', run_name='__main__')"
)


def verify_key_of_a_stranger() -> str:
    return str(Signer("tracehold.test/journal", b"z" * 32).verifier).partition("+")[2]


def test_every_changed_byte_of_the_exported_log_is_found(
    folder: JournalFolder, tmp_path: Path
) -> None:
    log = export(folder, tmp_path / "log")
    current = keys_of(folder)[-1]
    files = [path for path in (log / "tile").rglob("*") if path.is_file()] + [log / "checkpoint"]
    chance = random.Random(5)
    for path in files:
        whole = path.read_bytes()
        for _ in range(6):
            changed = bytearray(whole)
            changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            assert verify_log.main(["log", str(log), "--vkey", current]) == 1, path
        path.write_bytes(whole[:-1])
        assert verify_log.main(["log", str(log), "--vkey", current]) == 1, path
        path.unlink()
        assert verify_log.main(["log", str(log), "--vkey", current]) == 2, path
        path.write_bytes(whole)
    assert verify_log.main(["log", str(log), "--vkey", current]) == 0


def test_an_export_overwrites_nothing(folder: JournalFolder, tmp_path: Path) -> None:
    export(folder, tmp_path / "log")
    with pytest.raises(Conflict):
        export(folder, tmp_path / "log")
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        export(folder, tmp_path / "file" / "log")


# --- bundles across a change of keys --------------------------------------------------------------


def test_a_bundle_is_verified_with_a_former_key(folder: JournalFolder, tmp_path: Path) -> None:
    journal = folder.open(read_only=True)
    fact = next(journal.stored())
    first, second, current = keys_of(folder)
    certificate = sign_note(journal.signer, '{"certificate":"c1"}\n')
    target = seal(
        journal, [json.loads(fact.envelope)["id"]], tmp_path / "bundle",
        documents={"certificates/c1.json": certificate.encode()}, created=1_772_000_000_000,
    )  # fmt: skip
    journal.close()
    for vkey in (first, second, current):
        assert verify_bundle.verify(target, vkey)
    assert "by 2 steps" in " ".join(verify_bundle.verify(target, first))
    assert (target / "verify_log.py").exists()
    with pytest.raises(verify_bundle.ChangedError):
        verify_bundle.verify(target, "tracehold.test/journal+" + verify_key_of_a_stranger())


def test_a_change_of_key_is_never_erased(folder: JournalFolder, tmp_path: Path) -> None:
    copied = JournalFolder(Path(shutil.copytree(folder.root, tmp_path / "copy")), folder.clock)
    journal = copied.open()
    changed = json.loads(journal.at(journal.members("keys")[0]).envelope)["id"]
    with pytest.raises(Conflict):
        journal.erase(changed, "distilled")
    journal.close()


def test_the_tiles_of_an_older_tree_end_where_it_ended(folder: JournalFolder) -> None:
    with open_public_log(folder.data) as log:
        assert [len(log.hashes(300, 0, index)) for index in range(3)] == [256, 44, 0]
        assert [len(log.hashes(300, 1, index)) for index in range(2)] == [1, 0]
        assert [len(log.hashes(600, level, 0)) for level in range(3)] == [256, 2, 0]
        assert log.hashes(300, 0, 1) == log.hashes(600, 0, 1)[:44]
        assert list(log.envelopes(300)) == list(log.envelopes(600))[:300]
        assert list(log.envelopes(0)) == []
        assert log.streams() == {"hold": 201, "keys": 2}
