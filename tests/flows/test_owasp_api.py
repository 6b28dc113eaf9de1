"""The OWASP API list of 2023, point by point where the product could fail it.

Objects of others (API1) are in ``tests/tracehold/test_seeing.py``, logins (API2) in
``test_known_attacks.py``, the inventory (API9) in ``tests/tracehold/test_http.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest
from attacked import census, with_pages
from product_code import calls, imports
from tracehold_world import Api, services_of, workspace

from tracehold.access import ROLES, may
from tracehold.acts import ACTS
from tracehold.gates import GATES
from tracehold.http.app import PUBLIC
from tracehold.questions import QUESTIONS


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = workspace(tmp_path_factory.mktemp("shared") / "shop", samples={})
    with services_of(settings) as services:
        yield with_pages(Api(services, settings))


@pytest.fixture(scope="module")
def tokens(shared: Api) -> dict[str, str]:
    """A token of somebody per role."""
    return {role: shared.hire(f"only {role}", role) for role in ROLES}


def test_owasp_api3_nobody_sets_what_only_the_server_may_set(shared: Api) -> None:
    officer = shared.hire("olga", "privacy-officer")
    for name in (*(f"acts/{act}" for act in ACTS), *(f"gates/{gate}" for gate in GATES)):
        act = name.replace("acts/", "").replace("gates/", "gates.")
        token = officer if may({"privacy-officer"}, act) else shared.token()
        for field in (
            "actor",
            "approved_by",
            "id",
            "received",
            "position",
            "disabled",
            "sha256_",
            "at",
        ):
            answer = shared.send("POST", f"/api/v1/{name}", token=token, json={field: "x"})
            assert answer.status_code in (400, 403), (name, field, answer.text)


def test_owasp_api4_pages_depths_and_bodies_are_bounded(shared: Api) -> None:
    big = b'{"reason": "' + b"x" * 2_000_000 + b'"}'
    for act in ACTS:
        if may({"admin", "engineer"}, act):
            answer = shared.send("POST", f"/api/v1/acts/{act}", token=shared.token(), content=big)
            assert answer.status_code == 413, act
    for name, question in QUESTIONS.items():
        fields = {field.encode_name for field in msgspec.structs.fields(question.params)}
        path = re.sub(r"\{\w+\}", "x", name)
        for word in fields & {"limit", "depth", "offset"}:
            for value in ("-1", str(10**9), str(10**30), "1e3", "NaN"):
                answer = shared.send("GET", f"/api/v1/{path}?{word}={value}", token=shared.token())
                assert answer.status_code < 500, (name, word, value)


@pytest.mark.parametrize("role", ROLES)
def test_owasp_api5_every_route_asks_for_the_role_that_it_needs(
    role: str, shared: Api, tokens: dict[str, str]
) -> None:
    """The census of routes is the census of this test: each is tried by each role."""
    for method, path in census(shared):
        if path in PUBLIC or path.startswith(
            ("/static", "/logout", "/openapi.json", "/api/v1/../")
        ):
            continue
        tail = path.removeprefix("/api/v1/")
        if path == "/metrics":
            act = "metrics"
        elif path in ("/api/v1/lineage", "/api/v1/lineage/batch") and method == "POST":
            act = "lineage.receive"
        elif tail.startswith("acts/"):
            act = tail.removeprefix("acts/")
        elif tail.startswith("gates/"):
            act = f"gates.{tail.removeprefix('gates/')}"
        else:
            act = "question"
        if path == "/api":
            continue  # the description of the interface, for whoever has a token
        status = shared.send(method, path, token=tokens[role], content=b"{").status_code
        assert (status == 403) is not may({role}, act) or (status == 403 and tail in LIMITED), (
            role, method, path, status,
        )  # fmt: skip


LIMITED = {"growth", "reads"}
"""Refused also to roles that may ask, where something is hidden from them."""


def test_owasp_api7_the_server_fetches_nothing_that_it_is_told_to() -> None:
    known = imports()
    reaching = set().union(
        *(
            known.get(name, set())
            for name in ("requests", "httpx", "urllib3", "aiohttp", "fsspec", "ftplib")
        )
    )
    allowed = ("orchestration/", "tracehold/imports/", "tracehold/relay/")
    assert [path for path in sorted(reaching) if not path.startswith(allowed)] == []
    opened = {where.partition(":")[0] for where, _ in calls("urlopen")}
    assert opened <= {"tracehold/client.py", "tracehold/neo4j/jars.py"}, opened


def test_owasp_api8_every_answer_carries_the_headers_that_close_it(shared: Api) -> None:
    for token, path in (
        (None, "/health"),
        (None, "/x"),
        (shared.token(), "/"),
        (shared.token(), "/api/v1/x"),
        (None, "/login"),
    ):
        headers = shared.send("GET", path, token=token).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
