"""Releases of client and server that do not understand each other say so, and take nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from import_samples import serving_json
from tracehold_world import Api, complete, services_of, workspace

from tracehold.http.speaking import VersionSkew, check_client
from tracehold_dagster import skew
from tracehold_dagster.errors import VersionSkew as ClientSkew
from tracehold_dagster.sending import Sender


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with services_of(workspace(tmp_path / "shop")) as services:
        yield Api(services, services.settings)


@pytest.mark.parametrize(
    "said", [None, "", "curl/8.1", "x; protocol=9", skew.said(), "a/1; protocol=x"]
)
def test_this_client_and_those_that_say_nothing_pass(said: str | None) -> None:
    check_client(said)


@pytest.mark.parametrize(
    ("protocol", "advice"), [(0, "upgrade tracehold-dagster"), (2, "upgrade the Tracehold server")]
)
def test_whoever_is_behind_is_named(protocol: int, advice: str) -> None:
    with pytest.raises(VersionSkew, match=f"speaks protocol {protocol}") as raised:
        check_client(f"tracehold-dagster/9.1.0; protocol={protocol}")
    assert raised.value.advice == advice


def test_an_event_of_a_client_that_is_not_understood_is_not_taken(api: Api) -> None:
    def send(protocol: int, token: str | None) -> tuple[int, str]:
        headers = {"Tracehold-Client": f"tracehold-dagster/9; protocol={protocol}"}
        answer = api.send(
            "POST", "/api/v1/lineage", token=token, json=complete(), headers=headers
        )  # fmt: skip
        return answer.status_code, answer.json().get("code", "")

    size = api.services.journal.head().size
    assert send(7, api.token()) == (409, "version-skew")
    assert send(7, None) == (401, "unauthenticated")
    assert api.services.journal.head().size == size
    assert send(skew.PROTOCOL, api.token())[0] == 201


def test_the_client_says_what_the_server_says() -> None:
    refusal = {"code": "version-skew", "what": "too old for this", "advice": "upgrade x"}
    with pytest.raises(ClientSkew, match="too old for this") as raised:
        skew.check(409, refusal, "http://server")
    assert (raised.value.where, raised.value.advice) == ("http://server", "upgrade x")
    for status, answer in ((409, {"code": "conflict"}), (200, refusal), (409, None)):
        skew.check(status, answer, "http://server")


def test_the_client_sends_what_it_speaks() -> None:
    with serving_json(lambda path, query, body: {"duplicate": False}) as url:
        sender = Sender(url, "t")
        assert sender.send([complete()]).taken == 1
        assert sender._session is not None
        assert sender._session.headers["Tracehold-Client"] == skew.said()
        sender.close()
