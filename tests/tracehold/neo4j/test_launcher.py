"""A real Neo4j is started, used, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from lineage.errors import Conflict, InvalidInput, Unavailable
from tracehold.neo4j import LocalNeo4j, start, status, stop

PASSWORD = "correct horse battery"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder for one Neo4j, which is stopped at the end whatever happened."""
    folder = tmp_path / "a folder with spaces"
    yield folder
    if (folder / "server.json").is_file():
        stop(folder, deadline_seconds=0)


def _count(server: LocalNeo4j, password: str | None = None) -> int:
    login = (server.user, password or server.password)
    with GraphDatabase.driver(server.url, auth=login) as driver:
        records, _, _ = driver.execute_query("MATCH (n:Kept) RETURN count(n) AS found")
        return int(records[0]["found"])


@pytest.mark.neo4j
@pytest.mark.slow
def test_a_neo4j_is_started_found_killed_and_started_again_with_its_data(home: Path) -> None:
    server = start(home, port=0, password=PASSWORD)
    assert start(home, port=0) == status(home) == server
    with GraphDatabase.driver(server.url, auth=(server.user, PASSWORD)) as driver:
        driver.execute_query("CREATE (:Kept)")
    with pytest.raises(AuthError):
        _count(server, "another password")
    with pytest.raises(Conflict, match="another password"):
        start(home, password="another password")
    os.kill(server.pid, signal.SIGKILL)
    os.waitpid(server.pid, 0)
    assert status(home) is None
    again = start(home, port=0)
    assert again.pid != server.pid
    assert _count(again) == 1
    assert stop(home)
    assert not stop(home)
    assert status(home) is None


@pytest.mark.neo4j
@pytest.mark.slow
def test_only_the_owner_can_read_it_and_only_this_machine_can_reach_it(home: Path) -> None:
    server = start(home, port=0)
    assert (home.stat().st_mode & 0o777, (home / "server.json").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    assert len(server.password) >= 24
    assert server.password not in repr(server)
    command = Path(f"/proc/{server.pid}/cmdline")
    if command.exists():
        assert server.password.encode() not in command.read_bytes()
    logs = b"".join(log.read_bytes() for log in (home / "logs").iterdir())
    assert server.password.encode() not in logs
    port = int(server.url.rpartition(":")[2])
    for address in _other_addresses():
        with pytest.raises(OSError, match=r"refused|timed out"):
            socket.create_connection((address, port), timeout=1)


def _other_addresses() -> list[str]:
    """The addresses of this machine that are not loopback."""
    try:
        found = socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        return []
    return [address for address in found if not address.startswith("127.")]


@pytest.mark.neo4j
@pytest.mark.slow
def test_the_command_line_starts_and_stops_it(home: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tracehold.neo4j", *words, "--home", str(home)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("status").returncode == 1
    started = run("start", "--port", "0")
    assert started.returncode == 0, started.stderr
    told = json.loads(started.stdout)
    assert "password" not in told
    assert json.loads(Path(told["password_file"]).read_text())["url"] == told["url"]
    assert "export TRACEHOLD_TEST_NEO4J_PASSWORD=" in run("start", "--export").stdout
    assert run("status").returncode == 0
    assert run("stop").stdout == "stopped\n"
    assert run("status").stdout == "not running\n"


def test_a_taken_port_is_a_conflict_that_names_it(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict) as caught:
            start(home, port=port)
    assert caught.value.where == f"127.0.0.1:{port}"
    assert caught.value.exit_code == 4


def test_a_password_that_neo4j_would_refuse_is_refused_before_anything_is_made(home: Path) -> None:
    with pytest.raises(InvalidInput, match="at least 8"):
        start(home, password="short")
    assert not home.exists()


def test_a_damaged_record_says_that_the_folder_may_be_removed(home: Path) -> None:
    home.mkdir()
    (home / "server.json").write_text("{")
    with pytest.raises(Unavailable) as caught:
        status(home)
    assert "remove the folder" in caught.value.advice
    (home / "server.json").unlink()


def test_a_process_that_took_over_the_number_is_not_ours(home: Path) -> None:
    home.mkdir()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = {"url": "bolt://127.0.0.1:1", "user": "neo4j", "password": PASSWORD}
        (home / "server.json").write_text(json.dumps({**record, "pid": stranger.pid}))
        assert status(home) is None
        assert not stop(home)
        time.sleep(0.05)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
