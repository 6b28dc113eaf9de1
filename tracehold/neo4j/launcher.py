"""Start, stop and look at a local Neo4j that lives in one folder.

It is a real Neo4j (community, long-term-support line) with Bolt on loopback only, a random password
that only the owner can read, little memory and small transaction logs. It serves for trying out and
for tests; for work, run Neo4j as its makers say and set ``graph.url``.

The folder holds ``conf/``, ``data/``, ``logs/`` and ``server.json`` (mode 0600: address, password,
process). The mirror in it can be filled again at any time, so removing the folder loses nothing.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path

from lineage.errors import Conflict, InvalidInput, Unavailable
from tracehold.neo4j.jars import class_path, default_cache
from tracehold.neo4j.java import find_java
from tracehold.neo4j.process import console, ended, is_ours, spawn
from tracehold.neo4j.record import LocalNeo4j, read, write

__all__ = ["DEFAULT_PORT", "LocalNeo4j", "start", "status", "stop"]

DEFAULT_PORT = 7687
_START_DEADLINE_SECONDS = 180.0
_STOP_DEADLINE_SECONDS = 60.0
_SHORTEST_PASSWORD = 8
_USER = "neo4j"

_CONF = """\
# Written by Tracehold at every start; edits are lost.
server.bolt.enabled=true
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
dbms.security.auth_enabled=true
dbms.usage_report.enabled=false
# Query logs would repeat parameter values.
db.logs.query.enabled=OFF
server.memory.pagecache.size=64m
db.shutdown_transaction_end_timeout=1s
db.tx_log.preallocate=false
db.tx_log.rotation.size=16m
db.tx_log.rotation.retention_policy=1 files
"""


def start(home: Path, *, port: int = DEFAULT_PORT, password: str | None = None) -> LocalNeo4j:
    """Start the Neo4j in a folder and wait until it answers; one that runs already is returned.

    Args:
        home: Its folder; made when it is missing.
        port: Bolt port on 127.0.0.1; 0 takes a free one.
        password: For the first start; without it a random one is made. Later starts keep the first.

    Raises:
        InvalidInput: The password is shorter than Neo4j allows, or the system is not supported.
        Conflict: The folder has another password already, or the port is taken.
        Unavailable: Java or Maven is missing, or the server does not come up.
    """
    if sys.platform == "win32":
        raise InvalidInput(
            "the local Neo4j is not started on Windows itself",
            advice="use WSL, or install Neo4j Desktop and set graph.url",
        )
    home = home.resolve()
    known = read(home)
    if known and password not in (None, known.password):
        raise Conflict(
            "this Neo4j has another password already",
            where=str(known.password_file),
            advice="leave the password out, or choose another folder",
        )
    if running := status(home):
        return running
    # Hexadecimal: Neo4j takes a password that begins with a hyphen for an option.
    secret = known.password if known else password or secrets.token_hex(24)
    if len(secret) < _SHORTEST_PASSWORD or "\n" in secret:
        raise InvalidInput(
            f"a Neo4j password has at least {_SHORTEST_PASSWORD} characters, on one line",
            advice="choose a longer one, or leave it out for a random one",
        )
    bolt = _free_port(port)
    java = find_java()
    jars = class_path(java, default_cache())
    for folder in (home, home / "conf", home / "logs"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "conf" / "neo4j.conf").write_text(_CONF.format(port=bolt), "utf-8")
    pid = spawn(java, jars, home, secret)
    server = LocalNeo4j(f"bolt://127.0.0.1:{bolt}", _USER, secret, pid, home)
    # Before it is ready: a start that is cut off here can still be found and stopped.
    write(server)
    _await_ready(server)
    return server


def status(home: Path) -> LocalNeo4j | None:
    """The Neo4j that runs in this folder; none where none does."""
    home = home.resolve()
    known = read(home)
    return known if known and is_ours(known.pid, home) else None


def stop(home: Path, *, deadline_seconds: float = _STOP_DEADLINE_SECONDS) -> bool:
    """Stop the Neo4j of this folder and wait until it is gone.

    Args:
        home: Its folder.
        deadline_seconds: After this it is killed; the mirror in it can be filled again.

    Returns:
        Whether one was running.
    """
    server = status(home)
    if server is None:
        return False
    os.kill(server.pid, signal.SIGTERM)
    end = time.monotonic() + deadline_seconds
    while is_ours(server.pid, server.home):
        if time.monotonic() > end:
            os.kill(server.pid, signal.SIGKILL)
            end = float("inf")
        # A zombie child of ours would never be gone.
        ended(server.pid)
        time.sleep(0.05)
    return True


def _await_ready(server: LocalNeo4j) -> None:
    log = console(server.home)
    end = time.monotonic() + _START_DEADLINE_SECONDS
    while time.monotonic() < end:
        lines = log.read_text("utf-8", errors="replace").splitlines()
        if "READY" in lines:
            return
        # Not by its command line: that is still empty in the instant after the start.
        if ended(server.pid):
            causes = [line for line in lines if "Caused by" in line or "Exception" in line]
            raise Unavailable(
                "the local Neo4j ended while it was starting",
                where=f"{log}: {(causes or lines or ['no output'])[-1].strip()}",
                advice="read that log; a folder that is half made may be removed and made again",
            )
        time.sleep(0.1)
    stop(server.home, deadline_seconds=5)
    raise Unavailable(
        f"the local Neo4j did not answer within {_START_DEADLINE_SECONDS:.0f} s",
        where=str(log),
        advice="start it again; a busy machine may need a second try",
    )


def _free_port(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # The server itself binds so; without it a port in TIME_WAIT looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Conflict(
                "the Bolt port is taken",
                where=f"127.0.0.1:{port}",
                advice="stop what listens there, or choose another port (0: any free one)",
            ) from error
        return int(probe.getsockname()[1])
