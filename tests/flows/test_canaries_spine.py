"""Names, texts and values planted in events: where they may be read, and that erased means gone."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from planted import NAMED, SCRUBBED, canary, everything, found_in, found_in_files, words
from running_server import Client, RunningServer, make_workspace, run, serving

from lineage.journal.parts import KEY_BYTES
from lineage.state.generations import current

GONE, STAYS = "erased", "kept"
ALL = words(GONE) | words(STAYS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "shop")


@pytest.fixture
def server(folder: Path) -> Iterator[RunningServer]:
    with serving(folder) as running:
        yield running


@pytest.fixture
def receipts(server: RunningServer) -> list[str]:
    """Ids of the facts of the seed ``erased``; the others come in between."""
    ids = []
    with closing(server.client()) as client:
        for number, kind in enumerate(("START", "RUNNING", "COMPLETE", "FAIL")):
            for seed in (GONE, STAYS):
                event = everything(seed, number + 10 * (seed == STAYS), kind)
                if seed == STAYS and number == 0:
                    # A name of what will be erased that another fact says too.
                    event["inputs"].append({"namespace": "x", "name": canary(GONE, "input")})
                status, body = client.post("/api/v1/lineage", json.dumps(event).encode())
                assert status == 201
                if seed == GONE:
                    ids.append(json.loads(body)["receipt"])
        provoke(client)
        settle(client)
    return ids


def provoke(client: Client) -> None:
    """Requests that are refused, with a canary in every part of them."""
    word = canary(GONE, "output")
    broken = json.dumps(everything(GONE, 1)).encode()[:-9]
    for path, body in (
        ("/api/v1/lineage", broken),
        ("/api/v1/lineage", json.dumps({"job": word}).encode()),
        (f"/api/v1/acts/{word}", b"{}"),
        ("/api/v1/acts/hold.place", json.dumps({word: 1}).encode()),
    ):
        assert client.post(path, body)[0] in (400, 401, 403, 404, 405)
    for path in (f"/{word}", f"/api/v1/dataset?ref={word}", f"/api/v1/trace?ref=dataset:[{word}]x"):
        assert client.get(path)[0] in (400, 404)


def settle(client: Client) -> None:
    """Wait until everything is folded and no reader holds a state that was replaced."""
    until = time.monotonic() + 60
    while client.json("/health")["lag"] or client.json("/api/v1/refold")["old_readers"]:
        assert time.monotonic() < until
        time.sleep(0.05)


def folders(folder: Path) -> list[Path]:
    return [folder / ".tracehold", folder / ".tracehold-keys"]


def state_of(folder: Path) -> sqlite3.Connection:
    file = current(folder / ".tracehold" / "state.db")
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True)


def columns(db: sqlite3.Connection) -> Iterator[tuple[str, str, bytes]]:
    """Table, column and every value of it, one after the other."""
    tables = db.execute("select name from sqlite_master where type = 'table'").fetchall()
    for (table,) in tables:
        cursor = db.execute(f'select * from "{table}"')
        names = [column[0] for column in cursor.description]
        for row in cursor:
            for name, value in zip(names, row, strict=True):
                yield table, name, value if isinstance(value, bytes) else str(value).encode()


KEYS = {
    "key", "entity_key", "run_key", "job_key", "dataset_key", "parent", "owner", "named", "digest",
    "subject", "rank", "first_rank", "last_rank", "made_rank", "fact_id", "actor", "id", "src",
    "dst", "near", "far", "edge", "shape_id",
}  # fmt: skip
"""Columns that identify; what is shown for them stands in others."""


def test_the_search_finds_a_word_in_every_form_that_it_can_take() -> None:
    word = canary(GONE, "owner")
    plain = f"name: {word}, and more".encode()
    for shift in range(3):
        padded = b"x" * shift + plain
        for form in (
            padded, padded.decode().encode("utf-16-le"), padded.hex().encode(),
            base64.b64encode(padded), b"head" + zlib.compress(padded), padded.upper(),
        ):  # fmt: skip
            assert found_in(b"\x00\xff" + form + b"\x00", ALL) == {word}
    assert found_in(b"nothing of it", ALL) == set()


def test_before_anything_is_erased_keys_envelopes_logs_and_metrics_hold_no_name(
    server: RunningServer, receipts: list[str], folder: Path
) -> None:
    found = found_in_files(folders(folder), ALL)
    # The parts of the facts are sealed, so names are to be read in the state alone.
    assert {name.partition(".db")[0] for name in found} == {"state"}
    with closing(state_of(folder)) as db:
        held: dict[str, set[str]] = {}
        for table, column, value in columns(db):
            if there := found_in(value, ALL):
                assert column not in KEYS, (table, column)
                held.setdefault(table, set()).update(there)
    shown = set().union(*held.values())
    assert {canary(GONE, "output"), canary(GONE, "owner"), canary(GONE, "column")} <= shown
    assert not shown & (words(GONE, SCRUBBED) | words(STAYS, SCRUBBED))
    with closing(server.client()) as client:
        for path in ("/metrics", "/health", "/api/v1/growth", "/api/v1/refold"):
            assert found_in(client.get(path)[1], ALL) == set(), path
    assert found_in("".join(server.said).encode(), ALL) == set()
    # Values that are scrubbed are in the sealed raw part alone, and not in the distilled one.
    assert not found_in_files(folders(folder), words(GONE, SCRUBBED) | words(STAYS, SCRUBBED))
    exported = folder / "facts.jsonl"
    assert run("journal", "export", exported, workspace=folder).returncode == 0
    content = exported.read_bytes()
    exported.unlink()
    assert found_in(content, words(GONE, NAMED)) == words(GONE, NAMED)
    assert found_in(content, words(GONE, SCRUBBED)) == set()


def test_after_erasing_the_parts_nothing_is_left_in_any_byte_and_others_keep_theirs(
    server: RunningServer, receipts: list[str], folder: Path
) -> None:
    sealed = sealed_parts(folder, receipts)
    assert openings(sealed, stored_keys(folder)) == len(sealed)
    done = run("journal", "erase", *receipts, "--reason", "test", "--json", workspace=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parts"] == 2 * len(receipts)
    assert found_in((done.stdout + done.stderr).encode(), ALL) == set()
    with closing(server.client()) as client:
        settle(client)
        check_gone(folder)
        for path in ("/metrics", "/health", "/api/v1/datasets", "/api/v1/overview"):
            assert found_in(client.get(path)[1], only_erased()) == set(), path
        held = Path(f"/proc/{server.process.pid}/fd")
        if held.exists():
            deleted = [str(one.readlink()) for one in held.iterdir()]
            assert [one for one in deleted if "state.db" in one and "(deleted)" in one] == []
    assert openings(sealed, any_keys(folder)) == 0
    verified = run("journal", "verify", "--json", workspace=folder)
    assert json.loads(verified.stdout)["ok"]
    rebuilt = run("journal", "rebuild", "--dry-run", "--json", workspace=folder)
    assert json.loads(rebuilt.stdout)["equal"]
    assert json.loads(rebuilt.stdout)["comparable"]
    # The same bytes once more are a repetition of what was received, and bring nothing back.
    with closing(server.client()) as client:
        event = everything(GONE, 2, "COMPLETE")
        status, body = client.post("/api/v1/lineage", json.dumps(event).encode())
        assert (status, json.loads(body)["duplicate"]) == (201, True)
        settle(client)
    assert server.stop() == 0
    check_gone(folder)
    with serving(folder) as again, closing(again.client()) as client:
        settle(client)
        check_gone(folder)


def only_erased() -> set[str]:
    return words(GONE) - {canary(GONE, "input")}


def check_gone(folder: Path) -> None:
    found = found_in_files(folders(folder), only_erased())
    assert found == {}
    # Over-erasing would be found here: what other facts say stays, also where they say the same.
    stays = set().union(*found_in_files(folders(folder), ALL).values())
    wanted = {canary(STAYS, place) for place in ("output", "owner", "column", "job", "symlink")}
    assert wanted | {canary(GONE, "input")} <= stays


def sealed_parts(folder: Path, receipts: list[str]) -> list[tuple[str, bytes]]:
    """Associated data and ciphertext of the parts of some facts."""
    path = folder / ".tracehold" / "journal.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [
            (f"{fact_id}/{part}", sealed)
            for fact_id in receipts[:2]
            for part, sealed in zip(
                ("distilled", "raw"),
                db.execute(
                    "select distilled, raw from fact where id = ?", (bytes.fromhex(fact_id),)
                ).fetchone(),
                strict=True,
            )
        ]


def openings(sealed: list[tuple[str, bytes]], keys: Iterable[bytes]) -> int:
    """How many parts open with one of the keys."""
    opened = 0
    tried = sorted(set(keys))
    for bound, ciphertext in sealed:
        for key in tried:
            try:
                AESGCM(key).decrypt(bytes(12), ciphertext, bound.encode())
            except InvalidTag:
                continue
            opened += 1
            break
    return opened


def stored_keys(folder: Path) -> set[bytes]:
    """The keys as the table of keys holds them."""
    path = folder / ".tracehold-keys" / "parts.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("select distilled, raw from key").fetchall()
    return {key for row in rows for key in row if key is not None}


def any_keys(folder: Path) -> Iterator[bytes]:
    """Whatever could be a key: any 32 bytes in a row of the files that hold keys."""
    for path in (folder / ".tracehold-keys").glob("parts.db*"):
        content = b"" if path.name.endswith("-shm") else path.read_bytes()
        yield from (content[n : n + KEY_BYTES] for n in range(len(content) - KEY_BYTES + 1))
