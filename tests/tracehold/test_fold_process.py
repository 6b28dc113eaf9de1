"""The fold in a process of its own: it comes and goes with the server, and loses nothing."""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from openlineage_events import NS, at, run_event
from running_server import children_of, make_workspace, serving

from lineage.errors import Conflict, Fault, TraceholdError, Unavailable
from lineage.openlineage.read import receive
from lineage.refs import DatasetRef
from lineage.state.late import Late
from lineage.state.rebuild import rebuild
from tracehold.bootstrap import open_services
from tracehold.folding.messages import Begin, Trouble
from tracehold.folding.process import FoldProcess
from tracehold.registry import STATE, make_registry
from tracehold.services import Services
from tracehold.settings import Settings, load

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(make_workspace(tmp_path / "workspace"))


@contextmanager
def opened(settings: Settings) -> Iterator[Services]:
    with open_services(settings, write=True, background=True, apart=True) as services:
        yield services


def send(services: Services, *minutes: int) -> None:
    """An event of each minute, on the journal and not folded."""
    events = [
        msgspec.json.encode(run_event("COMPLETE", n, run=f"r{n}", outputs=[f"t{n}"], inputs=["t0"]))
        for n in minutes
    ]
    scrubber = services.scrubber
    services.journal.append(
        [receive(e, actor="test", scrubber=scrubber, max_bytes=1 << 20) for e in events]
    )


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def asked(worker: int) -> bool:
    """Whether something waits to be read by a worker."""
    with Path(f"/proc/{worker}/fd/0").open("rb") as pipe:
        return bool(select.select([pipe], [], [], 0)[0])


def test_it_folds_what_the_journal_holds(settings: Settings) -> None:
    with opened(settings) as services:
        for n in range(1, 40, 3):
            send(services, n, n + 1, n + 2)
            assert services.catch_up() == services.journal.head().size == services.state.position()
        anew = rebuild(
            services.journal,
            settings.storage.data / STATE,
            make_registry(),
            services.identity,
            swap=False,
        )
        assert services.state.digest() == anew.digest


@needs_proc
def test_one_that_was_killed_is_started_again_and_all_decisions_are_looked_at(
    settings: Settings,
) -> None:
    with opened(settings) as services:
        send(services, 1)
        services.catch_up()
        [worker] = children_of(os.getpid())
        os.kill(worker, signal.SIGKILL)
        until(lambda: ") Z " in Path(f"/proc/{worker}/stat").read_text())
        send(services, 2)
        assert services.catch_up() == services.journal.head().size
        assert services.state.late.losses == 1


@needs_proc
def test_one_that_is_killed_at_work_is_named(settings: Settings) -> None:
    with opened(settings) as services, ThreadPoolExecutor(1) as pool:
        send(services, 1)
        services.catch_up()
        [worker] = children_of(os.getpid())
        os.kill(worker, signal.SIGSTOP)
        send(services, 2)
        folded = pool.submit(services.catch_up)
        until(lambda: asked(worker))
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(Unavailable, match="signal 9"):
            folded.result()
        assert services.catch_up() == services.journal.head().size


@needs_proc
def test_it_ends_with_its_server_and_holds_the_lock_as_long_as_it_lives(settings: Settings) -> None:
    with serving(settings.folder) as server:
        [worker] = children_of(server.process.pid)
        os.kill(worker, signal.SIGSTOP)
        server.kill()
        with pytest.raises(Conflict), open_services(settings, write=True):
            pass
        os.kill(worker, signal.SIGCONT)
        until(lambda: not Path(f"/proc/{worker}").exists())
        with open_services(settings, write=True) as services:
            assert services.state.position() == services.journal.head().size


@needs_proc
def test_a_server_that_ends_leaves_no_process_and_no_log(settings: Settings) -> None:
    with serving(settings.folder) as server:
        [worker] = children_of(server.process.pid)
        os.kill(worker, signal.SIGTERM)  # the server's to answer
        assert server.stop() == 0
        assert not Path(f"/proc/{worker}").exists()
    assert not list(settings.storage.data.glob(f"{STATE}*-wal"))


def test_what_lies_where_it_is_started_is_no_module_of_ours(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lineage.py").write_text("raise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    with opened(settings) as services:
        send(services, 1)
        assert services.catch_up() == services.journal.head().size


def test_what_came_late_is_told(settings: Settings) -> None:
    with opened(settings) as services:
        services.state.late.watch(at(5))
        send(services, 7)
        services.catch_up()
        assert services.state.late.take() == set()
        send(services, 3)
        services.catch_up()
        assert DatasetRef(NS, "t3").key(services.identity) in services.state.late.take()


def test_what_cannot_begin_says_why(tmp_path: Path) -> None:
    begin = Begin(str(tmp_path), str(tmp_path), "example.org/none")
    folding = FoldProcess(begin, Late(), position=lambda: 0)
    for _ in range(2):
        with pytest.raises(Unavailable, match="there is no journal here"):
            folding.catch_up()
    folding.close()


def test_an_error_arrives_without_what_it_quotes() -> None:
    def told(error: Exception) -> Exception:
        line = msgspec.json.encode(Trouble.of(error))
        assert b"secret" not in line
        return msgspec.json.decode(line, type=Trouble).error()

    full = sqlite3.OperationalError("secret")
    full.sqlite_errorname = "SQLITE_FULL"
    again = told(full)
    assert isinstance(again, sqlite3.OperationalError)
    assert again.sqlite_errorname == "SQLITE_FULL"
    assert isinstance(told(ValueError("secret")), Fault)
    refused = told(Unavailable("what", where="where", advice="advice"))
    assert isinstance(refused, Unavailable)
    assert (
        TraceholdError.as_dict(refused)
        == Unavailable("what", where="where", advice="advice").as_dict()
    )
