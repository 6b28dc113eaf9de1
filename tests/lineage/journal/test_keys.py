"""The keys folder: made once, private, outside the data, and never quietly replaced."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from journal_world import JournalFolder

from lineage.errors import Conflict, InvalidInput, Unavailable
from lineage.journal.checkpoint import Verifier
from lineage.journal.keys import SECRET, SIGNING_KEY, ensure_keys, load_keys

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")


def test_keys_are_made_once_and_loaded_again(tmp_path: Path) -> None:
    made = ensure_keys(tmp_path / "keys", origin="example.com/a")
    again = ensure_keys(tmp_path / "keys")
    assert (again.secret, again.verifier_key) == (made.secret, made.verifier_key)
    assert len(made.secret) == 32
    assert made.verifier_key.startswith("example.com/a+")


def test_two_that_start_at_once_get_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: _ensure(tmp_path / "keys"), range(8)))
    made = [pair for pair in made if pair is not None]
    assert len(set(made)) == 1
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [SIGNING_KEY, SECRET]


def _ensure(folder: Path) -> tuple[bytes, str] | None:
    try:
        keys = ensure_keys(folder)
    except Unavailable:
        return None  # the other one had written the first file and not yet the second
    return keys.secret, keys.verifier_key


@posix
def test_folder_and_files_are_private(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    folder.filled(3)
    journal = folder.open()
    assert stat.S_IMODE(folder.keys.stat().st_mode) == 0o700
    for path in [*folder.keys.iterdir(), folder.data / "journal.db"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    journal.close()


@posix
@pytest.mark.parametrize("name", ["", SECRET, SIGNING_KEY])
def test_keys_that_others_may_read_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "keys"
    ensure_keys(folder)
    loose = folder / name
    loose.chmod(0o755 if loose.is_dir() else 0o644)
    with pytest.raises(Unavailable) as raised:
        load_keys(folder)
    assert str(loose) in raised.value.advice
    assert f"chmod {'700' if loose.is_dir() else '600'} " in raised.value.advice


def test_a_keys_folder_inside_the_data_folder_is_refused(tmp_path: Path) -> None:
    for keys in (tmp_path / "data", tmp_path / "data" / "keys"):
        with pytest.raises(InvalidInput):
            ensure_keys(keys, data=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", [SECRET, SIGNING_KEY])
def test_one_lost_or_damaged_file_is_never_replaced(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "keys"
    ensure_keys(folder)
    whole = (folder / name).read_bytes()
    for damage in (b"", b"damaged", whole[: len(whole) // 2], b"\xff" * 40):
        (folder / name).write_bytes(damage)
        with pytest.raises(Unavailable):
            ensure_keys(folder)
    (folder / name).unlink()
    with pytest.raises(Unavailable):
        ensure_keys(folder)
    assert not (folder / name).exists()


def test_an_unnamed_key_takes_the_name_of_its_first_journal(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    unnamed = ensure_keys(folder)
    named = ensure_keys(folder, origin="example.com/a")
    assert named.signer.verifier.public == unnamed.signer.verifier.public
    assert load_keys(folder).signer.name == "example.com/a"
    with pytest.raises(Conflict):
        ensure_keys(folder, origin="example.com/b")


@pytest.mark.parametrize("origin", ["two words", "a+b"])
def test_an_origin_that_is_no_key_name_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(InvalidInput):
        ensure_keys(tmp_path / "keys", origin=origin)


def test_secrets_are_not_in_the_repr(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path / "keys")
    text = (tmp_path / "keys" / SIGNING_KEY).read_text().strip()
    assert keys.secret.hex() not in repr(keys)
    assert repr(keys.secret) not in repr(keys)
    private = text.split("+", 4)[4]  # base64 may hold a plus itself
    assert private not in repr(keys)


def test_keys_of_any_bytes_read_back(tmp_path: Path) -> None:
    for number in range(60):
        folder = tmp_path / str(number)
        made = ensure_keys(folder, origin="example.com/a")
        assert load_keys(folder).verifier_key == made.verifier_key
        assert str(Verifier.parse(made.verifier_key)) == made.verifier_key
