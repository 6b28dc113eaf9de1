"""A small estate for the pages, and a browser that is logged in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from demo_workspace import act
from openlineage_events import NS, dataset, run_event
from playwright.sync_api import Page, expect, sync_playwright
from running_server import Client, RunningServer
from services import chromium

__all__ = [
    "DAY", "HOSTILE", "browsing", "estate_events", "fill", "log_in", "page_of", "ref", "star_event",
]  # fmt: skip

DAY = 24 * 60
"""Minutes."""
HOSTILE = "<img src=x onerror=alert(1)>\u202etxt"
"""A name that would run a script or turn the text around where it were not only shown."""
_LONG = 20
"""Columns of the wide table."""

# Background connections that Chromium makes by itself have no place in a test.
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


def ref(name: str) -> str:
    """The reference of a dataset of the estate."""
    return f"dataset:[{NS}]{name}"


def _mart(*sources: str) -> dict[str, Any]:
    amounts = [f"{one}.amount" for one in sources]
    lineage: dict[str, Sequence[str]] = {"day": [f"{sources[0]}.day"], "amount": amounts}
    return dataset("mart", columns=["day", "amount"], lineage=lineage)


def estate_events() -> list[dict[str, Any]]:
    """Two sources, two levels of tables, a report; ``mart`` loses ``legacy`` on day 30."""
    both = ["day", "amount"]
    wide = [f"column_{number:02d}" for number in range(_LONG)]
    legacy, orders, landing = (
        dataset(name, columns=both) for name in ("legacy", "orders", "landing")
    )
    same: dict[str, Sequence[str]] = {name: [f"landing.{name}"] for name in both}
    loaded = dataset("orders", columns=both, lineage=same)
    from_mart: dict[str, Sequence[str]] = {name: ["mart.amount"] for name in wide}
    report = dataset("report", columns=["total"], lineage={"total": ["mart.amount"]})
    spread = dataset("wide", columns=wide, lineage=from_mart)

    def ran(
        job: str, minutes: float, inputs: list[Any], outputs: list[Any], kind: str = "COMPLETE"
    ) -> dict[str, Any]:
        return run_event(
            kind, minutes, job=job, run=f"{job} {minutes}", inputs=inputs, outputs=outputs
        )

    return [
        ran("load", 0, [landing], [loaded]),
        ran("build", 10, [legacy, orders], [_mart("legacy", "orders")]),
        ran("build", 30 * DAY, [orders], [_mart("orders")]),
        ran("tell", 30 * DAY + 10, ["mart"], [report]),
        ran("tell", 31 * DAY, ["mart"], [report], kind="FAIL"),
        ran("spread", 31 * DAY, ["mart"], [spread]),
        ran("odd", 31 * DAY, ["report"], [HOSTILE]),
    ]


def star_event(targets: int) -> dict[str, Any]:
    """One table that a job spreads over many."""
    outputs = [dataset(f"target_{number:04d}") for number in range(targets)]
    return run_event("COMPLETE", 0, job="scatter", run="star", inputs=["hub"], outputs=outputs)


def fill(
    server: RunningServer, events: Sequence[dict[str, Any] | bytes], *, seconds: float = 120.0
) -> None:
    """Send events, and wait until the server has folded them.

    Raises:
        RuntimeError: It refused one, or did not fold them in time.
    """
    client = server.client()
    for event in events:
        body = event if isinstance(event, bytes) else msgspec.json.encode(event)
        status, answer = client.post("/api/v1/lineage", body)
        if status != 201:
            raise RuntimeError(f"{status}: {answer[:300]!r}")
    until = time.monotonic() + seconds
    while client.json("/health")["lag"] or not _searchable(client):
        if time.monotonic() > until:
            raise RuntimeError("the server did not fold in time")
        time.sleep(0.05)
    client.close()


def _searchable(client: Client) -> bool:
    """Whether the index for searching is as new as the state."""
    status, answer = client.get("/api/v1/find", text="any")
    known = client.json("/api/v1/overview")["known_at"]
    return status == 200 and bool(msgspec.json.decode(answer)["known_at"] >= known)


@contextmanager
def browsing(*, url: str = "") -> Iterator[Page]:
    """A page of a fresh browser profile; a script error or a refused resource fails the test.

    Args:
        url: Opened first where it is given.
    """
    # A machine that does other work as well is slow, and no failure.
    expect.set_options(timeout=30_000)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium()), args=[*_FLAGS])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        if url:
            page.goto(url)
        yield page
        browser.close()
    # A refused login answers 401 and a wrong moment 400, which the browser reports as well.
    assert [text for text in complaints if not re.search("status of 40[01]", text)] == []


def log_in(page: Page, server: RunningServer, person: str = "auditor", role: str = "") -> None:
    """Log a person in who has one role, of the same name unless told otherwise."""
    code = act(server, person, role or person, "login.open")["code"]
    page.goto(server.url)
    page.get_by_label("One-time code").fill(code)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("navigation", name="Main").wait_for()


def page_of(server: RunningServer, name: str) -> str:
    """The address of the page of a dataset of the estate."""
    client = server.client()
    try:
        return f"{server.url}/datasets/{client.json('/api/v1/dataset', ref=ref(name))['key']}"
    finally:
        client.close()
