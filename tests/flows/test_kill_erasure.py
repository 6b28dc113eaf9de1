"""The server is killed while it erases and folds anew; finished later, it ends the same."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from campaign import record
from load import LoadSpec, events
from planted import canary, everything, found_in_files, words
from rounds import rounds
from running_server import Client, RunningServer, make_workspace, run, serving

ROUNDS = rounds(usual=2, campaign=200)
LONGEST = 0.6
"""Seconds until the kill; erasing and folding anew take about half of it."""


@pytest.mark.campaign
def test_killed_at_any_moment_of_an_erasure_it_is_finished_later(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "shop")
    chance = random.Random(20260301)
    gone: set[str] = set()
    kept = {canary("kept", place) for place in ("output", "owner", "column")}
    tried = 0
    try:
        for number in range(ROUNDS):
            seed = f"round {number}"
            with serving(folder) as server, closing(server.client()) as client:
                if number == 0:
                    for event in events(LoadSpec(jobs=40, runs=120)):
                        client.post("/api/v1/lineage", event)
                    post(client, everything("kept", 99))
                facts = [post(client, everything(seed, n)) for n in (2 * number, 2 * number + 1)]
                settle(client)
                asking = threading.Thread(target=quietly(ask_to_erase, server, facts))
                asking.start()
                time.sleep(chance.uniform(0, LONGEST))
                server.kill()
                asking.join()
            gone |= words(seed)
            with serving(folder) as server, closing(server.client()) as client:
                settle(client)
                ask_to_erase(server, facts)
                settle(client)
                # Each part is erased, and recorded as erased, exactly once.
                assert client.json("/api/v1/growth")["erased"] == 2 * (number + 1)
                check(folder, words(seed), kept)
            verified = json.loads(run("journal", "verify", "--json", workspace=folder).stdout)
            assert verified["ok"], verified
            tried += 1
        check(folder, gone, kept)
        compared = run("journal", "rebuild", "--dry-run", "--json", workspace=folder)
        assert json.loads(compared.stdout)["equal"], compared.stdout
        assert json.loads(compared.stdout)["comparable"], compared.stdout
    finally:
        record("Kills while erasing", tried=tried + (tried < ROUNDS), failed=int(tried < ROUNDS),
               unit="rounds")  # fmt: skip


def post(client: Client, event: dict[str, object]) -> str:
    status, body = client.post("/api/v1/lineage", json.dumps(event).encode())
    assert status == 201
    return str(json.loads(body)["receipt"])


def ask_to_erase(server: RunningServer, facts: list[str]) -> None:
    with closing(server.client()) as client:
        body = json.dumps({"facts": facts, "reason": "test"}).encode()
        status, answer = client.post("/api/v1/acts/journal.erase", body)
        assert status == 200, answer


def quietly(act: Callable[..., None], *words_: object) -> Callable[[], None]:
    """The act, whose server is killed while it goes on."""

    def run_it() -> None:
        try:
            act(*words_)
        except (OSError, http.client.HTTPException):
            return

    return run_it


def settle(client: Client) -> None:
    until = time.monotonic() + 60
    while True:
        health, refold = client.get("/health"), client.get("/api/v1/refold")
        if health[0] == refold[0] == 200:
            now = json.loads(refold[1])
            if not json.loads(health[1])["lag"] and not now["running"] and not now["old_readers"]:
                return
        assert time.monotonic() < until
        time.sleep(0.02)


def check(folder: Path, gone: set[str], kept: set[str]) -> None:
    found = found_in_files([folder / ".tracehold", folder / ".tracehold-keys"], gone | kept)
    assert set().union(*found.values()) == kept
