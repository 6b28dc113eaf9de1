"""A PostgreSQL for tests: a cluster of its own in a folder of its own, on a socket or loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["postgres", "programs"]

_USER = "postgres"


def programs() -> Path | None:
    """Where ``initdb`` and ``pg_ctl`` lie: on the path, or where Debian puts them; else None."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parent.parent.name), default=None)
    return None if newest is None else newest.parent


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a fresh database, as SQLAlchemy takes it; gone at the end.

    Its superuser needs no password, so it listens on loopback alone. PostgreSQL refuses to run as
    root, which becomes the machine's user ``postgres`` for it.
    """
    found = programs()
    assert found is not None, "PostgreSQL is not installed"
    other = _USER if os.geteuid() == 0 else None
    # Not in pytest's folder, into which that user could not look.
    folder = Path(tempfile.mkdtemp(prefix="tracehold-postgres-"))
    if other:
        shutil.chown(folder, other)
    data, port = folder / "data", _free_port()

    def run(program: str, *words: str | Path) -> None:
        done = subprocess.run(
            [found / program, *words], user=other, cwd=folder, check=False,
            stdout=(log := (folder / "log").open("ab")), stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        log.close()
        assert done.returncode == 0, (folder / "log").read_text()

    try:
        run("initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-t", "60", "-o", options, "start")
        try:
            yield f"postgresql+psycopg2://{_USER}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
