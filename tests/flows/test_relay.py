"""A relay between senders and a server, as processes: both are killed, and nothing is lost."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from campaign import record
from load import LoadSpec, events
from rounds import rounds
from running_relay import FarServer, RunningRelay, far_server, relaying
from running_server import Client, RunningServer, lasting_port, make_workspace, run, serving

from tracehold.relay.spool import Arrival, Spool, pack

pytestmark = pytest.mark.slow

LINEAGE = "/api/v1/lineage"
SENT = 240


def event(number: int) -> bytes:
    job = {"namespace": "shop", "name": f"job-{number}"}
    return json.dumps({"eventTime": "2026-03-01T00:00:00Z", "job": job}).encode()


def raw(relay: RunningRelay, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    port = int(relay.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    status = connection.getresponse().status
    connection.close()
    return status


def post(relay: RunningRelay, *bodies: bytes, token: str = "t") -> None:
    with closing(relay.client(token)) as client:
        for body in bodies:
            status, answer = client.post(LINEAGE, body)
            assert (status, json.loads(answer)) == (201, {"relayed": True})


def health(to: RunningRelay | RunningServer) -> dict[str, float]:
    with closing(Client(to.url, "")) as client:
        return dict(client.json("/health"))


def await_drained(relay: RunningRelay) -> dict[str, float]:
    until = time.monotonic() + 60
    while (now := health(relay))["waiting"]:
        assert time.monotonic() < until, now
        time.sleep(0.02)
    return now


def test_events_pass_in_order_with_the_tokens_of_their_senders(tmp_path: Path) -> None:
    with far_server() as far, relaying(far.url, tmp_path) as relay:
        for number in range(50):
            post(relay, event(number), token=f"t{number % 2}")
        await_drained(relay)
        assert [gzip.decompress(body) for _, body in far.heard] == list(map(event, range(50)))
        assert [token for token, _ in far.heard] == ["Bearer t0", "Bearer t1"] * 25
        with closing(relay.client("")) as client:
            text = client.get("/metrics")[1].decode()
    assert 'tracehold_relay_received_total{outcome="kept"} 50' in text
    assert 'tracehold_relay_sent_total{outcome="taken"} 50' in text
    assert "tracehold_relay_waiting 0" in text


def test_what_waited_goes_in_batches_and_one_that_is_poisoned_is_told_with_its_cause(
    tmp_path: Path,
) -> None:
    spool = tmp_path / "spool"
    sent = [*map(event, range(40)), b'{"job": 7}', *map(event, range(40, 80))]
    with serving(make_workspace(tmp_path / "workspace")) as server:
        before = health(server)["journal"]
        waiting = Spool(spool, limit=1 << 30)
        waiting.put([Arrival(pack(one), server.token, 1) for one in sent])
        waiting.close()
        with relaying(server.url, spool) as relay:
            assert await_drained(relay)["refused"] == 1
            assert health(server)["journal"] - before == 80
        with closing(Client(server.url, server.token)) as client:
            text = client.get("/metrics")[1].decode()
        # Once in the batch, once alone.
        assert 'tracehold_events_total{outcome="no-identity"} 2' in text
    told = json.loads(run("relay", "--status", "--json", "--spool", spool).stdout)
    (cause,) = told["causes"]
    assert (cause["status"], cause["events"]) == (400, 1)
    assert cause["cause"].startswith("no-identity: ")


def test_the_relay_answers_while_the_far_server_does_not(tmp_path: Path) -> None:
    with far_server(lambda _, __: (503, {"Retry-After": "1"})) as far:
        with relaying(far.url, tmp_path) as relay:
            began = time.monotonic()
            post(relay, *map(event, range(20)))
            assert time.monotonic() - began < 5
            far.await_heard(1)
            assert health(relay)["reachable"] == 0
            far.reply = lambda _, __: (201, {})
            assert await_drained(relay)["reachable"] == 1
        heard = [gzip.decompress(body) for _, body in far.heard]
        assert heard[-20:] == list(map(event, range(20)))
        # Until then one batch at most was tried, and the first event alone.
        tried = heard[:-20]
        assert all(one in (event(0), event(place)) for place, one in enumerate(tried))


def test_what_is_refused_is_set_aside_counted_and_sent_again_when_asked(tmp_path: Path) -> None:
    def reply(_: FarServer, body: bytes) -> tuple[int, dict[str, str]]:
        return (403 if gzip.decompress(body) == event(1) else 201), {}

    with far_server(reply) as far, relaying(far.url, tmp_path) as relay:
        post(relay, *map(event, range(3)))
        assert await_drained(relay)["refused"] == 1
        told = json.loads(run("relay", "--status", "--json", "--spool", tmp_path).stdout)
        assert told["causes"] == [{"status": 403, "cause": "", "events": 1}]
        far.reply = lambda _, __: (201, {})
        told = json.loads(run("relay", "--retry", "--json", "--spool", tmp_path).stdout)
        assert told["put_back"] == 1
        far.await_heard(4)
        assert await_drained(relay)["refused"] == 0
        assert gzip.decompress(far.heard[-1][1]) == event(1)


def test_what_does_not_belong_is_refused(tmp_path: Path) -> None:
    token = {"Authorization": "Bearer t"}
    with far_server() as far, relaying(far.url, tmp_path, "--max-event-mib", "1") as relay:
        assert raw(relay, "POST", LINEAGE, event(0)) == 401
        assert raw(relay, "POST", LINEAGE, event(0), **token, Origin="http://evil.example") == 403
        assert raw(relay, "POST", LINEAGE, event(0), **token, Host="evil.example") == 400
        assert raw(relay, "POST", LINEAGE, b" " * 2**21, **token) == 413
        assert raw(relay, "POST", LINEAGE, b"x", **token, Content_Encoding="gzip") == 400
        assert raw(relay, "POST", LINEAGE, b"x", **token, Content_Encoding="br") == 415
        assert raw(relay, "GET", LINEAGE, **token) == 405
        assert raw(relay, "POST", "/api/v1/other", **token) == 404
        assert await_drained(relay)["refused"] == 0
    assert not far.heard


def test_a_second_relay_on_the_same_spool_is_a_conflict(tmp_path: Path) -> None:
    with far_server() as far, relaying(far.url, tmp_path):
        second = run("relay", "--to", far.url, "--spool", tmp_path, "--port", "0")
    assert second.returncode == 4


def test_outside_a_workspace_the_relay_asks_for_a_folder(tmp_path: Path) -> None:
    asked = run("relay", "--to", "http://127.0.0.1:1", "--json")
    assert asked.returncode == 2
    assert "--spool" in asked.stderr


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(rounds(usual=1, campaign=20)))
def test_relay_and_server_are_killed_again_and_again_and_every_event_is_one_fact(
    tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    workspace = make_workspace(tmp_path / "workspace")
    waiting = list(
        events(LoadSpec(jobs=60, levels=4, columns=3, runs=SENT // 2, namespace="relayed"))
    )
    port, near = lasting_port(), lasting_port()
    with serving(workspace, port=port) as server:
        token = server.token
        before = health(server)["journal"]

    def send(relay: RunningRelay, count: int) -> None:
        with (
            closing(relay.client(token)) as client,
            suppress(OSError, http.client.HTTPException),
        ):
            for _ in range(min(count, len(waiting))):
                if client.post(LINEAGE, waiting[0])[0] != http.client.CREATED:
                    return
                waiting.pop(0)

    kills = 0
    drained: dict[str, float] = {}
    kept = -1.0
    try:
        while waiting:
            kills += 1
            with relaying(f"http://127.0.0.1:{port}", tmp_path / "spool", port=near) as relay:
                sending = threading.Thread(target=send, args=(relay, 60))
                sending.start()
                if kills % 2:
                    # While it takes events.
                    time.sleep(draw.random() * 0.1)
                    relay.kill()
                else:
                    # While it forwards.
                    with serving(workspace, port=port) as server:
                        time.sleep(draw.random() * 0.3)
                        server.kill()
                    if draw.random() < 0.5:
                        relay.kill()
                sending.join()
        with (
            relaying(f"http://127.0.0.1:{port}", tmp_path / "spool", port=near) as relay,
            serving(workspace, port=port) as server,
        ):
            drained = await_drained(relay)
            kept = health(server)["journal"] - before
    finally:
        record("Kills of a relay and its server", tried=kills, failed=kept != SENT, unit="rounds")
    assert kills >= 4
    assert drained["refused"] == 0
    assert kept == SENT
