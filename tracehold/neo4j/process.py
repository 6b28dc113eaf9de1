"""The Java process of a local Neo4j: start it detached, recognize it again, see that it ended."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["console", "ended", "is_ours", "spawn"]

_JVM = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=25",
    "-XX:ReservedCodeCacheSize=96m",
    "-XX:+UseSerialGC",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
)


def spawn(java: Path, jars: list[Path], home: Path, password: str) -> int:
    """Start the server in a session of its own, so that it outlives the caller and its terminal."""
    command = [str(java), *_JVM, "-cp", os.pathsep.join(map(str, jars)), "Neo4jServer", str(home)]
    reading, writing = os.pipe()
    try:
        log = os.open(console(home), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            actions = [
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ]
            pid = os.posix_spawn(java, command, os.environ, file_actions=actions, setsid=True)
        finally:
            os.close(log)
        os.write(writing, f"{password}\n".encode())
    finally:
        os.close(reading)
        os.close(writing)
    return pid


def console(home: Path) -> Path:
    """The file that takes the server's standard output and error."""
    return home / "logs" / "console.log"


def is_ours(pid: int, home: Path) -> bool:
    """Whether this process is the server of this folder, and no stranger with a reused number."""
    command = _command_line(pid)
    return "Neo4jServer" in command and str(home) in command


def _command_line(pid: int) -> list[str]:
    proc = Path("/proc", str(pid), "cmdline")
    if proc.parent.parent.joinpath("self").exists():
        try:
            return [os.fsdecode(word) for word in proc.read_bytes().split(b"\0")]
        except OSError:
            return []
    told = subprocess.run(  # noqa: S603 - a fixed program and a number
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    before, found, after = told.stdout.strip().partition(" Neo4jServer ")
    return [before, "Neo4jServer", after] if found else []


def ended(pid: int) -> bool:
    """Whether a child of ours has ended, and collect it if so; a stranger's child counts as not."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
