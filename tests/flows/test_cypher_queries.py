"""The demo's estate in a real Neo4j: the queries of the documentation, the digest, no canary."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from canaries import found
from demo_estate import copy_of, demo_workspace, figures  # noqa: F401
from neo4j import Driver, GraphDatabase
from neo4j_service import Neo4jAddress
from running_server import run, serving
from services import CHECKOUT

from lineage.graph.mirror import Mirror
from lineage.graph.neo4j import Neo4jGraph
from lineage.graph.sql import SqlGraph
from lineage.state.tables import connect

PAGES = (CHECKOUT / "docs" / "how-to" / "neo4j.md", CHECKOUT / "README.md")
SCHEMA = CHECKOUT / "docs" / "reference" / "graph-schema.md"
BLOCKS = [
    block
    for page in PAGES
    for block in re.findall(
        r"^```cypher\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
]
LEVEL_SECONDS = 60.0


def test_queries_use_only_what_the_schema_page_lists() -> None:
    assert len(BLOCKS) >= 5
    listed = set(re.findall(r"`([A-Za-z_]+)`", SCHEMA.read_text("utf-8")))
    for block in BLOCKS:
        names = re.findall(r"[(\w]:([A-Z]\w+)|\[\w*:([A-Z_]+)|\b\w+\.(\w+)|\{(\w+):", block)
        used = {name for group in names for name in group if name}
        assert used
        assert used <= listed, used - listed


@pytest.fixture
def driver(neo4j_address: Neo4jAddress) -> Iterator[Driver]:
    auth = (neo4j_address.user, neo4j_address.password)
    with GraphDatabase.driver(neo4j_address.url, auth=auth) as driver:
        yield driver


@pytest.fixture
def mirror(demo_workspace: Path, neo4j_address: Neo4jAddress) -> Iterator[Mirror]:  # noqa: F811
    """The estate in Neo4j, filled by the mirror itself."""
    target = Neo4jGraph(
        neo4j_address.url, neo4j_address.user, neo4j_address.password, deadline_seconds=30
    )
    state = demo_workspace / ".tracehold" / "state.db"
    mirror = Mirror(lambda: SqlGraph(connect(state, read_only=True)), target)
    assert mirror.fill(), mirror.status()
    yield mirror
    target.close()


def _rows(driver: Driver, query: str) -> list[dict[str, Any]]:
    return [record.data() for record in driver.execute_query(query).records]


def _asks(answer: str) -> list[str]:
    """The queries whose answer has these columns."""
    blocks = [block for block in BLOCKS if re.search(answer, block, re.DOTALL)]
    assert blocks, answer
    return blocks


@pytest.mark.slow
@pytest.mark.neo4j
def test_every_documented_query_answers_as_the_page_says(
    mirror: Mirror,
    driver: Driver,
    demo_workspace: Path,  # noqa: F811
) -> None:
    assert all(_rows(driver, block) for block in BLOCKS)
    for block in _asks("AS source, .* AS license"):
        sources = {row["source"]: row["license"] for row in _rows(driver, block)}
        assert sources == {
            f"{demo_workspace}/{path}": license_
            for path, license_ in {
                "sources/flights.csv": "CC0-1.0",
                "sources/planes.csv": "CC0-1.0",
                "sources/weather.csv": "CC0-1.0",
                "sources/loyalty.csv": "CC-BY-NC-4.0",
                "sources/customers.parquet": "LicenseRef-first-party",
                "data/landing/bookings.csv": "LicenseRef-first-party",
            }.items()
        }
    for block in _asks("AS holds,.* AS steps"):
        held = {
            (row["dataset"].rpartition("/")[2], row["holds"]): (set(row["columns"]), row["steps"])
            for row in _rows(driver, block)
        }
        assert len(held) == 12
        assert held["customers", "IBAN_CODE"] == ({"iban"}, 3)
        assert held["bookings.csv", "EMAIL_ADDRESS"] == ({"contact_email", "note"}, 4)
    for block in _asks("AS certificate, .* AS decision"):
        proven = [tuple(row.values()) for row in _rows(driver, block)]
        certificate = figures(demo_workspace)["certificate"]
        assert proven == [
            (certificate, ["bookings"], "no_show@1", "retire"),
            (certificate, ["bookings"], "no_show@2", "retrain"),
        ]


@pytest.mark.slow
@pytest.mark.neo4j
def test_neo4j_holds_what_sql_holds_and_no_synthetic_value(mirror: Mirror, driver: Driver) -> None:
    assert mirror.verify()
    kept = [
        row["value"]
        for pattern in ("(x)", "()-[x]->()")
        for row in _rows(driver, f"MATCH {pattern} UNWIND keys(x) AS k RETURN x[k] AS value")
    ]
    assert len(kept) > 1_000
    text = json.dumps(kept)
    assert "no_show_v1_training" in text
    assert not found(text.encode())
    settings = """
    SHOW SETTINGS 'server.directories.data', 'server.directories.logs'
    YIELD value WHERE value IS NOT NULL
    """
    folders = [Path(row["value"]) for row in _rows(driver, settings)]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip(f"the files of Neo4j are not on this machine: {folders}")
    # Short texts are packed into bits there: this finds what is longer, the above finds all.
    text_found = False
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        text_found |= b"/data/no_show_v1_training/" in content
        assert not found(content), path
    assert text_found


@pytest.mark.slow
@pytest.mark.neo4j
def test_a_server_with_a_graph_fills_it_and_answers_from_it(
    demo_workspace: Path,  # noqa: F811
    tmp_path: Path,
    driver: Driver,
    neo4j_address: Neo4jAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver.execute_query("MATCH (n) DETACH DELETE n")
    copy = copy_of(demo_workspace, tmp_path / "copy")
    monkeypatch.setenv("TRACEHOLD_GRAPH_URL", neo4j_address.url)
    monkeypatch.setenv("TRACEHOLD_GRAPH_USER", neo4j_address.user)
    monkeypatch.setenv("TRACEHOLD_GRAPH_PASSWORD", neo4j_address.password)
    with serving(copy):
        until = time.monotonic() + LEVEL_SECONDS
        while (done := run("graph", "status", "--verify", "--json", workspace=copy)).returncode:
            assert time.monotonic() < until, done.stdout + done.stderr
        assert json.loads(done.stdout)["equal"]
        traced = run("trace", "model:no_show@1", "--up", "--json", workspace=copy)
    answer = json.loads(traced.stdout)
    assert answer["complete"]
    assert answer["answered_by"] == "neo4j"
    assert len([node for node in answer["nodes"] if node["namespace"] == "file"]) == 6
