"""From the sequencer's thread to the event loop: one wake-up for all that became durable together.

``asyncio.wrap_future`` wakes the loop once per future. A group commit resolves many at once, and
every wake-up is a system call and a fight for the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from functools import partial

from lineage.facts import Receipt

__all__ = ["Landing"]

_Landed = tuple[asyncio.Future[Receipt], Future[Receipt]]


class Landing:
    """Awaits receipts. Whoever stops waiting withdraws nothing: the event is on its way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._landed: dict[asyncio.AbstractEventLoop, list[_Landed]] = {}

    def wait(self, receipt: Future[Receipt]) -> asyncio.Future[Receipt]:
        """The receipt, for the loop that asks."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Receipt] = loop.create_future()
        receipt.add_done_callback(partial(self._land, loop, waiting))
        return waiting

    def _land(
        self,
        loop: asyncio.AbstractEventLoop,
        waiting: asyncio.Future[Receipt],
        receipt: Future[Receipt],
    ) -> None:
        with self._lock:
            landed = self._landed.get(loop)
            if landed is not None:
                landed.append((waiting, receipt))
                return
            self._landed[loop] = [(waiting, receipt)]
        try:
            loop.call_soon_threadsafe(self._deliver, loop)
        except RuntimeError:
            # The loop has ended, and with it everyone who waited there.
            with self._lock:
                del self._landed[loop]

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            landed = self._landed.pop(loop)
        for waiting, receipt in landed:
            if waiting.done():
                continue
            error = receipt.exception()
            if error is None:
                waiting.set_result(receipt.result())
            else:
                waiting.set_exception(error)
