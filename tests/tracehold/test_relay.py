"""Parts of a relay: what becomes of an event, how long to wait, a spool that forgets nothing."""

from __future__ import annotations

import gzip
import sqlite3
import stat
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_relay import batch_answer
from tracehold_world import workspace

from lineage.errors import InvalidInput, NotFound, Unavailable
from tracehold.cli.relay import _places
from tracehold.http.metrics import Metrics
from tracehold.relay.batching import cause, groups, untaken
from tracehold.relay.forwarding import Forwarder, Outcome, judge, pause
from tracehold.relay.serving import read_token_file
from tracehold.relay.spool import FILE, Arrival, Refused, Spool, Waiting, pack
from tracehold.relay.target import Answer, Target

MANY = 1 << 30


def arrivals(*events: bytes, token: str = "t") -> list[Arrival]:
    return [Arrival(pack(event), token, 1_000 + number) for number, event in enumerate(events)]


def forwarder(spool: Spool, far: Far, token: str = "") -> Forwarder:
    return Forwarder(
        spool, far, token=token, metrics=Metrics(), chance=lambda: 0.5, tell=lambda _: None
    )


class Far:
    """Answers with the statuses given, then takes everything; notes what it took.

    What it took or refused it takes or refuses again. Within a batch it fails to the end once it
    fails; where it does not answer (0), what it took before counts.
    """

    def __init__(self, *statuses: int, batches: bool = True) -> None:
        self.statuses = list(statuses)
        self.heard: list[tuple[str, bytes, int]] = []
        self.settled: dict[bytes, int] = {}
        self.batches = batches
        self.sizes: list[int] = []

    def post(self, packed: bytes, token: str) -> Answer:
        status = self._status(token, gzip.decompress(packed))
        return Answer(status, body=b'{"code":"bad","what":"it is bad","where":"here"}')

    def post_batch(self, packed: bytes, token: str) -> Answer:
        if not self.batches:
            return Answer(404)
        events = msgspec.json.decode(gzip.decompress(packed), type=list[msgspec.Raw])
        self.sizes.append(len(events))
        statuses: list[int] = []
        for event in events:
            failing = statuses and statuses[-1] not in (201, 400)
            statuses.append(503 if failing else self._status(token, bytes(event)))
            if statuses[-1] == 0:
                return Answer(0)
        status, body = batch_answer(statuses)
        return Answer(status, body=body)

    def _status(self, token: str, event: bytes) -> int:
        if event in self.settled:
            return self.settled[event]
        status = self.statuses.pop(0) if self.statuses else 201
        if status in (201, 400):
            self.settled[event] = status
        self.heard.append((token, event, status))
        return status

    def taken(self) -> list[bytes]:
        return [event for _, event, status in self.heard if status == 201]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_what_the_far_server_took_is_done(status: int) -> None:
    assert judge(status, faults=0, own_token=False) is Outcome.TAKEN


@pytest.mark.parametrize("status", [0, 301, 307, 404, 405, 408, 425, 429, 502, 503, 504])
def test_what_time_or_a_setting_mends_waits(status: int) -> None:
    assert judge(status, faults=0, own_token=False) is Outcome.LATER


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_what_sending_again_does_not_mend_is_set_aside(status: int) -> None:
    assert judge(status, faults=0, own_token=True) is Outcome.REFUSED


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_of_a_sender_holds_up_nobody_and_one_of_the_relay_waits(status: int) -> None:
    assert judge(status, faults=0, own_token=False) is Outcome.REFUSED
    assert judge(status, faults=0, own_token=True) is Outcome.LATER


def test_an_event_that_meets_a_fault_ten_times_is_set_aside(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=MANY)
    spool.put(arrivals(b"bad", b"good"))
    far = Far(*[500] * 9, 503, *[500] * 10)
    sender = forwarder(spool, far)
    tries = 0
    while sender.forward():
        tries += 1
    assert tries == 19
    assert far.taken() == [b"good"]
    assert spool.figures().causes == [Refused(500, "bad: it is bad: here", 1)]


@given(st.integers(1, 200), st.floats(0, 1), st.floats(0, 1000))
def test_a_pause_grows_to_thirty_seconds_and_heeds_what_the_server_asks(
    tries: int, chance: float, asked: float
) -> None:
    alone = pause(tries, 0, chance)
    assert 0.125 <= alone <= 30
    assert pause(tries + 1, 0, chance) >= alone
    assert pause(tries, asked, chance) == max(alone, min(asked, 120))


@given(
    st.lists(st.lists(st.binary(max_size=8), min_size=1, max_size=100), min_size=1, max_size=4),
    st.lists(st.sampled_from([0, 201, 201, 201, 400, 500, 503]), max_size=60),
    st.booleans(),
)
def test_whatever_the_far_server_answers_every_event_is_taken_once_in_order_or_set_aside(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[bytes]],
    statuses: list[int],
    knows_batches: bool,
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), limit=MANY)
    far = Far(*statuses, batches=knows_batches)
    sender = forwarder(spool, far)
    sent = []
    for number, batch in enumerate(batches):
        # Most are JSON and may go together; the others are whatever a client sends.
        events = [
            b"[%d,%d]" % (number, place) + (event if event[:1] > b"\xc0" else b"")
            for place, event in enumerate(batch)
        ]
        spool.put(arrivals(*events))
        sent += events
        sender.forward()
    while sender.forward():
        pass
    refused = {event for _, event, status in far.heard if status == 400}
    assert far.taken() == [event for event in sent if event not in refused]
    figures = spool.figures()
    assert (figures.waiting, figures.refused) == (0, len(refused))
    far.statuses.clear()
    far.settled.clear()
    assert spool.again() == len(refused)
    sender.forward()
    assert sorted(far.taken()) == sorted(sent)
    spool.close()


def many(count: int) -> list[bytes]:
    return [b'{"event":%d}' % number for number in range(count)]


def test_events_of_one_sender_go_together_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=MANY)
    spool.put(arrivals(*many(300)))
    spool.put(arrivals(b"{}", b"[]", token="other"))
    far = Far()
    forwarder(spool, far).forward()
    assert far.sizes == [256, 44, 2]
    assert far.taken()[:300] == many(300)
    assert [token for token, _, _ in far.heard[-3:]] == ["t", "other", "other"]


def test_a_poisoned_event_of_a_batch_is_set_aside_with_its_cause_and_stops_no_other(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path, limit=MANY)
    spool.put(arrivals(*many(5)))
    far = Far(201, 201, 400)
    forwarder(spool, far).forward()
    assert far.taken() == [event for event in many(5) if event != b'{"event":2}']
    assert spool.figures().causes == [Refused(400, "bad: it is bad: here", 1)]
    assert spool.again() == 1
    far.settled.clear()
    forwarder(spool, far).forward()
    assert far.taken()[-1] == b'{"event":2}'
    assert spool.figures() == (0, 0, 0, None, [])


def test_a_server_that_knows_no_batches_is_asked_once_and_gets_single_events(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path, limit=MANY)
    spool.put(arrivals(*many(600)))
    told: list[str] = []
    far = Far(batches=False)
    sender = Forwarder(
        spool, far, token="", metrics=Metrics(), chance=lambda: 0.5, tell=told.append
    )
    sender.forward()
    assert far.taken() == many(600)
    assert told == ["the far server takes no batches; events go one by one"]


@pytest.mark.parametrize(
    "event", [b'{"a":1},{"b":2}', b"{}]", b"{", b"", b" {} ", b"{}\n", b"\xff", b'"' + b"a" * 2**21]
)
def test_what_is_not_one_bare_value_goes_alone(event: bytes) -> None:
    page = [Waiting(place, pack(one), "t") for place, one in enumerate((b"{}", event, b"[]", b"1"))]
    made = list(groups(page, own_token=False))
    assert [([one.id for one in group.events], group.body) for group in made] == [
        ([0], b""), ([1], b""), ([2, 3], b"[[],1]"),
    ]  # fmt: skip


def test_a_batch_stays_below_what_a_server_unpacks_without_suspicion() -> None:
    page = [Waiting(place, pack(b'"' + b"a" * 300_000 + b'"'), "t") for place in range(7)]
    made = list(groups(page, own_token=True))
    assert [len(group.events) for group in made] == [3, 3, 1]
    assert max(len(group.body) for group in made) <= 2**20


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (batch_answer([201, 201])[1], []),
        (batch_answer([201, 400])[1], [1]),
        (batch_answer([201])[1], None),
        (batch_answer([201, 201, 201])[1], None),
        (b"", None),
        (b'{"status":"success"}', None),
        (b'{"summary":{"received":2,"successful":1},"failed_events":[{"index":7}]}', None),
        (b'{"summary":{"received":2,"successful":1},"failed_events":[{"index":[]}]}', None),
        (b'{"summary":{"received":2,"successful":2},"failed_events":[3]}', None),
    ],
)
def test_an_answer_counts_only_where_it_says_of_each_event(
    body: bytes, places: list[int] | None
) -> None:
    assert untaken(body, 2) == (None if places is None else frozenset(places))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'{"code":"a","what":"b","where":"c","advice":"d"}', "a: b: c"),
        (b'{"code":"a\\nb","what":7}', "a?b"),
        (b"<html>", ""),
        (b"[1]", ""),
    ],
)
def test_a_cause_is_one_line_of_what_the_server_says(body: bytes, line: str) -> None:
    assert cause(body) == line


def test_a_spool_that_keeps_no_causes_yet_is_taken_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=MANY)
    spool.put(arrivals(b"1"))
    spool._database.execute("alter table event drop column cause")
    spool.close()
    again = Spool(tmp_path, limit=MANY)
    far = Far(400)
    forwarder(again, far).forward()
    assert again.figures().causes == [Refused(400, "bad: it is bad: here", 1)]


def test_what_waits_is_there_after_a_new_start_and_keeps_its_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=MANY)
    spool.put(arrivals(b"1", b"2"))
    spool.put(arrivals(b"3", token="other"))
    # Not closed: as after a kill.
    again = Spool(tmp_path, limit=MANY)
    far = Far()
    forwarder(again, far).forward()
    assert [(token, event) for token, event, _ in far.heard] == [
        ("t", b"1"), ("t", b"2"), ("other", b"3"),
    ]  # fmt: skip
    assert again.figures() == (0, 0, 0, None, [])


def test_a_token_of_the_relay_goes_before_those_of_senders(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=MANY)
    spool.put(arrivals(b"1"))
    far = Far()
    forwarder(spool, far, token="own").forward()
    assert [token for token, _, _ in far.heard] == ["own"]


def test_a_spool_that_is_full_refuses_and_takes_again_once_it_drained(tmp_path: Path) -> None:
    event = bytes(range(256))
    spool = Spool(tmp_path, limit=10 * len(pack(event)))
    for _ in range(10):
        spool.put(arrivals(event))
    with pytest.raises(Unavailable, match="holds its"):
        spool.put(arrivals(event))
    spool.settle([spool.page()[0].id])
    spool.put(arrivals(event))
    with pytest.raises(Unavailable, match="holds its"):
        spool.put(arrivals(event))
    assert spool.figures().waiting == 10


def test_once_all_is_delivered_neither_events_nor_tokens_are_on_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=MANY)
    token, event = "token-canary-4711", b"event-canary-4711" * 10_000
    spool.put([Arrival(event, token, 1)])
    files = list(tmp_path.iterdir())
    assert any(b"canary-4711" in path.read_bytes() for path in files)
    held = sum(path.stat().st_size for path in files)
    spool.settle([spool.page()[0].id])
    files = list(tmp_path.iterdir())
    assert not [path for path in files if b"canary-4711" in path.read_bytes()]
    assert sum(path.stat().st_size for path in files) < held - len(event)


def test_nobody_else_on_the_machine_reads_the_spool(tmp_path: Path) -> None:
    Spool(tmp_path / "spool", limit=MANY).put(arrivals(b"1"))
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()}
    assert modes == {0o600}


def test_a_spool_of_many_threads_keeps_each_event_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=MANY)
    far = Far()
    sender = forwarder(spool, far)

    def put(number: int) -> None:
        for place in range(25):
            spool.put(arrivals(b"%d:%d" % (number, place)))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        sender.forward()
    sender.forward()
    assert len(far.taken()) == len(set(far.taken())) == 100


def test_a_damaged_spool_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="SQLITE_NOTADB"):
        Spool(tmp_path, limit=MANY)


def test_looking_at_a_spool_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Spool(tmp_path / "none", limit=0, fresh=False)
    assert not (tmp_path / "none").exists()


def test_after_a_failed_write_nothing_is_taken_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, limit=MANY)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"

    class Failing:
        in_transaction = False

        def execute(self, *_: object) -> None:
            raise error

    whole = spool._database
    monkeypatch.setattr(spool, "_database", Failing())
    with pytest.raises(Unavailable, match="SQLITE_IOERR_FSYNC"):
        spool.put(arrivals(b"1"))
    monkeypatch.setattr(spool, "_database", whole)
    assert spool.broken
    with pytest.raises(Unavailable, match="a write failed before"):
        spool.put(arrivals(b"1"))


@pytest.mark.parametrize(
    "url", ["", "ftp://host", "localhost:5005", "http://", "http://h:x", "http://u:p@h"]
)
def test_what_is_no_address_of_a_server_is_refused_and_shows_no_password(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Target(url)
    assert "u:p" not in str(refused.value)


def test_a_server_that_is_not_there_gives_status_zero() -> None:
    target = Target("http://127.0.0.1:9", seconds=1)
    assert target.post(pack(b"{}"), "t") == Answer(0)


def test_in_a_workspace_the_relay_knows_its_server_and_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = workspace(tmp_path / "shop")
    monkeypatch.chdir(settings.folder)
    kept = settings.storage.data / "relay"
    assert _places("", None, None, needs_address=True) == ("http://127.0.0.1:5005", kept)
    assert _places("http://far", None, None, needs_address=True) == ("http://far", kept)
    assert _places("", tmp_path, None, needs_address=False) == ("", tmp_path)


def test_outside_a_workspace_the_relay_is_told_its_server_and_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _places("http://far", tmp_path, None, needs_address=True) == ("http://far", tmp_path)
    with pytest.raises(InvalidInput, match="no folder"):
        _places("http://far", None, None, needs_address=True)
    with pytest.raises(NotFound):
        _places("", None, None, needs_address=True)


@pytest.mark.parametrize("content", ["", " \n", "tok\ten", "t\u00f6ken", "to\nken"])
def test_a_file_without_a_token_that_can_be_sent_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content, "utf-8")
    with pytest.raises(Unavailable, match="no token"):
        read_token_file(tmp_path / "token")
