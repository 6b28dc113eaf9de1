"""The floor under a durable accept: the same bytes appended to a file, synced in groups.

No HTTP, no scrubbing, no encryption, no database: as many threads as there are senders each hand
over an event and wait until it is on the disk. What an accept takes beyond this is ours.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

__all__ = ["Floor"]

_GROUP = 256


class Floor:
    """A file that takes events durably, a group at a time."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._queue: SimpleQueue[tuple[bytes, threading.Event] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def rate(self, bodies: Sequence[bytes], *, senders: int) -> float:
        """Events per second at which the file takes these."""

        def run(first: int) -> None:
            for number in range(first, len(bodies), senders):
                done = threading.Event()
                self._queue.put((bodies[number], done))
                done.wait()

        threads = [threading.Thread(target=run, args=(first,)) for first in range(senders)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(bodies) / (time.perf_counter() - began)

    def close(self) -> None:
        """Let go of the file."""
        self._queue.put(None)
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            try:
                while len(group) < _GROUP and (more := self._queue.get_nowait()) is not None:
                    group.append(more)
            except Empty:
                pass
            os.writev(self._file, [body for body, _ in group])
            os.fdatasync(self._file)
            for _, done in group:
                done.set()
