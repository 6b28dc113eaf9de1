"""``python -m tracehold.neo4j start|stop|status --home DIR``: the launcher from a shell.

Prints shell assignments with ``start --export``, so that a script can ``eval`` them; otherwise one
JSON object. The password stands in neither output unless it is asked for.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from lineage.errors import TraceholdError
from tracehold.neo4j.launcher import DEFAULT_PORT, start, status, stop
from tracehold.neo4j.record import LocalNeo4j

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The words after the program's name.

    Returns:
        The exit code: 0 done, 3 not available, 1 for ``status`` of a server that does not run.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "start":
            server = start(options.home, port=options.port)
            _say(_exports(server) if options.export else json.dumps(_public(server)))
            return 0
        if options.command == "stop":
            _say("stopped" if stop(options.home) else "was not running")
            return 0
        running = status(options.home)
        _say(json.dumps(_public(running)) if running else "not running")
    except TraceholdError as error:
        for line in filter(None, (error.what, error.where, error.advice)):
            _say(line, error=True)
        return error.exit_code
    else:
        return 0 if running else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tracehold.neo4j", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("start", "stop", "status"):
        command = commands.add_parser(name)
        command.add_argument("--home", type=Path, required=True, help="folder of this Neo4j")
        if name == "start":
            command.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: any free one")
            command.add_argument("--export", action="store_true", help="print shell assignments")
    return parser


def _public(server: LocalNeo4j) -> dict[str, object]:
    return {
        "url": server.url,
        "user": server.user,
        "pid": server.pid,
        "password_file": str(server.password_file),
    }


def _exports(server: LocalNeo4j) -> str:
    values = {
        "TRACEHOLD_TEST_NEO4J_URL": server.url,
        "TRACEHOLD_TEST_NEO4J_USER": server.user,
        "TRACEHOLD_TEST_NEO4J_PASSWORD": server.password,
    }
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout)
