"""Random requests to a real server: never a 5xx, always an answer that says what and why."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hostile import LINEAGE, Hostile, event, named
from hypothesis import given, settings
from hypothesis import strategies as st
from rounds import rounds
from running_server import make_workspace, serving

pytestmark = pytest.mark.slow

WORDS = st.sampled_from(
    [
        "", "x", "job_1", "dataset:[hostile]out", "dataset:[hostile]in#c", "model:m@1",
        "column:x#y",
        "job:[hostile]j", "run:[hostile]j/1", "dataset:[", "[]", "%", "%00", "\x00", "\ud7ff", "..",
        "0", "1", "-1", "99999999999999999999", "1e9", "true", "null", "up", "down", "content",
        "2026-03-01", "0001-01-01", "9999-12-31T23:59:59Z", "a b c", "' or 1=1", "{{7*7}}",
        "*", "é",
    ]
)  # fmt: skip
TOKENS = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b'"job"', b'"name"', b"1", b"\x00", b"\xff"]
)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Encoding", "Content-Type", "Accept", "X-Request-Id", "Range"]),
    st.sampled_from(["gzip", "identity", "br", "application/json", "text/html", "*/*", "x", "0-9"]),
    max_size=3,
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder = make_workspace(tmp_path_factory.mktemp("fuzz") / "shop")
    with serving(folder) as server:
        under_fire = Hostile(server)
        under_fire.take(event(inputs=named("in"), outputs=named("out")))
        yield under_fire
        under_fire.close()
        # Meanwhile the server has closed a connection on which nothing was asked.
        under_fire = Hostile(server)
        metrics = under_fire.client.get("/metrics")[1].decode()
        assert 'status="5xx"' not in metrics
        assert under_fire.settled()["status"] == "ok"
        under_fire.close()


class Wire:
    """One connection, opened again where the server closed it."""

    def __init__(self, hostile: Hostile) -> None:
        address = urlsplit(hostile.server.url)
        self.connection = http.client.HTTPConnection(address.hostname or "", address.port)
        self.bearer = {"Authorization": f"Bearer {hostile.server.token}"}

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        try:
            self.connection.request(method, path, body, self.bearer | headers)
            answer = self.connection.getresponse()
            return answer.status, answer.getheader("content-type", ""), answer.read()
        except (http.client.HTTPException, ConnectionError):
            self.connection.close()
            return 400, "", b""


@pytest.fixture(scope="module")
def wire(hostile: Hostile) -> Iterator[Wire]:
    opened = Wire(hostile)
    yield opened
    opened.connection.close()


def check(status: int, kind: str, said: bytes) -> None:
    assert status < 500, said
    if status >= 400 and kind.startswith("application/json"):
        told = json.loads(said)
        assert told["code"]
        assert told["what"]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    raw = draw(
        st.binary(max_size=100)
        | st.lists(TOKENS, max_size=10).map(b"".join)
        | st.builds(lambda n: json.dumps(event(job={"namespace": "n", "name": n})).encode(), WORDS)
    )
    return draw(st.sampled_from([raw, raw, gzip.compress(raw), zlib.compress(raw), raw[:-1]]))


@settings(max_examples=rounds(usual=300, campaign=100_000))
@given(bodies(), HEADERS)
def test_any_body_under_any_headers_is_answered(
    wire: Wire, body: bytes, headers: dict[str, str]
) -> None:
    status, kind, said = wire.ask("POST", LINEAGE, body, headers)
    check(status, kind, said)
    assert status == 201 or 400 <= status < 500


@pytest.fixture(scope="module")
def routes(hostile: Hostile) -> list[tuple[str, str, list[str]]]:
    """Every route that the server describes: method, path, names of what it takes."""
    described = hostile.client.json("/openapi.json")["paths"]
    found = []
    for path, methods in described.items():
        for method, operation in methods.items():
            names = [one["name"] for one in operation.get("parameters", ())]
            schema = operation.get("requestBody", {}).get("content", {})
            schema = schema.get("application/json", {}).get("schema", {})
            found.append((method.upper(), path, names + sorted(schema.get("properties", {}))))
    assert len(found) > 20
    return found


# An act that a random body could perform would change the estate under the next example.
IDLE = ("graph", "journal", "deletion", "retention")


@settings(max_examples=rounds(usual=300, campaign=100_000))
@given(st.data())
def test_any_question_and_act_is_answered(
    wire: Wire, routes: list[tuple[str, str, list[str]]], data: st.DataObject
) -> None:
    method, path, names = data.draw(st.sampled_from(routes))
    names = [*names, "nonsense"]
    given_ = data.draw(st.dictionaries(st.sampled_from(names), WORDS, max_size=4))
    body = None
    asked = quote(path, safe="/{}")
    if method == "GET":
        asked += f"?{urlencode(given_)}"
    elif path.rsplit("/", 1)[-1].split(".")[0] in IDLE:
        body = b'{"nonsense":1}'
    else:
        mixed = st.sampled_from([1, None, True, [], {}, ["x"], {"a": 1}]) | WORDS
        body = json.dumps({name: data.draw(mixed) for name in given_}).encode()
    check(*wire.ask(method, asked, body, {"Content-Type": "application/json"}))
