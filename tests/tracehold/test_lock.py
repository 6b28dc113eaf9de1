"""One writer per workspace; a crash leaves nothing to clean up."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lineage.errors import Conflict, Unavailable
from tracehold.lock import WorkspaceLock, find_server, write_private

HOLD = """
import sys, time
from pathlib import Path
from tracehold.lock import WorkspaceLock
lock = WorkspaceLock.acquire(Path(sys.argv[1]), lambda: 7)
lock.announce("http://127.0.0.1:9")
print("held", flush=True)
time.sleep(60)
"""


def holder(data: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def test_a_second_process_hears_who_has_the_workspace_and_where(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(Conflict) as caught:
            WorkspaceLock.acquire(tmp_path, lambda: 8)
        assert str(process.pid) in caught.value.what
        assert caught.value.where == "http://127.0.0.1:9"
        assert caught.value.exit_code == 4
        found = find_server(tmp_path)
        assert found is not None
        assert (found.pid, found.url, found.started) == (process.pid, "http://127.0.0.1:9", 7)
    finally:
        end(process)


def test_after_kill_9_the_record_counts_for_nothing_and_the_lock_is_free(tmp_path: Path) -> None:
    process = holder(tmp_path)
    process.send_signal(signal.SIGKILL)
    end(process)

    assert (tmp_path / "server.json").exists()
    assert find_server(tmp_path) is None
    lock = WorkspaceLock.acquire(tmp_path, lambda: 8)
    assert not (tmp_path / "server.json").exists()
    lock.release()


def test_looking_for_a_server_takes_no_lock_away(tmp_path: Path) -> None:
    lock = WorkspaceLock.acquire(tmp_path, lambda: 1)
    lock.announce("http://127.0.0.1:9")
    assert find_server(tmp_path) is not None
    assert find_server(tmp_path) is not None
    lock.release()
    lock.release()
    assert find_server(tmp_path) is None


def test_records_are_for_their_owner_alone(tmp_path: Path) -> None:
    lock = WorkspaceLock.acquire(tmp_path, lambda: 1)
    lock.announce("http://127.0.0.1:9")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    lock.release()


def test_a_private_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_private(tmp_path / "a", b"one")
    write_private(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(Unavailable):
        write_private(tmp_path / "missing" / "a", b"x")
