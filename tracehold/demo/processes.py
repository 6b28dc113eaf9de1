"""The processes of the demo: the server, and runs of the pipeline, as a user starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lineage.errors import Unavailable

__all__ = ["Finished", "Server", "command_line", "pipeline_run", "serving"]

_STOP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        url: Its address.
        process: Its process.
    """

    url: str
    process: subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended.

    Attributes:
        code: Its exit code.
        answer: What it printed as JSON, or None.
        error: What it said on standard error.
    """

    code: int
    answer: Any
    error: str


@contextmanager
def serving(workspace: Path, *, port: int = 0) -> Iterator[Server]:
    """``tracehold up`` for a workspace, stopped at the end.

    Args:
        workspace: The folder.
        port: Where to listen; 0 for any free port.

    Raises:
        Unavailable: It did not become ready.
    """
    words = ["up", "--json", "--port", str(port), "--workspace", str(workspace)]
    log = workspace / ".tracehold" / "demo-server.log"
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "tracehold", *words],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=_environment({}),
            # An interrupt is for the story, which then stops the server in order.
            start_new_session=True,
        )
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        line = process.stdout.readline()
        if not line:
            raise Unavailable(
                f"the server ended with exit code {process.wait()}",
                where=str(log),
                advice="read that file",
            )
        yield Server(json.loads(line)["url"], process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def pipeline_run(
    workspace: Path, server: Server, token: str, names: Sequence[str], hear: Callable[[str], None]
) -> Finished:
    """Materialize assets in processes of their own; ``hear`` is told each line of progress."""
    environment = {
        "TRACEHOLD_URL": server.url,
        "TRACEHOLD_TOKEN": token,
        "TRACEHOLD_WORKSPACE": str(workspace),
    }
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "orchestration.run", "--json", *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(environment),
    ) as process:
        assert process.stderr is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        heard = []
        for line in process.stderr:
            heard.append(line)
            hear(line.rstrip())
        return _finished(process.wait(), process.stdout.read(), "".join(heard))


def command_line(workspace: Path, *words: str) -> Finished:
    """One command of the command line, in a process of its own, as a user types it."""
    done = subprocess.run(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "tracehold", *words, "--json"),
            *("--workspace", str(workspace)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=_environment({}),
    )
    return _finished(done.returncode, done.stdout, done.stderr)


def _finished(code: int, said: str, error: str) -> Finished:
    try:
        answer = json.loads(said)
    except ValueError:
        answer = None
    return Finished(code, answer, error)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would point our own commands at another workspace."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"TRACEHOLD_URL", "TRACEHOLD_TOKEN", "TRACEHOLD_WORKSPACE"}
    }
    return {**kept, **more}
