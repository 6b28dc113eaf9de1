"""A server under mixed use for a while: every error accounted for, nothing grows."""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from campaign import record
from load import LoadSpec, events
from rounds import in_campaign, profile
from running_server import Client, RunningServer, make_workspace, run, serving

from lineage.clock import system_clock
from lineage.journal.sqlite import open_journal
from tracehold.settings import load

pytestmark = [pytest.mark.slow, pytest.mark.campaign]

MINUTES = float(os.environ.get("TRACEHOLD_SOAK_MINUTES") or {"minutes": 3}.get(profile(), 30))
SECONDS = MINUTES * 60 if in_campaign() else 8.0
LIVES = max(2, round(SECONDS / 240))
"""How often the server is started; between two starts it is stopped as a person stops it."""
ERASE_EVERY = 500
QUESTIONS = (
    ("/health", {}),
    ("/api/v1/datasets", {"limit": 20}),
    ("/api/v1/jobs", {"limit": 20}),
    ("/api/v1/trace", {"ref": "dataset:[soak]warehouse.level_03.table_00000", "direction": "up"}),
    ("/api/v1/overview", {}),
    ("/api/v1/checkpoint", {}),
)


@dataclass
class Sample:
    """What the server's processes take at a moment."""

    resident: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, server: RunningServer) -> Sample:
        def entries(folder: str) -> int:
            return sum(
                len(list(Path(f"/proc/{pid}/{folder}").iterdir())) for pid in server.processes()
            )

        return cls(server.resident_bytes(), entries("fd"), entries("task"))


@dataclass
class Soak:
    """What was done and heard in all lives."""

    sent: Iterator[bytes]
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def live(self, server: RunningServer, seconds: float) -> None:
        """Use the server from several threads for so long, and watch what it takes."""
        until = time.monotonic() + seconds
        workers = [self._ingest, self._ingest, self._ask, self._erase]
        threads = [
            threading.Thread(target=self._work, args=(worker, server, until)) for worker in workers
        ]
        for thread in threads:
            thread.start()
        samples = []
        while time.monotonic() < until:
            time.sleep(min(1.0, seconds / 20))
            samples.append(Sample.of(server))
        for thread in threads:
            thread.join()
        self._judge(samples)

    def _judge(self, samples: list[Sample]) -> None:
        """The last third takes no more than the middle one; the first fills caches."""
        third = len(samples) // 3
        for name, slack in (("resident", 24 << 20), ("descriptors", 8), ("threads", 4)):
            middle, last = (
                statistics.median(getattr(sample, name) for sample in part)
                for part in (samples[third : 2 * third], samples[2 * third :])
            )
            if last > middle * 1.1 + slack:
                self.grown.append(f"{name} from {middle:,.0f} to {last:,.0f}")

    def _work(
        self, act: Callable[[Client, random.Random], None], server: RunningServer, until: float
    ) -> None:
        draw = random.Random(len(self.receipts))
        with closing(server.client()) as client:
            while time.monotonic() < until:
                try:
                    act(client, draw)
                except (OSError, http.client.HTTPException) as error:
                    self.wrong.append(f"{act.__name__}: {type(error).__name__}")
                    return

    def _ingest(self, client: Client, _: random.Random) -> None:
        with self._turn:
            event = next(self.sent)
        status, answer = client.post("/api/v1/lineage", event)
        self._heard("events", status, answer)
        if status == http.client.CREATED:
            with self._turn:
                self.receipts.append(json.loads(answer)["receipt"])

    def _ask(self, client: Client, draw: random.Random) -> None:
        path, query = draw.choice(QUESTIONS)
        status, answer = client.get(path, **query)  # type: ignore[arg-type]
        if status != http.client.NOT_FOUND or "trace" not in path:
            self._heard("questions", status, answer)
        time.sleep(0.02)

    def _erase(self, client: Client, draw: random.Random) -> None:
        time.sleep(0.5)
        if len(self.receipts) < ERASE_EVERY * (self.done["erasures"] + 1):
            return
        body = {"facts": [draw.choice(self.receipts)], "part": "raw", "reason": "soak"}
        status, answer = client.post("/api/v1/acts/journal.erase", json.dumps(body).encode())
        self._heard("erasures", status, answer)

    def _heard(self, what: str, status: int, answer: bytes) -> None:
        self.done[what] += 1
        if status >= 300:
            self.wrong.append(f"{what}: {status} {answer[:200]!r}")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to watch a process")
def test_a_soak_meets_no_error_and_nothing_grows(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "workspace")
    spec = LoadSpec(jobs=300, levels=6, columns=6, runs=10_000_000, namespace="soak")
    soak = Soak(events(spec))
    codes = []
    try:
        for _ in range(LIVES):
            with serving(folder) as server:
                soak.live(server, SECONDS / LIVES)
                codes.append(server.stop())
                soak.wrong += server.said
    finally:
        done = ", ".join(f"{count:,} {what}" for what, count in sorted(soak.done.items()))
        record(
            "Soak", tried=soak.done.total(), failed=len(soak.wrong) + len(soak.grown),
            unit="requests", note=f"{SECONDS / 60:.0f} min, {LIVES} starts: {done}",
        )  # fmt: skip
    assert not soak.wrong
    assert not soak.grown
    assert codes == [0] * LIVES
    settings = load(folder)
    journal = open_journal(
        settings.storage.data, settings.storage.keys, origin=settings.origin,
        clock=system_clock, read_only=True,
    )  # fmt: skip
    with closing(journal):
        assert all(journal.get(receipt).distilled is not None for receipt in soak.receipts)
    assert len(set(soak.receipts)) == len(soak.receipts) == soak.done["events"]
    assert run("journal", "verify", workspace=folder).returncode == 0
    assert run("journal", "rebuild", "--dry-run", workspace=folder).returncode == 0
