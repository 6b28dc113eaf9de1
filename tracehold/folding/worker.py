"""The process that folds: ``python -m tracehold.folding.worker``, started by a server.

It reads lines from its standard input and answers each on its standard output. Its input ends with
the server, however that ended; it then stops at once, in the middle of a transaction if need be,
which SQLite undoes. Signals are the server's to answer.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec

from lineage.clock import system_clock
from lineage.identity import Identity
from lineage.journal.keys import load_keys
from lineage.journal.sqlite import SqliteJournal, open_journal
from lineage.state.advance import Folder
from lineage.state.store import SqlState, open_state
from tracehold.collecting import collect_seldom
from tracehold.folding.messages import Ask, Begin, Done, Trouble
from tracehold.registry import STATE, make_registry

__all__ = ["main"]


class Worker:
    """Folds one workspace, as it is asked to."""

    def __init__(self, begin: Begin) -> None:
        """Open journal and state.

        Raises:
            TraceholdError: They cannot be used.
        """
        data, keys = Path(begin.data), Path(begin.keys)
        self._journal: SqliteJournal = open_journal(
            data, keys, origin=begin.origin, clock=system_clock, read_only=True
        )
        self._state: SqlState = open_state(data / STATE)
        identity = Identity(load_keys(keys).secret)
        self._folder = Folder(self._journal, self._state, make_registry(), identity)

    def answer(self, ask: Ask) -> Done:
        """Do what is asked."""
        late = self._state.late
        late.watch(ask.before)
        if ask.forget is not None:
            return self._stand(forgotten=self._folder.forget_dropped(ask.forget))
        return self._stand(folded=self._folder.catch_up().folded)

    def _stand(self, *, folded: int = 0, forgotten: int = 0) -> Done:
        late = self._state.late
        natives, late.natives = late.natives, 0
        return Done(
            self._folder.position, folded, self._folder.erased_inside, sorted(late.take()),
            natives, forgotten,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the files."""
        self._state.close()
        self._journal.close()


def main() -> NoReturn:
    """Answer until the input ends.

    The thread that reads cannot be ended, and holds what the interpreter wants at its own end: so
    the process leaves without it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    # Whatever prints must not speak in between.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    begin = msgspec.json.decode(sys.stdin.buffer.readline(), type=Begin)
    reading = threading.Thread(target=_read, args=(sys.stdin.buffer, lines), daemon=True)
    reading.start()

    def tell(done: Done) -> None:
        answers.write(msgspec.json.encode(done) + b"\n")

    try:
        worker = Worker(begin)
    except Exception as error:  # noqa: BLE001 - the server is told, and decides
        tell(Done(trouble=Trouble.of(error)))
        os._exit(0)
    collect_seldom()
    tell(Done())
    while line := lines.get().strip():
        try:
            done = worker.answer(msgspec.json.decode(line, type=Ask))
        except Exception as error:  # noqa: BLE001 - the server is told, and decides
            done = Done(trouble=Trouble.of(error))
        tell(done)
    worker.close()
    os._exit(0)


def _read(source: BinaryIO, lines: queue.SimpleQueue[bytes]) -> None:
    for line in source:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
