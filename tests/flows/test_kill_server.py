"""The server is killed again and again while events come in; what it acknowledged is there.

Senders do what OpenLineage clients do: what was not acknowledged is sent again, once the server is
back. So every event must be there in the end, each of them once.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import pytest
from load import LoadSpec, events
from rounds import rounds
from running_server import RunningServer, make_workspace, run, serving

from lineage.clock import system_clock
from lineage.identity import Identity
from lineage.journal.keys import load_keys
from lineage.journal.sqlite import open_journal
from lineage.journal.verify import verify_journal
from lineage.state.rebuild import rebuild
from tracehold.bootstrap import STATE, make_registry
from tracehold.settings import Settings, load

pytestmark = [pytest.mark.slow, pytest.mark.campaign]

KILLS = 20
EVENTS = rounds(usual=2_000, campaign=2_000 * KILLS)
SENDERS = 6


class Senders:
    """Threads that post events until the server is gone or nothing is left."""

    def __init__(self, waiting: Iterable[bytes]) -> None:
        self.waiting = deque(waiting)
        self.receipts: dict[bytes, str] = {}
        self.refusals: list[tuple[int, bytes]] = []
        self.unknown = 0
        self.heard_twice = 0
        self._news = threading.Condition()

    def start(self, server: RunningServer) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._send, args=(server,)) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        return threads

    def await_receipts(self, count: int) -> None:
        """Return once so many events are acknowledged."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.receipts) >= count, timeout=120)

    def _send(self, server: RunningServer) -> None:
        client = server.client()
        try:
            while True:
                try:
                    event = self.waiting.popleft()
                except IndexError:
                    return
                try:
                    status, answer = client.post("/api/v1/lineage", event)
                except (OSError, http.client.HTTPException):
                    self._again(event)
                    return
                self._heard(event, status, answer)
        finally:
            client.close()

    def _again(self, event: bytes) -> None:
        with self._news:
            self.unknown += 1
            self.waiting.appendleft(event)

    def _heard(self, event: bytes, status: int, answer: bytes) -> None:
        with self._news:
            if status != http.client.CREATED:
                self.refusals.append((status, answer))
                return
            said = json.loads(answer)
            self.receipts[event] = said["receipt"]
            self.heard_twice += bool(said["duplicate"])
            self._news.notify_all()


def _settle(server: RunningServer) -> int:
    """Wait until everything durable is in the state; returns the size of the journal."""
    client = server.client()
    try:
        until = time.monotonic() + 120
        while (health := client.json("/health"))["lag"]:
            assert time.monotonic() < until, health
            time.sleep(0.02)
        assert health["status"] == "ok"
        return int(health["journal"])
    finally:
        client.close()


def _examine(settings: Settings, receipts: Iterable[str]) -> None:
    """Every receipt has its fact, readable; the journal holds; the state is what it should be."""
    storage = settings.storage
    journal = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )
    try:
        for receipt in receipts:
            assert journal.get(receipt).distilled is not None
        report = verify_journal(storage.data, storage.keys)
        assert report.ok, report.problems
        keys = load_keys(storage.keys)
        made = rebuild(
            journal, storage.data / STATE, make_registry(), Identity(keys.secret), swap=False
        )
    finally:
        journal.close()
    assert made.comparable
    assert made.digest == made.former


def test_of_events_posted_while_the_server_is_killed_twenty_times_none_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    settings = load(make_workspace(tmp_path / "workspace"))
    draw = random.Random(20)
    load_spec = LoadSpec(jobs=200, levels=5, columns=4, runs=EVENTS // 2, namespace="kill")
    senders = Senders(events(load_spec))
    before = 0
    for kill in range(KILLS):
        with serving(settings.folder) as server:
            size = _settle(server)
            before = before or size
            _examine(settings, senders.receipts.values())
            threads = senders.start(server)
            part = EVENTS // KILLS
            senders.await_receipts(kill * part + draw.randrange(part // 4, part * 3 // 4))
            # Not always between two answers: anywhere in a commit, a fold, an answer.
            time.sleep(draw.random() * 0.02)
            server.kill()
            for thread in threads:
                thread.join()
        assert senders.waiting, "every kill must meet senders at work"
    with serving(settings.folder) as server:
        for thread in senders.start(server):
            thread.join()
        size = _settle(server)
    assert not senders.refusals
    assert senders.unknown >= KILLS
    assert len(senders.receipts) == len(set(senders.receipts.values())) == EVENTS
    assert size == before + EVENTS
    _examine(settings, senders.receipts.values())
    assert run("journal", "verify", workspace=settings.folder).returncode == 0
    assert run("journal", "rebuild", "--dry-run", workspace=settings.folder).returncode == 0
