"""A running server finds by itself that a late event makes a decision stale."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from running_server import Client, make_workspace, run, serving
from tracehold_world import complete

from lineage.clock import format_millis, system_clock

SECONDS = 60.0
DATA = "dataset:[shop]clean_1"


def event(name: str, number: int, at: int) -> bytes:
    made: dict[str, Any] = complete(number=number)
    made["eventTime"] = format_millis(at)
    made["inputs"] = [{"namespace": "shop", "name": name}]
    made["outputs"] = [{"namespace": "shop", "name": "clean_1"}]
    return json.dumps(made).encode()


def found(client: Client) -> dict[str, Any]:
    """What the server says of the one decision, once it is no longer current."""
    until = time.monotonic() + SECONDS
    while True:
        [item] = client.json("/api/v1/decisions")["items"]
        if item["state"] != "current" or time.monotonic() > until:
            stale: dict[str, Any] = item
            return stale
        time.sleep(0.2)


def test_a_late_event_raises_a_finding_and_the_decision_stays(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "shop")
    now = system_clock()
    with serving(folder) as server:
        client = server.client()
        assert client.post("/api/v1/lineage", event("raw", 1, now - 3_600_000))[0] == 201
        status, body = client.post(
            "/api/v1/acts/license.record", json.dumps({"ref": DATA}).encode()
        )
        assert status == 200, body
        decided = json.loads(body)
        assert client.post("/api/v1/lineage", event("late", 2, now - 1_800_000))[0] == 201
        item = found(client)
        assert item["state"] == "stale"
        assert (item["outcome"], item["fact"]) == (decided["verdict"], decided["fact"])
        assert "now: unknown no-license at dataset:[shop]late" in item["why"]
        client.close()
    listed = run("check", "--decisions", "--json", workspace=folder)
    assert listed.returncode == 1
    assert json.loads(listed.stdout)["stale"] == 1
