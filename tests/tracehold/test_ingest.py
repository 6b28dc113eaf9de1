"""Ingest: batches, what a bound token may report, and what an overloaded server answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracehold_world import HOST, Api, complete, services_of, workspace

from lineage.errors import Denied, Unavailable
from lineage.facts import Receipt
from lineage.journal import sequencer
from lineage.openlineage.read import BATCH_EVENTS
from tracehold.http.batch import pieces, report
from tracehold.questions import answer
from tracehold.settings import load

LINEAGE = "/api/v1/lineage"
BATCH = "/api/v1/lineage/batch"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        yield Api(services, settings)


def recorded(api: Api, receipt: str) -> Any:
    return answer(api.services, "fact", {"id": receipt})


# Batches


def test_a_batch_is_answered_event_by_event_and_a_bad_one_stops_no_other(api: Api) -> None:
    good = [complete(number=number) for number in (1, 2, 3)]
    batch = [good[0], {"job": {"namespace": "shop"}}, 7, good[1], good[0], good[2]]
    told = api.send("POST", BATCH, token=api.token(), json=batch)
    assert told.status_code == 200
    said = told.json()
    assert said["status"] == "partial_success"
    assert said["summary"] == {
        "received": 6, "successful": 4, "failed": 2, "retriable": 0, "non_retriable": 2,
        "duplicates": 1,
    }  # fmt: skip
    assert [(one["index"], one["code"], one["where"]) for one in said["failed_events"]] == [
        (1, "no-identity", "/job/name"),
        (2, "not-an-event", ""),
    ]
    for one in said["failed_events"]:
        assert one["reason"]
        assert one["advice"]
        assert one["retriable"] is False
    receipts = said["receipts"]
    assert [receipt is None for receipt in receipts] == [False, True, True, False, False, False]
    assert receipts[4] == receipts[0]
    for event, receipt in ((good[0], receipts[0]), (good[1], receipts[3]), (good[2], receipts[5])):
        assert recorded(api, receipt)["event"] == event
    positions = [recorded(api, receipts[place])["position"] for place in (0, 3, 5)]
    assert positions == sorted(positions)


def test_the_answer_to_a_batch_has_the_form_of_the_specification(api: Api) -> None:
    """OpenLineage/spec/OpenLineage.yml, ``postEventBatch``, written out."""
    for batch in ([], [complete()], [complete(), None]):
        said = api.send("POST", BATCH, token=api.token(), json=batch).json()
        assert said["status"] in ("success", "partial_success")
        assert (said["status"] == "success") is not any(one is None for one in batch)
        summary = said["summary"]
        assert all(isinstance(summary[name], int) for name in ("received", "successful", "failed"))
        assert summary["received"] == len(batch) == summary["successful"] + summary["failed"]
        for one in said["failed_events"]:
            assert isinstance(one["index"], int)
            assert isinstance(one["reason"], str)
            assert isinstance(one["retriable"], bool)


def test_an_event_is_the_same_alone_and_in_a_batch(api: Api) -> None:
    first = api.send("POST", LINEAGE, token=api.token(), json=complete()).json()["receipt"]
    said = api.send("POST", BATCH, token=api.token(), json=[complete()]).json()
    assert said["receipts"] == [first]
    assert said["summary"]["duplicates"] == 1


def test_a_batch_of_many_pieces_is_taken_packed_and_chunked(api: Api) -> None:
    raw = json.dumps([complete(number=number) for number in range(1_000)]).encode()
    packed = gzip.compress(raw)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(packed), 777):
            yield packed[start : start + 777]

    told = api.send(
        "POST", BATCH, token=api.token(), content=chunks(), headers={"content-encoding": "gzip"}
    )
    assert told.json()["summary"]["successful"] == 1_000
    api.services.catch_up()
    assert api.services.state.count("Run") == 1_000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not-an-event"),
        (b"{}", 400, "not-an-event"),
        (b"[{}", 400, "not-an-event"),
        (b'[{"a": "\xff"}]', 200, None),
        (b"[" * 100_000, 400, "too-deep"),
        (b"[" + b"1," * BATCH_EVENTS + b"1]", 413, "too-large"),
        (b" " * (32 * 2**20 + 1), 413, "too-large"),
    ],
)
def test_what_is_no_batch_is_refused_whole(
    api: Api, body: bytes, status: int, code: str | None
) -> None:
    before = api.services.journal.head().size
    told = api.send("POST", BATCH, token=api.token(), content=body)
    assert told.status_code == status
    assert told.json().get("code") == code
    assert api.services.journal.head().size == before


def test_who_may_not_report_may_not_in_a_batch(api: Api) -> None:
    for token in (None, api.hire("audit", "auditor")):
        told = api.send("POST", BATCH, token=token, json=[complete()])
        assert told.status_code == (401 if token is None else 403)


def test_a_batch_of_which_nothing_can_be_taken_now_is_503_and_repeated(api: Api) -> None:
    api.services.journal.close()
    for path, body in ((LINEAGE, complete()), (BATCH, [complete(), complete(number=2)])):
        told = api.send("POST", path, token=api.token(), json=body)
        assert told.status_code == 503
        assert int(told.headers["retry-after"]) > 0
        assert told.json()["code"] == "unavailable"
    # What is wrong for good is told even then, for repeating it would not help.
    told = api.send("POST", BATCH, token=api.token(), json=[complete(), {}])
    assert told.status_code == 200
    assert told.json()["summary"]["retriable"] == 1


def test_a_report_tells_what_may_be_sent_again() -> None:
    said = report([Receipt("a", None), Unavailable("full"), Denied("no")])
    assert [one["retriable"] for one in said["failed_events"]] == [True, False]
    assert (said["summary"]["retriable"], said["summary"]["non_retriable"]) == (1, 1)
    with pytest.raises(Unavailable):
        report([Unavailable("full")])


@given(st.lists(st.integers(1, 600_000), max_size=40) | st.lists(st.just(10), max_size=900))
def test_pieces_are_the_events_in_order_and_small(sizes: list[int]) -> None:
    events = [msgspec.Raw(b"1" * size) for size in sizes]
    found = list(pieces(events))
    assert [bytes(event) for some in found for event in some] == [bytes(event) for event in events]
    for some in found:
        assert len(some) <= 256
        assert len(some) == 1 or sum(memoryview(event).nbytes for event in some) <= 1024 * 1024


# What a bound token may report


def facet(**members: Any) -> dict[str, Any]:
    own = {"_producer": "https://example.org/t", "_schemaURL": "https://example.org/facet.json"}
    return own | members


def moving(source: str, target: str, **more: Any) -> dict[str, Any]:
    return complete(namespace="jobs") | {
        "inputs": [{"namespace": source, "name": "in"} | more],
        "outputs": [{"namespace": target, "name": "out"}],
    }


@pytest.fixture
def bound(api: Api) -> str:
    return api.hire("etl", "producer", namespaces=["jobs", "postgres://sales:5432", "lake-*"])


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (moving("hr", "lake-1"), None),
        (moving("lake-1", "postgres://sales:5432"), None),
        (moving("lake-1", "postgres://hr:5432"), "/outputs/0/namespace"),
        (moving("lake-1", "lake-1") | {"job": {"namespace": "hr", "name": "x"}}, "/job/namespace"),
        ({"dataset": {"namespace": "lake-9", "name": "x"}}, None),
        ({"dataset": {"namespace": "hr", "name": "x"}}, "/dataset/namespace"),
        ({"job": {"namespace": "jobs", "name": "x"}, "outputs": [3, {"namespace": 7}]}, None),
    ],
)
def test_jobs_and_outputs_lie_in_the_namespaces_of_the_token(
    api: Api, bound: str, event: dict[str, Any], where: str | None
) -> None:
    told = api.send("POST", LINEAGE, token=bound, json=event)
    in_batch = api.send("POST", BATCH, token=bound, json=[event]).json()
    if where is None:
        assert told.status_code == 201
        assert in_batch["receipts"] == [told.json()["receipt"]]
    else:
        assert (told.status_code, told.json()["where"]) == (403, where)
        assert in_batch["receipts"] == [None]
        assert in_batch["failed_events"][0]["where"] == where
        assert in_batch["failed_events"][0]["retriable"] is False


def test_what_others_declare_of_an_input_is_set_aside_and_what_was_seen_counts(
    api: Api, bound: str
) -> None:
    seen = {
        "schema": facet(fields=[{"name": "mail"}]),
        "tracehold_training": facet(role="train"),
    }
    declared = {
        "ownership": facet(owners=[{"name": "team:me"}]),
        "tracehold_license": facet(declared="CC0-1.0"),
        "lifecycleStateChange": facet(lifecycleStateChange="DROP"),
    }
    event = moving("hr", "lake-1", facets=seen | declared)
    receipt = api.send("POST", LINEAGE, token=bound, json=event).json()["receipt"]
    fact = recorded(api, receipt)
    assert fact["event"]["inputs"][0]["facets"].keys() == seen.keys()
    assert [one["at"] for one in fact["findings"] if one["code"] == "facet-not-yours"] == [
        f"/inputs/0/facets/{name}" for name in sorted(declared)
    ]
    [stored] = api.services.journal.read(fact["position"] - 1, 1)
    raw = api.services.journal.get(stored.fact_id).raw
    assert raw is not None
    assert json.loads(raw) == event
    api.services.catch_up()
    held = answer(api.services, "dataset", {"ref": "dataset:[hr]in"})
    assert not {"ownership", "license", "lifecycle"} & held["aspects"].keys()
    assert [one["field"] for one in held["columns"]] == ["mail"]


def test_what_is_declared_of_ones_own_counts(api: Api, bound: str) -> None:
    declared = {"ownership": facet(owners=[{"name": "team:me"}])}
    event = moving("lake-1", "lake-1", facets=declared)
    event["outputs"][0]["facets"] = declared
    for token in (bound, api.token()):
        receipt = api.send("POST", LINEAGE, token=token, json=event).json()["receipt"]
        assert recorded(api, receipt)["event"] == event


# Overload


def test_more_than_fits_is_503_and_is_taken_once_there_is_room(tmp_path: Path) -> None:
    made = workspace(tmp_path / "shop")
    settings = load(made.folder, environ={"TRACEHOLD_SERVER_MAX_EVENT_BYTES": "2000"})
    token = (settings.tokens / "admin").read_text().strip()
    body = msgspec.json.encode(complete())
    body += b" " * (2_000 - len(body))
    headers = {"authorization": f"Bearer {token}"}

    async def crowd(api: Api) -> tuple[list[httpx.Response], httpx.Response]:
        go = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield body[:-1]
            await go.wait()
            yield body[-1:]

        transport = httpx.ASGITransport(app=api.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            asked = [
                asyncio.create_task(client.post(LINEAGE, content=slow(), headers=headers))
                for _ in range(12)
            ]
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            assert all(one.result().status_code == 503 for one in done)
            go.set()
            answers = await asyncio.gather(*asked)
            return answers, await client.post(LINEAGE, content=body, headers=headers)

    with services_of(settings) as services:
        answers, after = asyncio.run(crowd(Api(services, settings)))
    refused = [one for one in answers if one.status_code == 503]
    assert {one.status_code for one in answers} == {201, 503}
    assert len(answers) - len(refused) >= 7
    for one in refused:
        assert int(one.headers["retry-after"]) > 0
        assert one.json()["advice"]
    assert after.status_code == 201


def test_what_waits_for_the_disk_is_bounded_and_more_of_it_is_503(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "WAITING_BYTES", 1)
    queue = api.services.journal._sequencer
    disk = threading.Event()
    queue._put(sequencer._Job(Future(), work=disk.wait))
    headers = {"authorization": f"Bearer {api.token()}"}

    async def crowd() -> tuple[list[httpx.Response], httpx.Response]:
        transport = httpx.ASGITransport(app=api.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:

            def post(path: str, body: Any) -> Any:
                content = msgspec.json.encode(body)
                return asyncio.create_task(client.post(path, content=content, headers=headers))

            first = post(LINEAGE, complete())
            while not queue._waiting:
                await asyncio.sleep(0.001)
            more = [post(LINEAGE, complete(number=2)), post(BATCH, [complete(number=3)])]
            refused = await asyncio.gather(*more)
            disk.set()
            return refused, await first

    refused, taken = asyncio.run(crowd())
    assert [one.status_code for one in refused] == [503, 503]
    assert all(int(one.headers["retry-after"]) > 0 for one in refused)
    assert taken.status_code == 201


def test_events_of_a_batch_are_counted_one_by_one(api: Api) -> None:
    api.send("POST", BATCH, token=api.token(), json=[complete(), complete(), {}, complete("b")])
    api.send("POST", BATCH, token=api.token(), json={})
    told = api.send("GET", "/metrics", token=api.token()).text
    for outcome, count in (("accepted", 2), ("duplicate", 1), ("no-identity", 1)):
        assert f'tracehold_events_total{{outcome="{outcome}"}} {count}\n' in told
    assert 'tracehold_events_total{outcome="not-an-event"} 1\n' in told
    taken = [complete(), complete(), complete("b")]
    size = sum(len(msgspec.json.encode(event)) for event in taken)
    assert f"tracehold_event_bytes_total {size}\n" in told
