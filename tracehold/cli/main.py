"""The entry point: runs a command, and turns every end into an exit code and at most three lines.

Exit codes: 0 done, 1 negative verdict, 2 usage or input, 3 not available, 4 conflict, 70 a fault of
ours. A fault shows one line; its stack goes to a log file, without the text of the exception, which
could quote a value.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from lineage.errors import Fault, InvalidInput, TraceholdError

__all__ = ["main", "run"]


def main() -> NoReturn:
    """The command ``tracehold``."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: The words after ``tracehold``.

    Returns:
        The exit code.
    """
    as_json = "--json" in arguments
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    try:
        return _invoke(words)
    except TraceholdError as error:
        _complain(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the answer has seen enough; keep the interpreter from flushing into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost border of the process
        fault = _fault(error, debug=debug)
        _complain(fault, as_json=as_json)
        return fault.exit_code


def _invoke(words: list[str]) -> int:
    import typer
    import typer.main

    from tracehold.cli.app import app

    command = typer.main.get_command(app)
    try:
        code = command.main(args=words, prog_name="tracehold", standalone_mode=False)
    except typer.Abort:
        return 130
    except typer.Exit as end:
        return end.exit_code
    except SystemExit:
        # Only for a pipe that was closed; 1 would say that a verdict is negative.
        raise BrokenPipeError from None
    except Exception as error:
        # Typer brings a Click of its own or uses the installed one; both say it like this.
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.stderr.write(error.format_message() + "\n")
            return InvalidInput.exit_code
        raise _usage(error) from None
    return code if isinstance(code, int) else 0


def _usage(error: Any) -> InvalidInput:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tracehold"
    return InvalidInput(
        error.format_message(),
        where=path,
        advice=f"see {path} --help",
    )


def _complain(error: TraceholdError, *, as_json: bool) -> None:
    """On standard error, so that standard output holds answers alone."""
    from tracehold.cli.output import error_lines

    sys.stderr.write((json.dumps(error.as_dict()) if as_json else error_lines(error)) + "\n")
    sys.stderr.flush()


def _fault(error: Exception, *, debug: bool) -> Fault:
    from tracehold.faults import describe, summary

    text = describe(error)
    if debug:
        sys.stderr.write(text + "\n")
    path = Path(tempfile.gettempdir()) / f"tracehold-fault-{os.getpid()}-{int(time.time())}.log"
    where = str(path)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError:
        where = ""
    return Fault(
        f"a fault of ours: {summary(error)}",
        where=where,
        advice="report it with that file; it holds no values, only places in our code",
    )
