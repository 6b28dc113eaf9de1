"""What catalogs were broken by, one lasting test for each, named after where it was seen.

The classes are those of CVE entries of OpenMetadata, DataHub, Apache Atlas, Marquez, the Neo4j MCP
server and CPython.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from attacked import census, with_pages
from graph_builders import sql_graph
from product_code import calls, imports
from tracehold_world import HOST, Api, ask_raw, complete, services_of, workspace

from lineage.errors import InvalidInput
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.port import OPEN, Edge, GraphDiff, Limits, Node
from lineage.graph.sql import SqlGraph
from tracehold.access import ROLES, may
from tracehold.acts import ACTS
from tracehold.http.app import PUBLIC
from tracehold.questions import QUESTIONS
from tracehold.settings import SECTIONS, load

MUTATIONS = 2_000
PAYLOADS = 5_000


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    settings = workspace(tmp_path / "shop", samples={})
    with services_of(settings) as services:
        yield with_pages(Api(services, settings))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The same for tests that leave it as it was, but for people."""
    settings = workspace(tmp_path_factory.mktemp("shared") / "shop", samples={})
    with services_of(settings) as services:
        made = with_pages(Api(services, settings))
        made.send("POST", "/api/v1/lineage", token=made.token(), json=complete())
        services.catch_up()
        yield made


@pytest.fixture(scope="module")
def tokens(shared: Api) -> dict[str, str]:
    """A token of somebody per role."""
    return {role: shared.hire(f"only {role}", role) for role in ROLES}


# OpenMetadata CVE-2024-28255: the filter was passed by paths that contain an excluded route.


def test_openmetadata_2024_28255_a_path_spelled_otherwise_passes_no_filter(shared: Api) -> None:
    rng = random.Random(28255)
    paths = sorted({path for _, path in census(shared) if path not in PUBLIC})
    glue = [";", ";x=", "/;/", "%2f", "%2F", "/..", "/../", "//", "/.", "%2e%2e", "%3b", "\\",
            "%5c", "%00", "%0a", "%20", "\u2215".encode().hex("%"), "%c0%af", "%252f",
            "/%2e%2e/"]  # fmt: skip
    public = [*PUBLIC, "/static", "/static/style.css", "/HEALTH", "/health/"]

    def mutated(path: str) -> str:
        some = rng.choice(glue)
        return rng.choice(
            [
                f"{rng.choice(public)}{some}{path}", f"{path}{some}{rng.choice(public)}",
                f"{path}{some}", f"/{some}{path}", path.upper(), path.replace("/", some, 1),
                path.replace("a", "%61"), f"{path}{some}health", f"/static/..{some}{path}",
            ]
        )  # fmt: skip

    tried = 0
    for number in range(max(MUTATIONS, 5 * len(paths))):
        raw = mutated(paths[number % len(paths)])
        if "?" in raw or not raw.startswith("/"):
            continue
        status, body = ask_raw(shared, raw)
        if raw.split("?")[0] in PUBLIC or (status == 404 and raw.startswith("/static/")):
            continue
        tried += 1
        assert status == 401, (raw, status, body[:80])
    assert tried >= MUTATIONS * 9 // 10


# OpenMetadata CVE-2024-28253, -28254, -28847: an expression ran before anybody was asked who it is.


def test_openmetadata_2024_28253_no_text_is_ever_evaluated() -> None:
    for name in ("eval", "exec", "__import__", "execfile"):
        assert [where for where, _ in calls(name)] == []
    assert [where for where, node in calls("compile") if isinstance(node.func, ast.Name)] == []
    banned = {"simpleeval", "asteval", "numexpr", "jmespath", "mako", "chameleon"}
    assert not banned & imports().keys()


@pytest.mark.parametrize("act", sorted(ACTS))
def test_openmetadata_2024_28847_the_role_is_asked_before_a_byte_is_read(
    act: str, shared: Api, tokens: dict[str, str]
) -> None:
    barred = next(role for role in ROLES if not may({role}, act))
    expression = b'{"expression": "T(java.lang.Runtime).getRuntime().exec(\'id\')"'
    for body in (expression, b"\xff", b""):
        for sent, status in ((None, 401), ("th_wrong", 401), (tokens[barred], 403)):
            answer = shared.send("POST", f"/api/v1/acts/{act}", token=sent, content=body)
            assert answer.status_code == status, (act, body)


# OpenMetadata CVE-2026-22244: a template that an admin may write ran code.

TEMPLATES = [
    "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    "{% for x in ().__class__.__base__ %}x{% endfor %}",
    "{{''.__class__.__mro__[1].__subclasses__()}}", "{{config}}", "{{self}}", "@(7*7)", "*{7*7}",
]  # fmt: skip


def test_openmetadata_2026_22244_text_of_users_is_no_template(api: Api) -> None:
    for number, text in enumerate(TEMPLATES):
        event = complete(f"job {text}", number=number)
        event["outputs"][0]["name"] = text
        sent = api.send("POST", "/api/v1/lineage", token=api.token(), json=event)
        assert sent.status_code == 201
    api.services.catch_up()
    page = api.send("GET", "/datasets", token=api.token())
    assert page.status_code == 200
    assert "{{7*7}}" in page.text
    assert "49" not in re.sub(r"[0-9a-f]{32}", "", page.text)
    # Templates come from files of ours, and from one constant.
    rendering = {where.partition(":")[0] for where, _ in calls("from_string")}
    assert rendering == {"tracehold/http/api_page.py"}
    assert all(
        any(
            word.arg == "autoescape" and getattr(word.value, "value", False)
            for word in node.keywords
        )
        for _, node in calls("Environment")
    )


# DataHub CVE-2022-39366: the signature of a token was not looked at.


def test_datahub_2022_39366_a_token_that_nobody_issued_is_nobody(shared: Api) -> None:
    known = shared.token()
    person = known.split("_")[1]

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = part({"sub": person, "roles": ["admin"], "exp": 9_999_999_999, "iss": "tracehold"})
    forged = [f"{part({'alg': alg, 'typ': 'JWT', **more})}.{claims}.{signature}"
              for alg in ("none", "None", "NONE", "HS256", "RS256", "ES256")
              for more in ({}, {"kid": "../../../../dev/null"}, {"jwk": {"kty": "oct", "k": ""}})
              for signature in ("", "AAAA")]  # fmt: skip
    head, _, secret = known.rpartition("_")
    forged += [
        head, f"{head}_", f"{head}_{'A' * 43}", f"{head}_{secret[:-1]}", f"{head}_{secret}x",
        known.upper(), f"{known}\x00", f" {known} x", f"th_{person}_aaaaaaaa_{secret}", "null",
        "undefined", "", "th__\u200b_", known.replace("_", "-"),
    ]  # fmt: skip
    for token in forged:
        raw = token.encode("utf-8", "surrogatepass").decode("latin-1")
        status = _bearer(shared, raw)
        assert status == 401, token
    assert _bearer(shared, known) == 200


def _bearer(api: Api, token: str) -> int:
    return _status(api, (b"authorization", b"Bearer " + token.encode("latin-1")))


def _status(api: Api, header: tuple[bytes, bytes]) -> int:
    """What a header leads to that a client would refuse to send."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/v1/overview", "raw_path": b"/api/v1/overview", "query_string": b"",
        "root_path": "", "asgi": {"version": "3.0"},
        "headers": [(b"host", HOST.encode()), header],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(api.app(scope, receive, send))
    return int(sent[0]["status"])


# DataHub CVE-2023-25560: JSON was joined from strings.

AWKWARD = [
    'a"b', "a\\b", "a\nb", "a\tb", "a\x01b", '","admin":true,"x":"', "</script>", "\u2028",
    "é\U0001f600",
    "'; drop table node; --", '{"a":1}', "\x7f", "a\\u0022b",
]  # fmt: skip


@pytest.mark.parametrize("text", AWKWARD)
def test_datahub_2023_25560_what_is_said_comes_back_as_it_was_said(text: str, api: Api) -> None:
    event = complete(f"job {text}")
    event["outputs"][0]["name"] = f"out {text}"
    schema = {"_producer": "https://x.example", "_schemaURL": "https://x.example/s.json",
              "fields": [{"name": text, "type": text, "description": text}]}  # fmt: skip
    event["outputs"][0]["facets"] = {"schema": schema}
    assert api.send("POST", "/api/v1/lineage", token=api.token(), json=event).status_code == 201
    api.services.catch_up()
    listed = api.send("GET", "/api/v1/datasets", token=api.token()).json()["items"]
    assert f"out {text}" in {row["name"] for row in listed}
    [ref] = [row["ref"] for row in listed if row["name"] == f"out {text}"]
    shown = api.send("GET", f"/api/v1/dataset?ref={quote(ref, safe='')}", token=api.token()).json()
    assert [column["field"] for column in shown["columns"]] == [text]
    bad = api.send(
        "GET", f"/api/v1/dataset?ref={quote('dataset:' + text, safe='')}", token=api.token()
    )
    assert bad.json()["code"]


# DataHub CVE-2023-25561: the login failed open where something it needs was missing.


@pytest.mark.parametrize(
    "damage", ["drop table point", "delete from point", "update point set value = 'x'"]
)
def test_datahub_2023_25561_what_breaks_the_login_lets_nobody_in(damage: str, api: Api) -> None:
    token = api.token()
    cookie = _log_in(api, token)
    with sqlite3.connect(api.services.state.connections.file) as writer:
        writer.execute(damage)
    api.services.people.forget()
    for headers in ({"authorization": f"Bearer {token}"}, {"cookie": cookie}):
        for path in ("/api/v1/overview", "/", "/metrics", "/api/v1/datasets"):
            answer = api.send("GET", path, headers=headers)
            assert answer.status_code in (401, 500, 503), (damage, path)
    assert api.send("POST", "/login", content="code=").status_code in (400, 401)


def _log_in(api: Api, token: str) -> str:
    opened = api.send("POST", "/api/v1/acts/login.open", token=token, json={})
    answer = api.send("POST", "/login", content=f"code={opened.json()['code']}")
    assert answer.status_code == 303
    return answer.headers["set-cookie"].partition(";")[0]


# DataHub CVE-2023-25562 and -47628: a session outlived the logout, and everything else.


@pytest.mark.parametrize("end", ["logout", "disabled", "revoked", "time"])
def test_datahub_2023_25562_a_session_ends(end: str, api: Api) -> None:
    token = api.hire("mary", "engineer")
    cookie = _log_in(api, token)
    asked = {"cookie": cookie}
    assert api.send("GET", "/api/v1/overview", headers=asked).status_code == 200
    if end == "logout":
        api.send("POST", "/logout", headers={**asked, "origin": f"http://{HOST}"})
    elif end == "time":
        api.services.clock.now += 12 * 60 * 60 * 1000 + 1  # type: ignore[attr-defined]
    else:
        body = {"person": "mary"}
        if end == "revoked":
            body["token"] = token.split("_")[2]
        act = "person.disable" if end == "disabled" else "token.revoke"
        done = api.send("POST", f"/api/v1/acts/{act}", token=api.token(), json=body)
        assert done.status_code == 200
    assert api.send("GET", "/api/v1/overview", headers=asked).status_code == 401


def test_datahub_2023_47628_a_role_that_is_taken_away_is_gone_with_the_next_request(
    api: Api,
) -> None:
    token = api.hire("mary", "engineer", "auditor")
    cookie = _log_in(api, token)
    body = {"person": "mary", "roles": ["producer"]}
    api.send("POST", "/api/v1/acts/person.roles", token=api.token(), json=body)
    for headers in ({"authorization": f"Bearer {token}"}, {"cookie": cookie}):
        assert api.send("GET", "/api/v1/overview", headers=headers).status_code == 403


# DataHub CVE-2026-44501: a cookie was deserialized.


def test_datahub_2026_44501_nothing_that_can_hold_code_is_deserialized(api: Api) -> None:
    known = imports()
    for module in (
        "pickle",
        "cPickle",
        "dill",
        "cloudpickle",
        "marshal",
        "shelve",
        "joblib",
        "jsonpickle",
    ):
        assert module not in known, known.get(module)
    for name in ("unsafe_load", "full_load", "load_all"):
        assert [where for where, _ in calls(name)] == []
    for where, node in calls("load"):
        base = getattr(getattr(node.func, "value", None), "id", "")
        if base in ("yaml", "np", "numpy", "torch", "pickle"):
            loader = node.args[1] if len(node.args) > 1 else None
            assert base == "yaml", where
            assert getattr(loader, "id", getattr(loader, "attr", "")).upper().endswith("LOADER"), (
                where
            )
    garbage = ["\x80\x04\x95", "gASV", "rO0ABXNy", 'O:8:"stdClass":0:{}', "!!python/object", "%00"]
    for value in (*garbage, "=" * 5000, ""):
        sent = f"tracehold_session={value}".encode("latin-1")
        assert _status(api, (b"cookie", sent)) == 401, value


# Apache Atlas CVE-2026-40563: text of a query changed the traversal.

CYPHER = [
    "`",
    "``",
    "\\`",
    "\\u0060",
    "\\u0027",
    "' OR 1=1 //",
    "'}) DETACH DELETE n //",
    "x` SET n.admin=true //",
    "') RETURN n UNION MATCH (m) RETURN m //",
    "LOAD CSV FROM 'http://127.0.0.1/x' AS l RETURN l",
    "CALL dbms.listConfig()",
    "CALL apoc.load.json('file:///etc/passwd')",
    "\\' }) MATCH (a)-[r]-(b) DELETE r //",
    "$key",
    "{key: $key}",
    "[*0..]",
    "/* */",
    "// x",
    "\u2019",
    "\uff07",
    "%27",
    "'; DROP TABLE node; --",
    '" OR ""="',
    "1) UNION SELECT key FROM meta --",
    "x'; ATTACH DATABASE '/tmp/x' AS y; --",
    "MATCH",
    "*",
    "folded:*",
    "NEAR(a b)",
    '"a" OR b*',
    "^x",
    "-x",
    "col:x",
    "a AND NOT b",
]


def payloads() -> Iterator[str]:
    rng = random.Random(40563)
    yield from CYPHER
    for _ in range(PAYLOADS - len(CYPHER)):
        yield rng.choice(["", "a", "x."]).join(rng.choice(CYPHER) for _ in range(rng.randint(1, 3)))


@pytest.fixture(params=["sql", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def engine(request: pytest.FixtureRequest) -> Iterator[SqlGraph | Neo4jGraph]:
    found: SqlGraph | Neo4jGraph
    if request.param == "sql":
        found = sql_graph()
    else:
        user, password = request.getfixturevalue("neo4j_auth")
        found = Neo4jGraph(
            request.getfixturevalue("neo4j_url"), user, password, deadline_seconds=60
        )
        found.load([], [], 0)
    yield found
    found.close()


def test_atlas_2026_40563_text_in_every_field_of_a_graph_stays_text(
    engine: SqlGraph | Neo4jGraph,
) -> None:
    texts = list(dict.fromkeys(payloads()))
    nodes = [Node(f"k{number}", "Dataset", {"name": text, "namespace": text, "format": text})
             for number, text in enumerate(texts)]  # fmt: skip
    edges = [Edge("FEEDS", f"k{number}", f"k{number + 1}", text, "declared", {"role": text},
                  ((0, OPEN),), ((0, OPEN),))
             for number, text in enumerate(texts[:-1])]  # fmt: skip
    engine.apply(GraphDiff(nodes, edges), 1)
    stored = engine.nodes([node.key for node in nodes])
    assert stored == {node.key: node for node in nodes}
    digest = engine.digest()
    limits = Limits(depth=2, nodes=100)
    for number, text in enumerate(texts[:200]):
        assert [
            node for node in engine.find("Dataset", text, limit=10_000) if node == nodes[number]
        ]
        assert engine.nodes([text]) == {}
        assert engine.neighbors(text) == []
        reached = engine.closure(
            [text], "down", edge_type="FEEDS", view="content", as_of=1, limits=limits
        )
        assert not reached.edges
    assert engine.digest() == digest


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_atlas_2026_40563_text_in_every_field_of_a_question_is_only_text(
    name: str, shared: Api
) -> None:
    digest = shared.services.state.digest()
    fields = [field.encode_name for field in msgspec.structs.fields(QUESTIONS[name].params)]
    for text in CYPHER if fields else CYPHER[:1]:
        path = name.format(**dict.fromkeys(re.findall(r"\{(\w+)\}", name), quote(text, safe="")))
        query = urlencode({word: text for word in fields if f"{{{word}}}" not in name})
        answer = shared.send("GET", f"/api/v1/{path}?{query}", token=shared.token())
        assert answer.status_code < 500, (name, text, answer.text)
    assert shared.services.state.digest() == digest


# Neo4j MCP server CVE-2025-10193: a page elsewhere reached the local server by rebinding its name.


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"}, {"host": "evil.example:5005"}, {"host": "127.0.0.1.evil.example"},
        {"host": ""}, {"host": "localhost.evil.example:5005"}, {"host": "[::2]"},
        {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:9"},
        {"origin": "http://127.0.0.1:5005.evil.example"}, {"origin": "file://"},
    ],
)  # fmt: skip
def test_neo4j_mcp_2025_10193_only_our_own_name_and_origin_are_answered(
    headers: dict[str, str], shared: Api
) -> None:
    for method, path in (
        ("GET", "/api/v1/overview"),
        ("POST", "/api/v1/lineage"),
        ("GET", "/health"),
        ("POST", "/login"),
    ):
        answer = shared.send(method, path, token=shared.token(), headers=headers)
        assert answer.status_code == 403, (path, headers)


# Marquez: the interface was open to everybody unless somebody closed it.


def test_marquez_817_there_is_no_way_to_run_without_tokens(api: Api, tmp_path: Path) -> None:
    names = {key for section in SECTIONS.values() for key in section.__dataclass_fields__}
    assert not [key for key in names if re.search("insecure|anonym|no_?auth|disable", key)]
    for environ in ({"TRACEHOLD_SERVER_HOST": "0.0.0.0"}, {"TRACEHOLD_SERVER_HOST": "::"}):
        with pytest.raises(InvalidInput, match="beyond this machine"):
            load(api.settings.folder, environ=environ)
    for method, path in census(api):
        if path in PUBLIC or path.startswith("/static"):
            continue
        assert api.send(method, path).status_code == 401, (method, path)


# CPython CVE-2025-4517, -4330, -4138: extracting an archive wrote outside of its folder.


def test_cpython_2025_4517_no_archive_is_extracted() -> None:
    assert "tarfile" not in imports()
    for name in ("extractall", "extract", "unpack_archive"):
        found = [where for where, node in calls(name) if not _is_ours(node)]
        assert found == [], name


def _is_ours(node: ast.Call) -> bool:
    """Our own functions of that name are called without a module before them."""
    return isinstance(node.func, ast.Name)
