"""A disk that refuses under a running server: writing ends by name, reading goes on.

The faults are injected below the server's own calls, one kind of call on one file at a time, for as
long as a rule stands. Which test shows which fault: docs/reference/reliability.md.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fault_estate import command, facts_kept, post, small_disk, three_lines
from faults import build_shim
from load import LoadSpec, events
from running_server import RunningServer, make_workspace, serving
from services import NOT_TESTED, services_required

from lineage.journal.verify import verify_journal
from tracehold.settings import load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = build_shim(tmp_path_factory.mktemp("shim"))
    if built is None:
        reason = f"{NOT_TESTED} (compiler): faults under a running server; install gcc, on Linux"
        if services_required():
            pytest.fail(reason)
        pytest.skip(reason)
    return built


class Faulty:
    """A server whose calls can be made to fail."""

    def __init__(self, server: RunningServer, rule: Path) -> None:
        self.server = server
        self._rule = rule

    def fail(self, number: int, call: str, part: str) -> None:
        """From now on calls of this name on paths with this part fail."""
        fresh = self._rule.with_suffix(".new")
        fresh.write_text(f"{number} {call} {part}")
        fresh.rename(self._rule)

    def mend(self) -> None:
        """Every call works again."""
        self._rule.unlink()

    def send(self, event: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and answer."""
        return self._ask("POST", "/api/v1/lineage", event)

    def health(self) -> tuple[int, dict[str, Any]]:
        status, _, answer = self._ask("GET", "/health")
        return status, answer

    def _ask(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        address = urlsplit(self.server.url)
        headers = {
            "Authorization": f"Bearer {self.server.token}",
            "Content-Type": "application/json",
        }
        with closing(
            http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        ) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, said, json.loads(answer.read())

    def reads_go_on(self) -> None:
        """Lists, traces and verification still answer."""
        folder = self.server.workspace
        with closing(self.server.client()) as client:
            listed = client.json("/api/v1/datasets")
        assert listed
        assert command(folder, "dataset", "list").returncode == 0
        storage = load(folder).storage
        assert verify_journal(storage.data, storage.keys).ok


def nothing_lost(folder: Path, receipts: Sequence[str]) -> None:
    """Every receipt has its fact, and the journal holds."""
    facts_kept(folder, receipts)
    storage = load(folder).storage
    report = verify_journal(storage.data, storage.keys)
    assert report.ok, report.problems


@contextmanager
def _faulty(folder: Path, shim: Path) -> Iterator[Faulty]:
    rule = folder.parent / "rule"
    environment = {
        "LD_PRELOAD": str(shim), "FAULT_ROOT": str(folder), "FAULT_RULE": str(rule),
    }  # fmt: skip
    with serving(folder, environment=environment) as server:
        try:
            yield Faulty(server, rule)
        finally:
            rule.unlink(missing_ok=True)


def _fresh(count: int, namespace: str = "fault") -> Iterator[bytes]:
    return events(LoadSpec(jobs=5, levels=2, columns=2, runs=count, namespace=namespace))


@pytest.mark.parametrize(
    ("number", "call", "part", "cause"),
    [
        pytest.param(errno.EIO, "pwrite", "/journal.db", "SQLITE_IOERR_WRITE", id="F04-write"),
        pytest.param(errno.EIO, "fdatasync", "/journal.db", "SQLITE_IOERR_FSYNC", id="F05-fsync"),
        pytest.param(errno.ENOSPC, "pwrite", "/journal.db", "SQLITE_FULL", id="F07-journal"),
        pytest.param(errno.ENOSPC, "pwrite", "/parts.db", "SQLITE_FULL", id="F07-keys"),
        pytest.param(errno.EDQUOT, "pwrite", "/journal.db", "SQLITE_IOERR_WRITE", id="F08-quota"),
        pytest.param(errno.EROFS, "pwrite", "/journal.db", "SQLITE_IOERR_WRITE", id="F16-mount"),
    ],
)
def test_a_journal_that_the_disk_refuses_is_read_only_until_the_next_start(
    tmp_path: Path, shim: Path, number: int, call: str, part: str, cause: str
) -> None:
    folder = make_workspace(tmp_path / "workspace")
    source = _fresh(4)
    with _faulty(folder, shim) as faulty:
        receipts = post(faulty.server, 6)
        faulty.fail(number, call, part)
        event = next(source)
        # Refused by the failed write, then at once.
        for _ in range(2):
            status, headers, answer = faulty.send(event)
            assert status == 503, answer
            assert int(headers["retry-after"]) > 0
            assert answer["what"] == f"the journal is read-only since a write failed ({cause})"
            assert answer["advice"].endswith("what was acknowledged is safe")
        faulty.mend()
        # Final: a disk that works again is not believed.
        assert faulty.send(event)[0] == 503
        status, health = faulty.health()
        assert (status, health["status"], health["writable"]) == (503, "read-only", False)
        assert cause in health["cause"]
        assert "start" in health["advice"]
        acted = command(folder, "user", "add", "zoe", "--role", "auditor")
        assert acted.returncode == 3
        assert cause in three_lines(acted)[0]
        faulty.reads_go_on()
    with serving(folder) as server, closing(server.client()) as client:
        status, body = client.post("/api/v1/lineage", event)
        assert status == http.client.CREATED
        receipts.append(json.loads(body)["receipt"])
        assert client.json("/health")["status"] == "ok"
    nothing_lost(folder, receipts)


@pytest.mark.parametrize(
    ("number", "call"),
    [
        pytest.param(errno.ENOSPC, "pwrite", id="F07-state-full"),
        pytest.param(errno.EIO, "pwrite", id="F04-state-write"),
        pytest.param(errno.EIO, "pread", id="F06-state-read"),
    ],
)
def test_a_state_that_the_disk_refuses_lags_and_catches_up_by_itself(
    tmp_path: Path, shim: Path, number: int, call: str
) -> None:
    folder = make_workspace(tmp_path / "workspace")
    source = _fresh(20)
    with _faulty(folder, shim) as faulty:
        receipts = post(faulty.server, 6)
        faulty.fail(number, call, "/state.db")
        receipts += [_accepted(faulty, next(source)) for _ in range(5)]
        health = _await(faulty, "stale") if call == "pwrite" else {}
        if health:
            assert health["writable"] is True
            assert health["lag"] > 0
            assert "the state cannot be written" in health["cause"]
        faulty.mend()
        receipts.append(_accepted(faulty, next(source)))
        _await(faulty, "ok", lag=0)
    nothing_lost(folder, receipts)


def _accepted(faulty: Faulty, event: bytes) -> str:
    status, _, answer = faulty.send(event)
    assert status == http.client.CREATED, answer
    return str(answer["receipt"])


def _await(faulty: Faulty, status: str, lag: int | None = None) -> dict[str, Any]:
    until = time.monotonic() + 60
    while True:
        _, health = faulty.health()
        if health["status"] == status and lag in (None, health["lag"]):
            return health
        assert time.monotonic() < until, health
        time.sleep(0.05)


def test_without_descriptors_the_server_refuses_and_lives(tmp_path: Path) -> None:
    """F09: EMFILE, by the limit of the process itself."""
    resource = pytest.importorskip("resource", reason="this machine has no limit on files")
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        receipts = post(server, 6)
        descriptors = Path(f"/proc/{server.process.pid}/fd")
        if not descriptors.exists():
            pytest.skip("only Linux lists the descriptors of a process")
        before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        with closing(server.client()) as client:
            client.json("/health")
            # One connection is open; nothing more can be.
            held = len(list(descriptors.iterdir()))
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (held, before[1]))
            source = _fresh(10, "scarce")
            outcomes = [client.post("/api/v1/lineage", next(source)) for _ in range(4)]
            assert {status for status, _ in outcomes} <= {201, 503}
            receipts += [json.loads(body)["receipt"] for status, body in outcomes if status == 201]
            assert client.get("/health")[0] in (200, 503)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
        post(server, 4, namespace="after")
    nothing_lost(folder, receipts)


def test_up_on_a_folder_that_cannot_be_written_is_refused_by_name(
    tmp_path: Path, shim: Path
) -> None:
    """F16: a read-only mount at the start; what only reads goes on."""
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        receipts = post(server, 6)
    rule = tmp_path / "rule"
    environment = {"LD_PRELOAD": str(shim), "FAULT_ROOT": str(folder), "FAULT_RULE": str(rule)}
    for part, number in (("/journal.db", errno.EROFS), ("/lock", errno.EACCES)):
        rule.write_text(f"{number} open {part}")
        started = command(folder, "up", "--port", "0", environment=environment)
        assert started.returncode == 3, started
        what, _, advice = three_lines(started)
        assert "cannot be" in what
        assert advice
        rule.unlink()
    nothing_lost(folder, receipts)


def test_a_workspace_on_a_read_only_mount_is_read_and_not_served(tmp_path: Path) -> None:
    """F16: the mount itself."""
    with small_disk(tmp_path, 16 << 20):
        folder = make_workspace(tmp_path / "workspace")
        with serving(folder) as server:
            receipts = post(server, 6)
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        started = command(folder, "up", "--port", "0")
        assert started.returncode == 3, started
        assert "Read-only file system" in three_lines(started)[0]
        listed = command(folder, "dataset", "list", "--json")
        assert listed.returncode == 0, listed
        assert json.loads(listed.stdout)
        nothing_lost(folder, receipts)


def test_permission_lost_under_a_running_server_is_no_loss(tmp_path: Path) -> None:
    """F17: what is open stays open; the next start says what is missing."""
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("root may do everything; F16 fails the same calls for it")
    folder = make_workspace(tmp_path / "workspace")
    with serving(folder) as server:
        receipts = post(server, 6)
        (folder / ".tracehold").chmod(0o500)
        receipts += post(server, 4, namespace="lost")
    started = command(folder, "up", "--port", "0")
    assert started.returncode == 3
    three_lines(started)
    (folder / ".tracehold").chmod(0o700)
    nothing_lost(folder, receipts)
