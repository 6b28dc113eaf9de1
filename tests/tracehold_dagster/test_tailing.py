"""However an event log is kept and however far it was read, what it holds is sent, all of it."""

# Dagster compares the annotations of a context, so they are not put off here.
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest
from dagster_instances import consolidated, evaluate, in_postgres, sharded
from scripted_server import scripted

from tracehold_dagster import event_log, lineage_for
from tracehold_dagster.cursor import Cursor, Progress
from tracehold_dagster.errors import Unreachable
from tracehold_dagster.names import Naming
from tracehold_dagster.reading import read_graph, read_record
from tracehold_dagster.records import KINDS
from tracehold_dagster.sending import Delivery, encode
from tracehold_dagster.stored import page_of_all, page_of_run
from tracehold_dagster.tailing import Followed, Reading, flush, follow

Open = Callable[[Path], dg.DagsterInstance]


class Taker:
    """A server that keeps what it is sent, unless it is down."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.calls = 0
        self.down_from = -1

    def __call__(self, events: Sequence[dict[str, Any]]) -> Delivery:
        self.calls += 1
        if 0 <= self.down_from < self.calls:
            raise Unreachable("down")
        known = set(self.bodies)
        self.bodies += map(encode, events)
        return Delivery(len(events), sum(encode(event) in known for event in events))


@dg.asset
def raw() -> None: ...


@dg.asset(deps=[raw], retry_policy=dg.RetryPolicy(max_retries=1))
def clean(context: dg.AssetExecutionContext) -> None:
    if context.retry_number == 0:
        raise ValueError("not yet")


@dg.asset(deps=[clean])
def report() -> None:
    raise ValueError("never")


@dg.op
def greet(context: dg.OpExecutionContext) -> None:
    context.log.info("a line that is nobody's lineage")


@dg.job
def greetings() -> None:
    greet()


DEFS = dg.Definitions(assets=[raw, clean, report], jobs=[greetings])
READING = Reading(Naming("shop"), read_graph(DEFS))


class Ran(NamedTuple):
    """An instance with three runs: of assets that fail, of ops, of an asset that succeeds."""

    instance: dg.DagsterInstance
    run_ids: list[str]


@pytest.fixture(scope="module", params=[sharded, consolidated])
def before(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Open, Path, list[str]]:
    folder = tmp_path_factory.mktemp("instance")
    with request.param(folder) as instance:
        made = [
            dg.materialize([raw, clean, report], instance=instance, raise_on_error=False),
            greetings.execute_in_process(instance=instance),
            dg.materialize([raw], instance=instance),
        ]
    return request.param, folder, [one.run_id for one in made]


@pytest.fixture
def ran(before: tuple[Open, Path, list[str]], tmp_path: Path) -> Iterator[Ran]:
    opened, folder, run_ids = before
    with opened(Path(shutil.copytree(folder, tmp_path / "instance"))) as instance:
        yield Ran(instance, run_ids)


def whole(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> list[bytes]:
    """All events of some runs, each translated in one piece."""
    taker = Taker()
    flush(instance, run_ids, READING, taker)
    return sorted(taker.bodies)


def kept(followed: Followed) -> set[str]:
    """The runs that a cursor holds."""
    return {run_id for run_id in Cursor.read(followed.cursor).runs if run_id}


def to_the_end(instance: dg.DagsterInstance, taker: Taker, cursor: str | None = None) -> Followed:
    """Read until nothing is behind; what fails is tried again with the server up."""
    followed = follow(instance, cursor, READING, taker)
    while followed.behind:
        taker.down_from = -1
        followed = follow(instance, followed.cursor, READING, taker)
    return followed


def test_everything_is_sent_once_and_then_nothing_more(ran: Ran) -> None:
    taker = Taker()
    first = to_the_end(ran.instance, taker)
    assert sorted(taker.bodies) == whole(*ran)
    assert len(set(taker.bodies)) == len(taker.bodies) > 10
    again = follow(ran.instance, first.cursor, READING, taker)
    assert (again.records, again.delivery) == (0, Delivery())


def test_rows_say_of_a_record_what_dagster_says_of_it(ran: Ran) -> None:
    storage = ran.instance.event_log_storage
    kinds = {kind for kind in dg.DagsterEventType if kind.value in KINDS}
    for run_id in ran.run_ids:
        page = ran.instance.get_records_for_run(run_id, None, kinds)
        expected = [read_record(one) for one in page.records]
        found = page_of_run(storage, run_id, None, kinds, 1_000)
        assert found == (expected, page.cursor)
        assert page_of_run(storage, run_id, page.cursor, kinds, 1_000) == ([], page.cursor)
    if not storage.is_run_sharded:
        entries = storage.get_logs_for_all_runs_by_log_id(after_cursor=0)
        read = page_of_all(storage, 0, 1_000) or []
        assert [one.storage_id for one in read] == list(entries)
        wanted = {one.storage_id: one for one in read if one.kind in KINDS}
        for place, one in wanted.items():
            assert one == read_record(dg.EventLogRecord(place, entries[place]))


def test_the_sensor_sends_all_of_it_and_then_nothing_more(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    taker = Taker()

    def answer(_: str, events: Any) -> tuple[int, Any]:
        delivery = taker(events)
        return 200, {"summary": {"duplicates": delivery.duplicates}, "failed_events": []}

    defs = dg.Definitions.merge(DEFS, lineage_for(namespace="shop"))
    with scripted(answer) as server:
        monkeypatch.setenv("TRACEHOLD_URL", server.url)
        cursor, said = evaluate(defs, ran.instance)
        assert said.startswith(f"{len(taker.bodies)} events of ")
        assert sorted(taker.bodies) == whole(*ran)
        assert evaluate(defs, ran.instance, cursor)[1] == "0 events of 0 records sent"


@pytest.mark.slow
@pytest.mark.postgres
def test_a_log_in_postgresql_is_read_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_postgres() as instance:
        made = [
            dg.materialize([raw, clean, report], instance=instance, raise_on_error=False),
            greetings.execute_in_process(instance=instance),
        ]
        ran = Ran(instance, [one.run_id for one in made])
        test_rows_say_of_a_record_what_dagster_says_of_it(ran)
        test_the_sensor_sends_all_of_it_and_then_nothing_more(ran, monkeypatch)
        test_pages_of_any_length_give_the_same_events(ran, 3, monkeypatch)
        test_what_comes_later_is_found_behind_the_cursor(ran)
        test_what_was_wiped_is_sent_though_no_run_did_it(ran)


def test_what_comes_later_is_found_behind_the_cursor(ran: Ran) -> None:
    taker = Taker()
    cursor = to_the_end(ran.instance, taker).cursor
    later = dg.materialize([raw], instance=ran.instance)
    to_the_end(ran.instance, taker, cursor)
    assert sorted(taker.bodies) == whole(ran.instance, [*ran.run_ids, later.run_id])


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_pages_of_any_length_give_the_same_events(
    ran: Ran, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(*ran)
    monkeypatch.setattr(event_log, "_PAGE", page)
    monkeypatch.setattr(event_log, "_RUNS", page)
    taker = Taker()
    cursor: str | None = None
    for _ in range(1_000):
        # Without time to spare each reading ends behind its first part.
        followed = follow(ran.instance, cursor, READING, taker, seconds=-1)
        cursor = followed.cursor
        if not followed.behind:
            break
    assert sorted(taker.bodies) == expected


@pytest.mark.parametrize("down_from", range(4))
def test_a_server_that_goes_down_misses_nothing(
    ran: Ran, down_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(*ran)
    monkeypatch.setattr(event_log, "_PAGE", 5)
    monkeypatch.setattr("tracehold_dagster.tailing._EVENTS", 3)
    taker = Taker()
    taker.down_from = down_from
    first = follow(ran.instance, None, READING, taker)
    assert isinstance(first.error, Unreachable)
    assert first.behind
    assert first.delivery.taken == len(taker.bodies)
    to_the_end(ran.instance, taker, first.cursor)
    assert sorted(taker.bodies) == expected


def test_what_was_wiped_is_sent_though_no_run_did_it(ran: Ran) -> None:
    cursor = to_the_end(ran.instance, Taker()).cursor
    ran.instance.wipe_assets([dg.AssetKey("raw"), dg.AssetKey("of_another_location")])
    taker = Taker()
    to_the_end(ran.instance, taker, cursor)
    assert len(taker.bodies) == 1
    assert b'"dagster.wipe"' in taker.bodies[0]


def test_runs_of_others_are_left_out_and_not_kept(ran: Ran) -> None:
    taker = Taker()
    some = Reading(READING.naming, READING.graph, wanted=lambda run: run.job == "greetings")
    followed = follow(ran.instance, None, some, taker)
    assert sorted(taker.bodies) == whole(ran.instance, ran.run_ids[1:2])
    assert kept(followed) <= {ran.run_ids[1]}


def test_a_run_that_is_gone_is_forgotten(ran: Ran) -> None:
    cursor = Cursor.read(follow(ran.instance, None, READING, Taker()).cursor)
    for run_id in ran.run_ids:
        ran.instance.delete_run(run_id)
        cursor.runs[run_id] = Progress(carried={"of_assets": True})
    assert not kept(follow(ran.instance, cursor.text(), READING, Taker()))


def test_a_run_is_forgotten_when_it_can_have_no_more_to_say(ran: Ran) -> None:
    taker = Taker()
    cursor = follow(ran.instance, None, READING, taker).cursor
    later = follow(ran.instance, cursor, READING, taker, clock=lambda: time.time() + 3600)
    assert not kept(later)
    assert sorted(taker.bodies) == whole(*ran)


@pytest.mark.parametrize("odd", ["", "1234", '{"version": 0}', "[]", "none", '{"version": 1}'])
def test_a_cursor_of_somebody_else_begins_again(odd: str) -> None:
    assert Cursor.read(odd) == Cursor()


def test_a_missing_id_is_waited_for_while_it_may_still_come(tmp_path: Path) -> None:
    with consolidated(tmp_path) as instance:
        run_id = dg.materialize([raw], instance=instance).run_id
        expected = whole(instance, [run_id])
        database = sqlite3.connect(tmp_path / "history" / "event_log.db")
        held = database.execute("SELECT * FROM event_logs WHERE id = 12").fetchone()
        with database:
            database.execute("DELETE FROM event_logs WHERE id = 12")
        taker = Taker()
        early = follow(instance, None, READING, taker)
        assert early.records == 11
        assert not early.behind
        with database:
            database.execute(f"INSERT INTO event_logs VALUES ({', '.join('?' * len(held))})", held)
        database.close()
        follow(instance, early.cursor, READING, taker)
        assert sorted(taker.bodies) == expected


def test_an_id_that_never_comes_is_passed_after_a_while(tmp_path: Path) -> None:
    with consolidated(tmp_path) as instance:
        dg.materialize([raw], instance=instance)
        with closing(sqlite3.connect(tmp_path / "history" / "event_log.db")) as database:
            database.execute("DELETE FROM event_logs WHERE id = 12")
            database.commit()
            (last,) = database.execute("SELECT max(id) FROM event_logs").fetchone()
        passed = follow(instance, None, READING, Taker(), clock=lambda: time.time() + 60)
        assert Cursor.read(passed.cursor).log == last


@pytest.mark.filterwarnings("ignore")
def test_an_entry_that_dagster_cannot_read_holds_up_no_other(tmp_path: Path) -> None:
    with consolidated(tmp_path) as instance:
        dg.materialize([raw], instance=instance)
        with closing(sqlite3.connect(tmp_path / "history" / "event_log.db")) as database:
            database.execute("UPDATE event_logs SET event = '{' WHERE id IN (1, 3)")
            database.commit()
            (last,) = database.execute("SELECT max(id) FROM event_logs").fetchone()
        taker = Taker()
        passed = to_the_end(instance, taker)
        assert Cursor.read(passed.cursor).log == last
        assert taker.bodies
