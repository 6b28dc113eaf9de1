"""The eraser below one root: hostile paths change nothing outside it."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from privacy_world import digests

from lineage.errors import InvalidInput, TraceholdError
from privacy.deletion import files
from privacy.deletion.files import FileEraser
from privacy.deletion.plan import Item
from privacy.deletion.read_back import read_back
from privacy.errors import StalePlan

SECRET = b"outside, must survive"


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    """root/ beside outside/, with every kind of trap inside root."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "good").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.csv").write_bytes(SECRET)
    (outside / "deep").mkdir()
    (outside / "deep" / "secret.csv").write_bytes(SECRET)
    (root / "good" / "a.csv").write_bytes(b"erase me")
    (root / "linkdir").symlink_to(outside)
    (root / "good" / "linkdir").symlink_to("../../outside")
    (root / "link.csv").symlink_to(outside / "secret.csv")
    (root / "relative.csv").symlink_to("../outside/secret.csv")
    (root / "dangling.csv").symlink_to(outside / "none.csv")
    (root / "loop").symlink_to("loop")
    (root / "self").symlink_to(".")
    (root / "up").symlink_to("..")
    os.link(outside / "secret.csv", root / "hard.csv")
    os.mkfifo(root / "fifo")
    (root / "folder.csv").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(root)
    try:
        listener.bind("sock")
    finally:
        os.chdir(here)
        listener.close()
    return tmp_path


def hostile() -> list[str]:
    ups = ["../" * n + "outside/secret.csv" for n in range(1, 12)]
    inner = [f"good/{'../' * n}outside/secret.csv" for n in range(1, 12)]
    dots = [
        "..", ".", "", "/", "//", "./", "../", "good/..", "good/.", "good//a.csv", "/good/a.csv",
        "./good/a.csv", "good/./a.csv", "good/../good/a.csv", "good/a.csv/", "good/a.csv/..",
        "good/a.csv/.", "..//outside/secret.csv", ".../../outside/secret.csv", "good/ /../../x",
        "\0", "good/\0a.csv", "../outside\0/secret.csv", "good/a.csv\0", "good/a.csv\n/../../x",
    ]  # fmt: skip
    links = [
        f"{head}/{tail}"
        for head in ("linkdir", "good/linkdir", "self/linkdir", "up/outside", "up/root/linkdir",
                     "self/self/up/outside", "loop", "self/good/linkdir")
        for tail in ("secret.csv", "deep/secret.csv", "deep/../secret.csv", ".", "")
    ]  # fmt: skip
    leaves = [
        "link.csv", "relative.csv", "dangling.csv", "loop", "self", "up", "linkdir", "hard.csv",
        "fifo", "folder.csv", "sock", "good", "good/linkdir", "self/good/a.csv",
        "up/root/good/a.csv",
        "x" * 300, "good/" + "y" * 5000, "/".join(["d"] * 3000) + "/a.csv",
    ]  # fmt: skip
    absolute = [
        "/etc/passwd", "/proc/self/mem", "/dev/null", "/dev/sda", "//etc/passwd", "/../etc/passwd",
        "~", "~/x", "~root/.ssh/id_rsa", "$HOME/x", "file:///etc/passwd", "C:\\x", "..\\outside",
        "%2e%2e/outside/secret.csv", "\u2024\u2024/outside/secret.csv", "good/\udcff.csv",
        "-rf", "good/*", "good/?.csv", "\uff0e\uff0e/outside", "..\u200b/outside/secret.csv",
    ]  # fmt: skip
    return [*ups, *inner, *dots, *links, *leaves, *absolute]


def item_at(path: str, like: Path) -> Item:
    """An item that fits the file outside in every point but its path."""
    status = like.stat()
    digest = hashlib.sha256(like.read_bytes()).hexdigest()
    return Item("dataset:[n]x", "", path, digest, status.st_size, status.st_dev, status.st_ino)


def test_there_are_more_than_a_hundred_hostile_paths() -> None:
    assert len(set(hostile())) > 100


@pytest.mark.parametrize("path", sorted(set(hostile())), ids=lambda p: repr(p)[:60])
def test_a_hostile_path_is_refused_and_nothing_changes(estate: Path, path: str) -> None:
    eraser = FileEraser(estate / "root")
    before = digests(estate)
    item = item_at(path, estate / "outside" / "secret.csv")
    with pytest.raises(TraceholdError):
        eraser.quarantine("case-1", 0, item)
    if "\0" not in path:
        assert eraser.relative(str(estate / "outside" / path)) is None
    assert digests(estate) == before
    assert (estate / "outside" / "secret.csv").stat().st_nlink == 2


@pytest.mark.parametrize(
    "name", ["new\nline.csv", "-leading.csv", " space .csv", "quote'\".csv", "é.csv", "e\u0301.csv",
             "\u202ertl.csv", "😀.csv", "a" * 250, "%2e%2e", "..csv", "...", "x\ty"],
)  # fmt: skip
def test_strange_but_honest_names_are_erased(estate: Path, name: str) -> None:
    root = estate / "root"
    (root / name).write_bytes(b"strange")
    eraser = FileEraser(root)
    item = item_at(name, root / name)
    before = digests(estate / "outside")
    assert eraser.quarantine("c", 0, item) is True
    assert eraser.quarantine("c", 0, item) is False
    assert eraser.purge("c", 0, item) is True
    assert eraser.purge("c", 0, item) is False
    assert not (root / name).exists()
    assert digests(estate / "outside") == before


@pytest.mark.parametrize("bad", [Path("/"), Path.home(), Path.home().parent, Path("/proc")])
def test_a_root_that_is_too_wide_is_refused(bad: Path) -> None:
    with pytest.raises(InvalidInput):
        FileEraser(bad)


@pytest.mark.parametrize("case", ["", "..", "a/b", "../x", ".", "a" * 65, "x\n", "é", "-x"])
def test_a_case_id_that_could_be_a_path_is_refused(estate: Path, case: str) -> None:
    root = estate / "root"
    item = item_at("good/a.csv", root / "good" / "a.csv")
    with pytest.raises(InvalidInput):
        FileEraser(root).quarantine(case, 0, item)
    assert (root / "good" / "a.csv").exists()


def test_the_quarantine_folder_itself_may_not_be_a_link(estate: Path) -> None:
    root = estate / "root"
    (root / ".quarantine").symlink_to(estate / "outside")
    before = digests(estate)
    with pytest.raises(InvalidInput):
        FileEraser(root).quarantine("c", 0, item_at("good/a.csv", root / "good" / "a.csv"))
    assert digests(estate) == before


def test_quarantine_is_private_and_holds_no_names(estate: Path) -> None:
    root = estate / "root"
    FileEraser(root).quarantine("c", 7, item_at("good/a.csv", root / "good" / "a.csv"))
    assert (root / ".quarantine").stat().st_mode & 0o777 == 0o700
    assert (root / ".quarantine" / "c").stat().st_mode & 0o777 == 0o700
    assert [p.name for p in (root / ".quarantine" / "c").iterdir()] == ["7"]


@pytest.mark.parametrize("change", ["content", "inode", "size", "gone", "touched by a writer"])
def test_a_file_that_is_not_as_planned_stops_the_step(estate: Path, change: str) -> None:
    root = estate / "root"
    target = root / "good" / "a.csv"
    item = item_at("good/a.csv", target)
    if change == "content":
        target.write_bytes(b"other me")
    elif change == "inode":
        target.rename(root / "kept")
        target.write_bytes(b"erase me")
    elif change == "size":
        target.write_bytes(b"erase me and more")
    elif change == "gone":
        target.unlink()
    else:
        with target.open("ab") as file:
            file.write(b"!")
    before = digests(estate)
    with pytest.raises(StalePlan):
        FileEraser(root).quarantine("c", 0, item)
    assert digests(estate) == before


def swaps(estate: Path) -> dict[str, Callable[[], None]]:
    root, outside = estate / "root", estate / "outside"

    def folder_becomes_link() -> None:
        (root / "good").rename(root / "was-good")
        (root / "good").symlink_to(outside)
        (outside / "a.csv").write_bytes(b"planted outside")

    def file_becomes_link() -> None:
        (root / "good" / "a.csv").unlink()
        (root / "good" / "a.csv").symlink_to(outside / "secret.csv")

    def file_becomes_folder() -> None:
        (root / "good" / "a.csv").unlink()
        (root / "good" / "a.csv").mkdir()

    def file_becomes_another() -> None:
        (root / "new").write_bytes(b"another!")
        (root / "new").rename(root / "good" / "a.csv")

    def file_is_linked() -> None:
        os.link(root / "good" / "a.csv", root / "second")

    return {f.__name__: f for f in (
        folder_becomes_link, file_becomes_link, file_becomes_folder, file_becomes_another,
        file_is_linked,
    )}  # fmt: skip


@pytest.mark.parametrize("name", sorted(swaps(Path())))
def test_a_swap_between_check_and_use_touches_nothing_outside(
    estate: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = estate / "root"
    item = item_at("good/a.csv", root / "good" / "a.csv")
    swap = swaps(estate)[name]
    digest, done = hashlib.file_digest, []

    def digest_then_swap(*args: Any) -> Any:
        found = digest(*args)
        if not done:
            done.append(True)
            swap()
        return found

    monkeypatch.setattr(files.hashlib, "file_digest", digest_then_swap)
    planted = {"secret.csv", "deep/secret.csv"}
    before = {k: v for k, v in digests(estate / "outside").items() if k in planted}
    eraser = FileEraser(root)
    try:
        eraser.quarantine("c", 0, item)
    except TraceholdError:
        assert not list((root / ".quarantine" / "c").iterdir()), "what was swapped in goes back"
    after = digests(estate / "outside")
    assert {k: v for k, v in after.items() if k in planted} == before
    if name == "folder_becomes_link":
        assert (estate / "outside" / "a.csv").read_bytes() == b"planted outside"
    if name == "file_becomes_another":
        assert (root / "good" / "a.csv").read_bytes() == b"another!"


def test_a_hard_link_made_in_quarantine_stops_the_purge(estate: Path) -> None:
    root = estate / "root"
    item = item_at("good/a.csv", root / "good" / "a.csv")
    eraser = FileEraser(root)
    eraser.quarantine("c", 0, item)
    os.link(root / ".quarantine" / "c" / "0", root / "second")
    with pytest.raises(InvalidInput, match="hard link"):
        eraser.purge("c", 0, item)
    assert (root / "second").read_bytes() == b"erase me"


def test_restoring_never_replaces_what_stands_there_now(estate: Path) -> None:
    root = estate / "root"
    target = root / "good" / "a.csv"
    item = item_at("good/a.csv", target)
    eraser = FileEraser(root)
    eraser.quarantine("c", 0, item)
    target.write_bytes(b"newcomer")
    with pytest.raises(TraceholdError, match="taken"):
        eraser.restore("c", 0, item)
    assert target.read_bytes() == b"newcomer"
    target.unlink()
    assert eraser.restore("c", 0, item) is True
    assert eraser.restore("c", 0, item) is False
    assert target.read_bytes() == b"erase me"


def test_the_second_reading_finds_names_content_and_what_waits_in_quarantine(estate: Path) -> None:
    root = estate / "root"
    target = root / "good" / "a.csv"
    item = item_at("good/a.csv", target)
    eraser = FileEraser(root)
    assert read_back(root, [item]).leftovers
    (root / "copy of a.csv").write_bytes(b"erase me")
    eraser.quarantine("c", 0, item)
    found = dict(read_back(root, [item]).leftovers)
    assert found == {".quarantine/c/0": "the planned file", "copy of a.csv": "the same content"}
    eraser.purge("c", 0, item)
    (root / "copy of a.csv").unlink()
    reading = read_back(root, [item])
    assert reading.leftovers == ()
    assert reading.files_read > 0
    target.write_bytes(b"something else")
    assert read_back(root, [item]).leftovers == (("good/a.csv", "the planned name is there"),)
