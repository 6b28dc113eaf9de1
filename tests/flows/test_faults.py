"""The disk fills up, the server dies under a run: what was acknowledged stays, work can go on."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fault_estate import UNPACKED, command, nothing_lost, post, small_disk, three_lines
from load import LoadSpec, events
from running_server import RunningServer, make_workspace, serving

pytestmark = pytest.mark.slow


def _post_until_refused(server: RunningServer) -> tuple[list[str], bytes, int, bytes]:
    """Receipts, and the event that was refused with the answer to it."""
    receipts: list[str] = []
    with closing(server.client()) as client:
        for event in events(LoadSpec(jobs=100, levels=5, columns=4, runs=2_000, namespace="full")):
            status, answer = client.post("/api/v1/lineage", event)
            if status != http.client.CREATED:
                return receipts, event, status, answer
            receipts.append(json.loads(answer)["receipt"])
    raise AssertionError("the disk was never full")


def _refused_for_want_of_disk(server: RunningServer, status: int, answer: bytes) -> None:
    said = json.loads(answer)
    assert (status, said["code"]) == (503, "unavailable")
    assert said["what"].startswith("the journal is read-only since a write failed (SQLITE_")
    assert said["advice"].endswith("what was acknowledged is safe")
    with closing(server.client()) as client:
        status, health = client.get("/health")
    assert status == http.client.SERVICE_UNAVAILABLE
    assert json.loads(health)["writable"] is False


def test_on_a_full_disk_what_was_acknowledged_is_safe_and_work_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path, 16 << 20):
        folder = make_workspace(tmp_path / "workspace")
        with serving(folder) as server:
            post(server, 20)
            while _lag(server):
                time.sleep(0.05)
            ballast = tmp_path / "ballast"
            # So much is left that the state is the first to find none.
            ballast.write_bytes(b"x" * (shutil.disk_usage(tmp_path).free - 1_000_000))
            receipts, event, status, answer = _post_until_refused(server)
            _refused_for_want_of_disk(server, status, answer)
            acted = command(folder, "user", "add", "zoe", "--role", "auditor")
            assert acted.returncode == 3, acted
            assert "SQLITE_FULL" in three_lines(acted)[0]
        rest = tmp_path / "rest"
        rest.write_bytes(b"x" * shutil.disk_usage(tmp_path).free)
        started = command(folder, "up", "--port", "0")
        assert started.returncode == 3, started
        assert "No space left on device" in three_lines(started)[0]
        ballast.unlink()
        rest.unlink()
        with serving(folder) as server, closing(server.client()) as client:
            assert client.post("/api/v1/lineage", event)[0] == http.client.CREATED
            assert command(folder, "user", "add", "zoe", "--role", "auditor").returncode == 0
        assert receipts
        nothing_lost(folder, receipts)


def test_a_journal_that_may_not_grow_is_read_only_and_loses_nothing(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        acknowledged = post(server, 20)
        grown = max(path.stat().st_size for path in (folder / ".tracehold").iterdir())
        limit = grown + 100_000
        resource = pytest.importorskip("resource", reason="this machine has no limit on files")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        receipts, event, status, answer = _post_until_refused(server)
        _refused_for_want_of_disk(server, status, answer)
        acted = command(folder, "user", "add", "zoe", "--role", "auditor")
        assert acted.returncode == 3, acted
        three_lines(acted)
    with serving(folder) as server, closing(server.client()) as client:
        assert client.post("/api/v1/lineage", event)[0] == http.client.CREATED
    nothing_lost(folder, [*acknowledged, *receipts])


def _lag(server: RunningServer) -> int:
    with closing(server.client()) as client:
        return int(client.json("/health")["lag"])


class Run:
    """``tracehold run`` in the background, and what it says."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tracehold", "run", "--json", "--workspace", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": UNPACKED},
        )
        self._heard: list[str] = []
        self._first = threading.Event()
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._heard.append(line)
            if "made" in line:
                self._first.set()
        self._first.set()

    def await_first(self) -> None:
        """Return once the first asset is made."""
        assert self._first.wait(120)
        assert any("made" in line for line in self._heard), self._heard

    def end(self) -> tuple[int, dict[str, Any], str]:
        """Exit code, answer, what it said."""
        self._listening.join()
        with self._process as process:
            assert process.stdout is not None
            answer = json.loads(process.stdout.read())
        return process.returncode, answer, "".join(self._heard)


def test_a_run_whose_server_is_killed_ends_with_3_and_can_be_repeated(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        acknowledged = post(server, 20)
        running = Run(folder)
        running.await_first()
        server.kill()
        code, answer, said = running.end()
    assert code == 3, said
    assert answer["made"] == ["parcels"]
    failed, untold = answer["failed"]
    assert untold["step"] == "lineage"
    assert failed["reason"] == (
        f"the Tracehold server cannot be reached; at {server.url};"
        " start it with tracehold up, then run the step again"
    )
    assert "Traceback" not in said
    with serving(folder):
        again = command(folder, "run", "--json")
        assert again.returncode == 0, again.stderr
        assert len(json.loads(again.stdout)["made"]) == 3
    nothing_lost(folder, acknowledged)


def test_a_run_outlives_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        acknowledged = post(server, 20)
        running = Run(folder)
        running.await_first()
        server.kill()
    with serving(folder, port=urlsplit(server.url).port or 0):
        code, answer, said = running.end()
        assert code == 0, said
        assert not answer["failed"]
        assert command(folder, "trace", "model:late_parcels@1").returncode == 0
    nothing_lost(folder, acknowledged)
