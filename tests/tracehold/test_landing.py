"""Receipts on their way from the sequencer's thread to whoever waits on the event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from lineage.errors import Conflict
from lineage.facts import Receipt
from tracehold.http.landing import Landing


class Counted(Landing):
    """Counts how often the loop was woken."""

    def __init__(self) -> None:
        super().__init__()
        self.woken = 0

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        self.woken += 1
        super()._deliver(loop)


def resolve(futures: list[Future[Receipt]]) -> None:
    """What the sequencer does, in a thread of its own, while the loop is busy."""

    def run() -> None:
        for number, future in enumerate(futures):
            future.set_result(Receipt(f"{number:032x}", number))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_what_became_durable_together_wakes_the_loop_once() -> None:
    landing = Counted()

    async def wait() -> list[Receipt]:
        futures = [Future[Receipt]() for _ in range(50)]
        waiting = [landing.wait(future) for future in futures]
        resolve(futures)
        return await asyncio.gather(*waiting)

    assert [receipt.position for receipt in asyncio.run(wait())] == list(range(50))
    assert landing.woken == 1


def test_what_is_durable_before_anyone_waits_is_delivered_too() -> None:
    async def wait() -> Receipt:
        future = Future[Receipt]()
        resolve([future])
        return await Landing().wait(future)

    assert asyncio.run(wait()).position == 0


def test_whoever_stops_waiting_withdraws_nothing_and_disturbs_nobody() -> None:
    async def wait() -> tuple[list[Future[Receipt]], Receipt]:
        landing = Landing()
        futures = [Future[Receipt](), Future[Receipt]()]
        gone, stays = [landing.wait(future) for future in futures]
        gone.cancel()
        resolve(futures)
        return futures, await stays

    futures, receipt = asyncio.run(wait())
    assert [future.cancelled() for future in futures] == [False, False]
    assert receipt.position == 1


def test_a_refusal_reaches_whoever_waits() -> None:
    async def wait() -> Receipt:
        future = Future[Receipt]()
        waiting = Landing().wait(future)
        future.set_exception(Conflict("used before"))
        return await waiting

    with pytest.raises(Conflict):
        asyncio.run(wait())


def test_a_loop_that_has_ended_is_left_alone_and_the_next_is_served() -> None:
    landing = Landing()
    late = Future[Receipt]()

    async def leave() -> None:
        landing.wait(late)

    async def wait() -> Receipt:
        future = Future[Receipt]()
        waiting = landing.wait(future)
        resolve([future])
        return await waiting

    asyncio.run(leave())
    resolve([late])
    assert asyncio.run(wait()).position == 0
