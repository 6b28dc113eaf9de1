"""The server is killed again and again, at any moment; what it acknowledged is there.

Senders do what OpenLineage clients do: what was not acknowledged is sent again, once the server is
back. So every event must be there in the end, each of them once. Kills meet the server while events
come in (in a commit, a fold, an answer, a WAL checkpoint), while it starts, and while it closes.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path

import pytest
from campaign import record
from load import LoadSpec, events
from rounds import rounds
from running_server import RunningServer, kill_in_start, make_workspace, run, serving

from lineage.clock import system_clock
from lineage.errors import NotFound
from lineage.identity import Identity
from lineage.journal.keys import load_keys
from lineage.journal.sqlite import open_journal
from lineage.journal.verify import verify_journal
from lineage.state.rebuild import rebuild
from tracehold.registry import STATE, make_registry
from tracehold.settings import Settings, load

pytestmark = [pytest.mark.slow, pytest.mark.campaign]

KILLS = 50
EVENTS = 40 * KILLS
EXAMINE_EVERY = 25
SENDERS = 6
MOMENTS = ("at work", "at work", "at work", "in start", "in close")


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
                if not self._heard(event, status, answer):
                    return
        finally:
            client.close()

    def _again(self, event: bytes) -> None:
        with self._news:
            self.unknown += 1
            self.waiting.appendleft(event)

    def _heard(self, event: bytes, status: int, answer: bytes) -> bool:
        if status == http.client.SERVICE_UNAVAILABLE:
            # It closes: sent again to the next one.
            self._again(event)
            return False
        with self._news:
            if status != http.client.CREATED:
                self.refusals.append((status, answer))
                return True
            said = json.loads(answer)
            self.receipts[event] = said["receipt"]
            self.heard_twice += bool(said["duplicate"])
            self._news.notify_all()
        return True


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


def _lost(settings: Settings, receipts: Iterable[str]) -> int:
    """How many receipts have no readable fact."""
    storage = settings.storage
    journal = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )

    def there(receipt: str) -> bool:
        try:
            return journal.get(receipt).distilled is not None
        except NotFound:
            return False

    try:
        return sum(not there(receipt) for receipt in receipts)
    finally:
        journal.close()


def _examine(settings: Settings) -> None:
    """The journal holds; the state is what the journal makes it."""
    storage = settings.storage
    report = verify_journal(storage.data, storage.keys)
    assert report.ok, report.problems
    journal = open_journal(
        storage.data, storage.keys, origin=settings.origin, clock=system_clock, read_only=True
    )
    try:
        identity = Identity(load_keys(storage.keys).secret)
        made = rebuild(journal, storage.data / STATE, make_registry(), identity, swap=False)
    finally:
        journal.close()
    assert made.comparable
    assert made.digest == made.former


class Rounds:
    """One workspace, its senders, and kills until they are enough."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.settings = load(make_workspace(folder))
        self.draw = random.Random(seed)
        spec = LoadSpec(jobs=200, levels=5, columns=4, runs=EVENTS // 2, namespace=f"kill{seed}")
        self.senders = Senders(events(spec))
        self.moments: Counter[str] = Counter()
        self.lost = 0
        self.before = 0
        self._checked = 0
        self._start_seconds = 1.0

    def one(self, number: int) -> None:
        """Start the server, send, kill it; then look for what it acknowledged."""
        moment = self.draw.choice(MOMENTS) if number else "at work"
        if moment == "in start":
            kill_in_start(self.settings.folder, self.draw.uniform(0.05, 1) * self._start_seconds)
        else:
            self._serve(number, closing=moment == "in close")
        self.moments[moment] += 1
        receipts = list(self.senders.receipts.values())
        self.lost += _lost(self.settings, receipts[self._checked :])
        self._checked = len(receipts)
        if number % EXAMINE_EVERY == EXAMINE_EVERY - 1:
            _examine_settled(self.settings)
            self.lost += _lost(self.settings, receipts)

    def _serve(self, number: int, *, closing: bool) -> None:
        began = time.monotonic()
        with serving(self.settings.folder) as server:
            self._start_seconds = time.monotonic() - began
            if not number:
                self.before = _settle(server)
            threads = self.senders.start(server)
            part = EVENTS // KILLS
            self.senders.await_receipts(
                number * part + self.draw.randrange(part // 4, part * 3 // 4)
            )
            if closing:
                server.process.send_signal(signal.SIGTERM)
            # Not always between two answers: anywhere in a commit, a fold, an answer.
            time.sleep(self.draw.random() * (0.2 if closing else 0.02))
            server.kill()
            for thread in threads:
                thread.join()

    def finish(self) -> None:
        """Send what is left to a last server, and look at everything."""
        with serving(self.settings.folder) as server:
            for thread in self.senders.start(server):
                thread.join()
            size = _settle(server)
        senders = self.senders
        assert not senders.refusals
        assert len(senders.receipts) == len(set(senders.receipts.values())) == EVENTS
        assert size == self.before + EVENTS
        self.lost += _lost(self.settings, senders.receipts.values())
        _examine(self.settings)
        assert run("journal", "verify", workspace=self.settings.folder).returncode == 0
        assert (
            run("journal", "rebuild", "--dry-run", workspace=self.settings.folder).returncode == 0
        )


def _examine_settled(settings: Settings) -> None:
    """Let a server fold what a kill left behind, then examine beside it."""
    with serving(settings.folder) as server:
        _settle(server)
        _examine(settings)


@pytest.mark.parametrize("seed", range(rounds(usual=1, minutes=2, campaign=20)))
def test_of_events_posted_while_the_server_is_killed_fifty_times_none_is_lost_or_doubled(
    tmp_path: Path, seed: int
) -> None:
    world = Rounds(tmp_path / "workspace", seed)
    done = 0
    try:
        for number in range(KILLS):
            world.one(number)
            done += 1
        world.finish()
    finally:
        complete = done == KILLS and len(world.senders.receipts) == EVENTS
        for moment, count in world.moments.items():
            record(f"Kills of the server {moment}", tried=count, failed=0, unit="rounds")
        record(
            "Kills of the server", tried=min(done + 1, KILLS), failed=not complete, unit="rounds"
        )
        record(
            "Events acknowledged across kills of the server",
            tried=len(world.senders.receipts), failed=world.lost, unit="events",
            note="failed: lost or doubled",
        )  # fmt: skip
    assert not world.lost
    assert set(world.moments) == set(MOMENTS)
    # Kills met senders at work, and not after they were done.
    assert world.senders.unknown >= world.moments["at work"]
