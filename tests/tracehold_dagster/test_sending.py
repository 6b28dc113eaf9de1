"""Only what the server has answered counts as sent; everything else is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openlineage_events import run_event
from running_server import RunningServer, make_workspace, serving
from scripted_server import scripted

from tracehold_dagster.errors import Misconfigured, NotAllowed, Unreachable
from tracehold_dagster.sending import Delivery, Refusal, Sender, encode


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(make_workspace(tmp_path_factory.mktemp("sending") / "workspace")) as running:
        yield running


@pytest.fixture
def sender(server: RunningServer) -> Iterator[Sender]:
    sender = Sender(server.url, server.token)
    yield sender
    sender.close()


def events(name: str, count: int) -> list[dict[str, Any]]:
    return [
        run_event("START", number, job=name, run=f"{name}-{number}", outputs=[name])
        for number in range(count)
    ]


def test_events_are_taken_once_however_often_and_however_grouped_they_are_sent(
    sender: Sender,
) -> None:
    some = events("often", 7)
    assert sender.send(some) == Delivery(taken=7)
    assert sender.send(some[:1]) == Delivery(taken=1, duplicates=1)
    assert sender.send(some) == Delivery(taken=7, duplicates=7)


def test_what_is_no_event_is_refused_by_name_and_stops_no_other(sender: Sender) -> None:
    ill = {"job": {"name": "ill"}}
    delivery = sender.send([*events("around", 1), ill, *events("behind", 1)])
    assert delivery.taken == 2
    assert [one.job for one in delivery.refused] == ["ill"]
    assert delivery.refused == sender.send([ill]).refused


def test_a_body_that_cannot_be_read_costs_only_the_event_in_it(sender: Sender) -> None:
    ill = {**events("ill", 1)[0], "run": {"runId": "x", "facets": {"f": {"v": float("nan")}}}}
    delivery = sender.send([*events("many", 5), ill])
    assert (delivery.taken, len(delivery.refused)) == (5, 1)


def test_a_wrong_token_is_an_error_that_says_what_to_set(server: RunningServer) -> None:
    with pytest.raises(NotAllowed, match="TRACEHOLD_TOKEN"):
        Sender(server.url, "th_wrong").send(events("wrong", 2))


def test_an_address_that_is_none_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(Misconfigured, match="TRACEHOLD_URL"):
        Sender("localhost:80", None)


def test_a_server_that_is_down_is_an_error_that_says_that_nothing_is_lost() -> None:
    with scripted(lambda *_: (200, {})) as gone:
        pass
    with pytest.raises(Unreachable, match="nothing is lost"):
        Sender(gone.url, "token", timeout=2).send(events("down", 1))


def test_a_server_without_batches_gets_its_events_one_by_one() -> None:
    with scripted(lambda path, _: (404 if path.endswith("batch") else 201, {})) as old:
        sender = Sender(old.url, "token")
        assert sender.send(events("old", 3)) == Delivery(taken=3)
        sender.close()
    assert [path for path, _ in old.asked] == ["/api/v1/lineage/batch", *["/api/v1/lineage"] * 3]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_cannot_take_it_now_is_told_from_one_that_never_will(status: int) -> None:
    with scripted(lambda *_: (status, {})) as ill, pytest.raises(Unreachable, match=str(status)):
        Sender(ill.url, "token").send(events("ill", 2))


@pytest.mark.parametrize(
    ("failed", "error"),
    [
        ({"index": 1, "retriable": True, "code": "unavailable"}, Unreachable),
        ({"index": 1, "retriable": False, "code": "denied", "reason": "not yours"}, NotAllowed),
    ],
)
def test_one_event_that_may_be_taken_later_holds_back_its_batch(
    failed: dict[str, Any], error: type[Exception]
) -> None:
    answer = {"summary": {"duplicates": 0}, "failed_events": [failed]}
    with scripted(lambda *_: (200, answer)) as ill, pytest.raises(error):
        Sender(ill.url, "token").send(events("part", 2))


def test_a_batch_that_is_too_large_is_halved_until_it_fits() -> None:
    def answer(_: str, body: Any) -> tuple[int, Any]:
        several = isinstance(body, list) and len(body) > 2
        return (413 if several else 200), {}

    with scripted(answer) as small:
        sender = Sender(small.url, "token")
        assert sender.send(events("large", 8)) == Delivery(taken=8)
        sender.close()
    sizes = [len(body) if isinstance(body, list) else 1 for _, body in small.asked]
    assert sizes == [8, 4, 2, 2, 4, 2, 2]


def test_a_redirection_does_not_carry_the_token_elsewhere() -> None:
    with scripted(lambda *_: (307, {})) as away, pytest.raises(Unreachable, match="no Tracehold"):
        Sender(away.url, "token").send(events("away", 2))


@pytest.mark.parametrize("status", [400, 413])
def test_a_refusal_by_what_is_no_tracehold_loses_nothing(status: int) -> None:
    with scripted(lambda *_: (status, "no")) as proxy, pytest.raises(Unreachable, match="HTTP"):
        Sender(proxy.url, "token").send(events("proxy", 3))


def test_refusals_add_up() -> None:
    one, other = Refusal("a", "x"), Refusal("b", "y")
    total = Delivery(1, 0, (one,)) + Delivery(2, 1, (other,))
    assert total == Delivery(3, 1, (one, other))


def test_the_bytes_of_an_event_do_not_depend_on_the_order_of_its_members() -> None:
    assert encode({"b": 1, "a": "é"}) == encode({"a": "é", "b": 1}) == b'{"a":"\\u00e9","b":1}'
