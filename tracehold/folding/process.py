"""The fold of a server as the server sees it: a process of its own that it starts and asks.

The interpreter runs one thread at a time; beside a fold in the same process, accepting events and
answering questions would get half of it. The process holds the lock of the workspace too, so that
nobody else writes the state while it still does.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from lineage.errors import Unavailable
from lineage.state.advance import Advanced
from lineage.state.late import Late
from tracehold.folding.messages import Ask, Begin, Done

__all__ = ["FoldProcess"]

_log = logging.getLogger(__name__)

_STOP_SECONDS: Final = 10.0
# Without -P a module in the folder where the server was started could stand for one of ours.
_COMMAND: Final = (sys.executable, "-P", "-m", "tracehold.folding.worker")


class FoldProcess:
    """Asks a process of its own to fold, and starts it again where it has ended.

    Implements ``tracehold.advancing.Folds``; used by one thread at a time.

    Attributes:
        erased_inside: See ``Folder.erased_inside``.
    """

    def __init__(
        self,
        begin: Begin,
        late: Late,
        *,
        position: Callable[[], int],
        held: Sequence[int] = (),
    ) -> None:
        """Start the process; it is waited for when it is first asked.

        Args:
            begin: Which workspace.
            late: Filled with what came late.
            position: Reads where the state stands.
            held: Descriptors that the process is to hold open: the lock's.
        """
        self._begin = begin
        self._late = late
        self._read_position = position
        self._held = tuple(held) if sys.platform != "win32" else ()
        self.erased_inside = False
        self._start()

    @property
    def position(self) -> int:
        """Where the state stands."""
        return self._read_position()

    def catch_up(self) -> Advanced:
        """Fold everything that is durable now, and wait for it.

        Raises:
            sqlite3.Error: The state cannot be written; with SQLite's name of the error.
            TraceholdError: It cannot be folded.
            Unavailable: The process has ended.
        """
        done = self._ask()
        return Advanced(done.position, done.folded)

    def forget_dropped(self, upto: int) -> int:
        """See ``Folder.forget_dropped``; raises like ``catch_up``."""
        return self._ask(forget=upto).forgotten

    def close(self) -> None:
        """End the process; what it has not folded is folded by the next one."""
        process = self._process
        if process.poll() is None:
            try:
                self._write(b"\n")
                process.wait(_STOP_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                process.kill()
        self._let_go()

    def _start(self) -> None:
        self._ready = False
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            _COMMAND,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=self._held,
        )
        try:
            self._write(msgspec.json.encode(self._begin) + b"\n")
        except OSError:
            _log.warning("the process that folds ended while it was started")

    def _ask(self, forget: int | None = None) -> Done:
        if self._process.poll() is not None:
            self._let_go()
            self._late.lose()
            self._start()
        try:
            if not self._ready:
                self._answer()
                self._ready = True
            self._write(msgspec.json.encode(Ask(self._late.before, forget)) + b"\n")
            done = self._answer()
        except OSError as error:
            raise self._ended() from error
        self.erased_inside = done.erased_inside
        self._late.add(done.late, natives=done.natives)
        return done

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _answer(self) -> Done:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        done = msgspec.json.decode(line, type=Done)
        if done.trouble is not None:
            if done.trouble.stack:
                _log.error("the fold failed\n%s", done.trouble.stack)
            if not self._ready:
                self._process.wait()  # what cannot begin ends
            raise done.trouble.error()
        return done

    def _ended(self) -> Unavailable:
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Unavailable(
            f"the process that folds has ended ({how})", where="state",
            advice="it is started again by itself; see the memory that is left",
        )  # fmt: skip

    def _let_go(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
