from __future__ import annotations

import hashlib
import os
from pathlib import Path

import fsspec
import pytest

from lineage.errors import InvalidInput, NotFound, Unavailable
from orchestration.files import is_local, receive, sha256_of, store, within


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sources").mkdir()
    return tmp_path / "sources"


def _read(location: str, root: Path) -> bytes:
    with receive(location, root, scratch=root.parent) as received:
        content = received.file.read()
        assert received.sha256 == hashlib.sha256(content).hexdigest()
        assert received.size == len(content)
        return content


def test_a_file_below_the_root_is_read_with_its_hash(root: Path) -> None:
    (root / "a.csv").write_bytes(b"x\n1\n")
    assert _read("sources/a.csv", root) == b"x\n1\n"
    assert _read(str(root / "a.csv"), root) == b"x\n1\n"
    assert _read(f"file://{root}/a.csv", root) == b"x\n1\n"


def test_the_copy_leaves_nothing_behind(root: Path) -> None:
    (root / "a.csv").write_bytes(b"x" * 3_000_000)
    _read("sources/a.csv", root)
    assert [path.name for path in root.parent.iterdir()] == ["sources"]


@pytest.mark.parametrize(
    "location",
    [
        "../etc/passwd",
        "/etc/passwd",
        "sources/../../x",
        "sources",
        "sources/..",
        "file:///etc/passwd",
    ],
)
def test_a_path_outside_the_roots_is_refused(root: Path, location: str) -> None:
    with pytest.raises(InvalidInput, match="leaves the folders"):
        _read(location, root)


def test_a_link_is_not_followed_even_when_it_leads_inside(root: Path) -> None:
    (root / "a.csv").write_bytes(b"x")
    (root / "link.csv").symlink_to(root / "a.csv")
    with pytest.raises(InvalidInput, match="symbolic link"):
        _read("sources/link.csv", root)


def test_a_linked_folder_is_not_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.csv").write_bytes(b"x")
    (root / "folder").symlink_to(outside)
    with pytest.raises(InvalidInput, match="symbolic link"):
        _read("sources/folder/a.csv", root)


def test_a_missing_file_is_named(root: Path) -> None:
    with pytest.raises(NotFound) as caught:
        _read("sources/none.csv", root)
    assert caught.value.where == str(root / "none.csv")


def test_a_named_pipe_does_not_hang_the_step(root: Path) -> None:
    os.mkfifo(root / "pipe.csv")
    with pytest.raises(InvalidInput, match="not a regular file"):
        _read("sources/pipe.csv", root)


def test_a_folder_is_not_a_source(root: Path) -> None:
    (root / "folder").mkdir()
    with pytest.raises((InvalidInput, Unavailable)):
        _read("sources/folder", root)


def test_an_address_of_fsspec_is_read(root: Path) -> None:
    with fsspec.open("memory://bucket/a.csv", "wb") as file:
        file.write(b"x\n1\n")
    assert not is_local("memory://bucket/a.csv")
    assert _read("memory://bucket/a.csv", root) == b"x\n1\n"


def test_an_unknown_kind_of_address_is_refused(root: Path) -> None:
    with pytest.raises(InvalidInput, match="no reader"):
        _read("gopher://host/a.csv", root)


def test_a_stored_file_bears_its_hash(tmp_path: Path) -> None:
    path, sha256 = store(b"content", tmp_path, "flights", ".parquet")
    assert path == tmp_path / "flights" / f"{sha256[:12]}.parquet"
    assert sha256_of(path) == sha256 == hashlib.sha256(b"content").hexdigest()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_storing_again_repairs_a_damaged_copy(tmp_path: Path) -> None:
    path, _ = store(b"content", tmp_path, "flights", ".parquet")
    path.write_bytes(b"damaged")
    store(b"content", tmp_path, "flights", ".parquet")
    assert path.read_bytes() == b"content"


def test_what_a_killed_step_left_is_swept_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "flights").mkdir()
    (tmp_path / "flights" / ".part-killed").write_bytes(b"half")
    path, _ = store(b"content", tmp_path, "flights", ".parquet")
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "a\0b", "x" * 200])
def test_a_hostile_name_is_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        store(b"content", tmp_path / "data", name, ".parquet")
    assert not (tmp_path / "data").exists()


def test_a_linked_dataset_folder_is_not_written_through(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.mkdir()
    (data / "flights").symlink_to(outside)
    with pytest.raises(InvalidInput, match="symbolic link"):
        store(b"content", data, "flights", ".parquet")
    assert not list(outside.iterdir())


def test_within_takes_the_second_root_too(tmp_path: Path) -> None:
    first, second = tmp_path / "sources", tmp_path / "data"
    first.mkdir()
    second.mkdir()
    assert within(Path("data/x.parquet"), first, second) == second / "x.parquet"
