"""Processes that the command line starts: Dagster beside a server, and runs of the pipeline.

Dagster is never imported here; it is a program of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from lineage.errors import Unavailable
from tracehold.lock import find_server
from tracehold.settings import Settings
from tracehold.workspace import PIPELINE, read_token

__all__ = ["Dagster", "materialize", "running_server"]

_STOP_SECONDS: Final = 30.0


class Dagster:
    """Dagster's own web server and daemon, for the assets of one workspace."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, url: str) -> str:
        """Start it, reporting to the server at ``url``; returns the address of its pages."""
        home = _dagster_home(self._settings)
        port = _free_port()
        log = self._settings.storage.data / "dagster.log"
        words = ["dev", "-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(port)]
        with log.open("ab") as said:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "dagster", *words],
                cwd=self._settings.folder,
                env={**_environment(self._settings, url), "DAGSTER_HOME": home},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        return f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """Stop it, with everything it started."""
        if self._process is None:
            return
        _end(self._process)
        self._process = None


def _dagster_home(settings: Settings) -> str:
    """Dagster's home, configured: without telemetry, and without copies of what steps print.

    Only ``orchestration`` knows how, and it is never imported here; so a process asks it.
    """
    script = (
        "import pathlib, sys; from orchestration.instance import dagster_home; "
        "print(dagster_home(pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script, str(settings.storage.data)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(
            "Dagster cannot be configured",
            where=str(settings.storage.data / "dagster"),
            advice="check that Dagster is installed: tracehold doctor",
        )
    return done.stdout.strip()


def materialize(settings: Settings, names: Sequence[str], *, concurrent: int, as_json: bool) -> int:
    """Run the pipeline for some assets, or for all; returns its exit code.

    Where no server runs in the workspace, one runs for that long.
    """
    words = [*(["--json"] if as_json else []), "--concurrent", str(concurrent), "--", *names]
    with running_server(settings) as url:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "orchestration.run", *words],
            cwd=settings.folder,
            env=_environment(settings, url),
            check=False,
        )
    return done.returncode if done.returncode >= 0 else 130


@contextmanager
def running_server(settings: Settings) -> Iterator[str]:
    """The address of the server of a workspace; one of its own for the block where none runs.

    Raises:
        Unavailable: It did not become ready.
    """
    found = find_server(settings.storage.data)
    if found is not None:
        yield found.url
        return
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "tracehold", "up", "--json", "--port", "0",
         "--workspace", str(settings.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield _await_url(process, settings)
    finally:
        _end(process)


def _await_url(process: subprocess.Popen[bytes], settings: Settings) -> str:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    line = process.stdout.readline()
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError):
        # Somebody else may have started one in between.
        found = find_server(settings.storage.data)
        if found is not None:
            return found.url
        raise Unavailable(
            "the server did not start",
            where=str(settings.storage.data),
            advice="start it by hand to see why: tracehold up",
        ) from None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _environment(settings: Settings, url: str) -> dict[str, str]:
    return {
        **os.environ,
        "TRACEHOLD_URL": url,
        "TRACEHOLD_TOKEN": read_token(settings, PIPELINE),
        "TRACEHOLD_WORKSPACE": str(settings.folder),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
