"""The HTTP interface: nobody passes without a person, and bad input is answered, never a fault."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from attacked import census
from fastapi.routing import APIRoute
from tracehold_world import Api, Clockwork, ask_raw, complete, services_of, workspace

from tracehold.acts import perform
from tracehold.http.app import PUBLIC, create_routes
from tracehold.http.gatekeeper import Gatekeeper
from tracehold.http.metrics import Metrics
from tracehold.logins import CODE_MILLIS

LINEAGE = "/api/v1/lineage"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop")
    with services_of(settings) as services:
        yield Api(services, settings)


def test_every_route_but_the_public_ones_answers_401_to_a_stranger(api: Api) -> None:
    routes = census(api)
    assert len(routes) > 60
    for method, path in routes:
        if path in PUBLIC or path.startswith("/static"):
            continue
        for headers in (
            {},
            {"authorization": "Bearer th_wrong"},
            {"cookie": "tracehold_session=x"},
        ):
            answer = api.send(method, path, headers=headers)
            assert answer.status_code == 401, (method, path, headers)
            if method != "HEAD":
                assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("target", ["/api/v1/overview", "/metrics", "/openapi.json", "/"])
def test_spelling_a_public_path_otherwise_opens_nothing(api: Api, target: str) -> None:
    before = ("/health", "/login", "/static")
    between = (
        "/..",
        ";",
        "%2f..",
        "/%2e%2e",
        "/..%2f..",
        "\\..",
        "/",
        "%00",
        "/.%2e",
        "%3b",
        "?x=",
    )
    spellings = [f"{public}{glue}{target}" for public in before for glue in between]
    spellings += [
        f"{target}{glue}{public}" for public in before for glue in (";", "%3b", "/..", "/")
    ]
    spellings += [f"//health{target}", f"/HEALTH{target}", f"/./{target}", target.upper() + "%20"]
    for path in spellings:
        status, body = ask_raw(api, path)
        # What stands behind a question mark does not change which page is asked for.
        if path not in (f"/health?x={target}", f"/login?x={target}"):
            assert status == 401, path
        assert b"known_at" not in body, path
        assert b"paths" not in body, path


def test_the_openapi_document_is_the_route_census(api: Api) -> None:
    app = create_routes(api.services, Metrics())
    described = {
        (method.upper(), path) for path, ways in app.openapi()["paths"].items() for method in ways
    }
    served = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert described == served
    shown = api.send("GET", "/openapi.json", token=api.token())
    assert shown.json()["paths"].keys() == {path for _, path in served}


def test_the_api_page_shows_every_route_and_needs_no_network(api: Api) -> None:
    page = api.send("GET", "/api", token=api.token())
    assert page.status_code == 200
    for path in api.send("GET", "/openapi.json", token=api.token()).json()["paths"]:
        assert path in page.text
    assert "://" not in page.text
    assert "<script" not in page.text


def test_an_event_is_answered_201_and_is_in_the_state(api: Api) -> None:
    answer = api.send("POST", LINEAGE, token=api.token(), json=complete())
    assert answer.status_code == 201
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["receipt"])
    api.services.catch_up()
    shown = api.send("GET", "/api/v1/dataset?ref=clean_1", token=api.token())
    assert shown.json()["ref"] == "dataset:[shop]clean_1"


def test_a_repeated_event_gets_the_first_receipt(api: Api) -> None:
    first = api.send("POST", LINEAGE, token=api.token(), json=complete()).json()
    again = api.send("POST", LINEAGE, token=api.token(), json=complete())
    assert again.status_code == 201
    assert again.json() == {"receipt": first["receipt"], "duplicate": True}
    assert api.services.journal.head().size == api.services.catch_up()


async def pieces(raw: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("members", [1, 3])
def test_gzip_is_read_whole_or_chunked_in_one_member_or_several(
    api: Api, chunked: bool, members: int
) -> None:
    raw = json.dumps(complete() | {"padding": "x" * 600_000}).encode()
    size = -(-len(raw) // members)
    packed = b"".join(
        gzip.compress(raw[start : start + size]) for start in range(0, len(raw), size)
    )
    body: Any = pieces(packed) if chunked else packed
    headers = {"content-encoding": "gzip", "content-type": "application/json; charset=UTF-8"}
    answer = api.send("POST", LINEAGE, token=api.token(), content=body, headers=headers)
    assert answer.status_code == 201


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()


HOSTILE: list[tuple[str, bytes, dict[str, str], int]] = [
    ("empty", b"", {}, 400),
    ("not json", b"{", {}, 400),
    ("a list", b"[]", {}, 400),
    ("a number", b"1", {}, 400),
    ("no identity", b"{}", {}, 400),
    ("job is null", b'{"job": null}', {}, 400),
    ("job without name", b'{"job": {"namespace": "n"}}', {}, 400),
    ("name is a number", b'{"job": {"namespace": "n", "name": 1}}', {}, 400),
    ("nan", b'{"job": {"namespace": "n", "name": "x"}, "run": NaN}', {}, 400),
    ("not utf-8", b'{"job": {"namespace": "n", "name": "\xff"}}', {}, 400),
    ("byte order mark", b"\xef\xbb\xbf{}", {}, 400),
    ("deep", b'{"job": {"namespace": "n", "name": "x"}, "a": ' + b"[" * 100_000, {}, 400),
    ("deep and closed", b'{"job":{"namespace":"n","name":"x"},"a":' + b"[" * 50_000 + b"]" * 50_000
     + b"}", {}, 400),
    ("broken gzip", b"\x1f\x8b\x08\x00garbage", {"content-encoding": "gzip"}, 400),
    ("gzip cut off", gzip.compress(b"{}" * 999)[:-9], {"content-encoding": "gzip"}, 400),
    ("no gzip at all", b"{}", {"content-encoding": "gzip"}, 400),
    ("many empty members", gzip.compress(b"") * 5_000, {"content-encoding": "gzip"}, 400),
    ("a bomb", bomb(40), {"content-encoding": "gzip"}, 413),
    ("other encoding", b"{}", {"content-encoding": "br"}, 415),
    ("two encodings", b"{}", {"content-encoding": "gzip, gzip"}, 415),
    ("too large", b" " * (32 * 2**20 + 1), {}, 413),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "headers", "status"), [one[1:] for one in HOSTILE], ids=[one[0] for one in HOSTILE]
)
def test_a_hostile_body_is_answered_with_what_is_wrong(
    api: Api, body: bytes, headers: dict[str, str], status: int
) -> None:
    before = api.services.journal.head().size
    answer = api.send("POST", LINEAGE, token=api.token(), content=body, headers=headers)
    assert answer.status_code == status
    said = answer.json()
    assert said.keys() == {"code", "what", "where", "advice"}
    assert said["what"]
    if status == 413:
        assert re.search("33554432|100 times", said["what"] + said["advice"])
    assert api.services.journal.head().size == before


def test_a_body_too_large_in_chunks_is_refused_before_it_is_whole(api: Api) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 2**20
            yield b" " * 2**20

    answer = api.send("POST", LINEAGE, token=api.token(), content=endless())
    assert answer.status_code == 413
    assert sent < 200 * 2**20


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": ""}, 403),
        ({"host": "127.0.0.1.evil.example:5005"}, 403),
        ({"host": "localhost:5005"}, 200),
        ({"host": "[::1]:5005"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "http://127.0.0.1:5005"}, 200),
        ({"origin": "http://["}, 403),
    ],
)
def test_other_hosts_and_other_sites_are_refused_even_with_a_token(
    api: Api, headers: dict[str, str], status: int
) -> None:
    answer = api.send("GET", "/api/v1/overview", token=api.token(), headers=headers)
    assert answer.status_code == status


def test_every_answer_carries_the_security_headers_and_none_allows_other_origins(api: Api) -> None:
    for path, token in (("/health", None), ("/api/v1/overview", None), ("/api", api.token())):
        answer = api.send("GET", path, token=token)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_a_producer_reports_its_own_namespaces_and_asks_nothing(api: Api) -> None:
    token = api.hire("etl", "producer", namespaces=["sales.*"])
    good = api.send("POST", LINEAGE, token=token, json=complete(namespace="sales.eu"))
    assert good.status_code == 201
    bad = api.send("POST", LINEAGE, token=token, json=complete(namespace="hr"))
    assert bad.status_code == 403
    assert bad.json()["where"] == "/job/namespace"
    assert api.send("GET", "/api/v1/overview", token=token).status_code == 403


def test_an_auditor_asks_and_changes_nothing(api: Api) -> None:
    token = api.hire("audit", "auditor")
    assert api.send("GET", "/api/v1/overview", token=token).status_code == 200
    assert api.send("POST", LINEAGE, token=token, json=complete()).status_code == 403
    for act in ("person.add", "hold.place", "deletion.request", "waiver.grant"):
        answer = api.send("POST", f"/api/v1/acts/{act}", token=token, content=b"not json")
        # The role is asked before the body is read.
        assert answer.status_code == 403


def test_a_revoked_token_and_a_disabled_person_are_out_at_once(api: Api) -> None:
    token = api.hire("mary", "auditor")
    admin = api.token()
    assert api.send("GET", "/api/v1/overview", token=token).status_code == 200
    api.send("POST", "/api/v1/acts/person.disable", token=admin, json={"person": "mary"})
    assert api.send("GET", "/api/v1/overview", token=token).status_code == 401

    other = api.hire("paul", "auditor")
    token_id = other.split("_")[2]
    body = {"person": "paul", "token": token_id}
    api.send("POST", "/api/v1/acts/token.revoke", token=admin, json=body)
    assert api.send("GET", "/api/v1/overview", token=other).status_code == 401


def test_who_is_disabled_while_sending_a_body_does_not_act(api: Api) -> None:
    token = api.hire("mary", "approver")
    waiver = {"model": "m@1", "scope": "license", "reason": "mine", "expires": "2030-01-01"}

    async def slow() -> AsyncIterator[bytes]:
        yield b" "
        admin = api.services.people.by_token(api.token())
        perform(api.services, admin, "person.disable", {"person": "mary"})
        yield msgspec.json.encode(waiver)

    answer = api.send("POST", "/api/v1/acts/waiver.grant", token=token, content=slow())
    assert answer.status_code == 401


def test_a_change_of_roles_counts_from_the_next_request(api: Api) -> None:
    token = api.hire("mary", "auditor")
    assert api.send("POST", LINEAGE, token=token, json=complete()).status_code == 403
    body = {"person": "mary", "roles": ["producer"]}
    api.send("POST", "/api/v1/acts/person.roles", token=api.token(), json=body)
    assert api.send("POST", LINEAGE, token=token, json=complete()).status_code == 201
    assert api.send("GET", "/api/v1/overview", token=token).status_code == 403


def test_events_are_answered_past_the_router_as_their_route_answers(api: Api) -> None:
    token = api.token()
    routed = Api(api.services, api.settings)
    services = api.services
    routed.app = Gatekeeper(
        create_routes(services, Metrics()),
        by_token=services.people.by_token,
        by_session=services.people.by_session,
        names={"127.0.0.1"},
        public=(),
        public_folders=("/static/",),
        metrics=Metrics(),
    )
    first = api.send("POST", LINEAGE, token=token, json=complete())
    assert first.status_code == 201
    for ask in (
        {"json": complete()},
        {"content": b"{"},
        {"content": b'{"job": 1}'},
        {"content": b"x", "headers": {"content-encoding": "br"}},
        {"content": b"x", "headers": {"origin": "https://elsewhere.example"}},
    ):
        one, other = (way.send("POST", LINEAGE, token=token, **ask) for way in (api, routed))
        assert (one.status_code, one.content) == (other.status_code, other.content)
        assert one.headers == other.headers
    for method in ("PUT", "DELETE"):
        assert api.send(method, LINEAGE, token=token).status_code == 405
    assert api.send("POST", LINEAGE + "/", token=token, json=complete()).status_code == 404


def test_a_fault_of_ours_on_the_way_in_shows_its_class_and_no_value(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("jane.doe@example.org")

    monkeypatch.setattr(type(api.services.journal), "submit", fail)
    answer = api.send("POST", LINEAGE, token=api.token(), json=complete())
    assert (answer.status_code, answer.json()["code"]) == (500, "fault")
    assert "nosniff" in answer.headers["x-content-type-options"]
    assert "jane.doe" not in answer.text + caplog.text


def test_a_revoked_token_sends_no_further_event(api: Api) -> None:
    token = api.hire("mary", "producer")
    assert api.send("POST", LINEAGE, token=token, json=complete()).status_code == 201
    body = {"person": "mary", "token": token.split("_")[2]}
    api.send("POST", "/api/v1/acts/token.revoke", token=api.token(), json=body)
    assert api.send("POST", LINEAGE, token=token, json=complete()).status_code == 401


def test_whoever_is_disabled_while_sending_an_event_does_not_report_it(api: Api) -> None:
    token = api.hire("mary", "producer")
    size = api.services.journal.head().size

    async def slow() -> AsyncIterator[bytes]:
        yield b" "
        admin = api.services.people.by_token(api.token())
        perform(api.services, admin, "person.disable", {"person": "mary"})
        yield msgspec.json.encode(complete())

    assert api.send("POST", LINEAGE, token=token, content=slow()).status_code == 401
    assert api.services.journal.head().size == size + 1


def test_a_field_that_an_act_does_not_know_is_refused(api: Api) -> None:
    body = {"name": "x", "roles": ["auditor"], "disabled": False}
    answer = api.send("POST", "/api/v1/acts/person.add", token=api.token(), json=body)
    assert answer.status_code == 400
    assert "fields: name, roles" in answer.json()["advice"]


def log_in(api: Api, token: str) -> str:
    opened = api.send("POST", "/api/v1/acts/login.open", token=token, json={})
    answer = api.send("POST", "/login", content=f"code={opened.json()['code']}")
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert token not in cookie
    return cookie.partition(";")[0]


def test_a_code_becomes_a_cookie_that_asks_and_ends_with_the_logout(api: Api) -> None:
    cookie = log_in(api, api.token())
    assert api.send("GET", "/api/v1/overview", headers={"cookie": cookie}).status_code == 200
    ours = {"cookie": cookie, "origin": "http://127.0.0.1:5005"}
    assert api.send("POST", "/logout", headers=ours).status_code == 303
    assert api.send("GET", "/api/v1/overview", headers={"cookie": cookie}).status_code == 401


def test_a_cookie_changes_nothing_without_naming_its_own_origin(api: Api) -> None:
    cookie = log_in(api, api.token())
    body = {"name": "x", "roles": ["auditor"]}
    for headers, status in (
        ({}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:5005"}, 200),
    ):
        answer = api.send(
            "POST", "/api/v1/acts/person.add", json=body, headers={"cookie": cookie, **headers}
        )
        assert answer.status_code == status


def test_a_wrong_or_old_code_opens_nothing(tmp_path: Path) -> None:
    settings = workspace(tmp_path / "shop")
    clock = Clockwork()
    with services_of(settings, clock=clock) as services:
        api = Api(services, settings)
        code = api.send("POST", "/api/v1/acts/login.open", token=api.token(), json={}).json()[
            "code"
        ]
        for wrong in ("", "code=", "code=AAAAA-AAAAA", "x" * 5_000):
            assert api.send("POST", "/login", content=wrong).status_code in (400, 401, 413)
        clock.now += CODE_MILLIS
        assert api.send("POST", "/login", content=f"code={code}").status_code == 401


def test_a_browser_without_a_session_is_sent_to_the_login(api: Api) -> None:
    answer = api.send("GET", "/", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "one-time" in api.send("GET", "/login").text.lower()


def test_health_says_no_name_and_metrics_count(api: Api) -> None:
    api.send("POST", LINEAGE, token=api.token(), json=complete())
    api.send("POST", LINEAGE, token=api.token(), content=b"{")
    health = api.send("GET", "/health")
    assert health.status_code == 200
    assert health.json()["status"] == "ok"
    assert "shop" not in health.text
    text = api.send("GET", "/metrics", token=api.token()).text
    assert 'tracehold_events_total{outcome="accepted"} 1' in text
    assert 'tracehold_events_total{outcome="not-an-event"} 1' in text
    assert "tracehold_journal_writable 1" in text


def test_a_journal_that_cannot_write_answers_503_with_retry_after(api: Api) -> None:
    api.services.journal.close()
    answer = api.send("POST", LINEAGE, token=api.token(), json=complete())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_fault_of_ours_shows_its_class_and_no_value(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("jane.doe@example.org")

    monkeypatch.setattr(type(api.services.state), "count", fail)
    answer = api.send("GET", "/api/v1/overview", token=api.token())
    assert answer.status_code == 500
    assert answer.json()["code"] == "fault"
    assert "RuntimeError" in answer.json()["what"]
    assert "jane.doe" not in answer.text + caplog.text
    assert "test_http.py" in caplog.text


def test_unknown_routes_and_wrong_methods_are_problems_too(api: Api) -> None:
    token = api.token()
    assert api.send("GET", "/nope", token=token).json()["code"] == "not-found"
    assert api.send("DELETE", "/api/v1/overview", token=token).status_code == 405
    assert api.send("GET", "/api/v1/overview?bogus=1", token=token).status_code == 400
    assert api.send("GET", "/api/v1/datasets?limit=0", token=token).status_code == 400
    assert api.send("GET", "/api/v1/datasets?limit=100000", token=token).status_code == 400
    assert api.send("GET", "/api/v1/trace?ref=nope", token=token).status_code == 404
