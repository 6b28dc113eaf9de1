"""A person logs in and goes from the model to a source, with a real browser on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_workspace import act, make_small_workspace, materialize
from playwright.sync_api import Page, expect, sync_playwright
from running_server import RunningServer, serving
from services import chromium

pytestmark = pytest.mark.browser

# Background connections that Chromium makes by itself have no place in a test.
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A small estate in which model 2 is trained and model 1 was refused."""
    workspace = make_small_workspace(tmp_path_factory.mktemp("browser") / "small")
    with serving(workspace) as running:
        code, _, said = materialize(running)
        assert code == 1, said
        yield running


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a fresh browser profile; a script error or a refused resource fails the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium()), args=[*_FLAGS])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        yield opened
        browser.close()
    # A refused login answers 401, which the browser reports as well.
    assert [text for text in complaints if "401" not in text] == []


def _log_in(page: Page, server: RunningServer) -> None:
    code = act(server, "auditor", "auditor", "login.open")["code"]
    page.goto(server.url)
    page.get_by_label("One-time code").fill(code)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="small")).to_be_visible()


def test_from_the_model_to_a_source(page: Page, server: RunningServer, tmp_path: Path) -> None:
    _log_in(page, server)
    page.get_by_role("navigation").get_by_role("link", name="Models").click()
    page.get_by_role("link", name="late@2").click()
    expect(page.get_by_text("license: allowed")).to_be_visible()
    expect(page.get_by_text("complete", exact=True)).to_be_visible()
    expect(page.locator("#trace canvas").first).to_be_visible()
    source = page.locator("a[data-hop]", has_text="trips.csv")
    source.focus()
    expect(page.locator("#hop")).to_contain_text("CC0-1.0")
    page.locator("#trace").screenshot(path=tmp_path / "trace.png")
    source.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("trips.csv")
    expect(page.locator("dl.facts")).to_contain_text("CC0-1.0")


def test_every_page_opens(page: Page, server: RunningServer) -> None:
    _log_in(page, server)
    for name in ("Datasets", "Models", "Personal data", "Retention", "Deletions", "Home"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(page.get_by_role("navigation").locator("[aria-current]")).to_have_text(name)
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_list_narrows_while_typing(page: Page, server: RunningServer) -> None:
    _log_in(page, server)
    page.goto(f"{server.url}/datasets")
    page.get_by_label("Name contains").press_sequentially("rating")
    expect(page.get_by_role("link", name="plain")).to_have_count(0)
    expect(page.get_by_role("link", name="ratings", exact=True)).to_be_visible()


def test_a_wrong_code_is_refused_and_says_so(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/models")
    page.get_by_label("One-time code").fill("AAAAA-AAAAA")
    with page.expect_response("**/login"):
        page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_after_logging_out_the_pages_are_closed(page: Page, server: RunningServer) -> None:
    _log_in(page, server)
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{server.url}/models")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_an_unknown_model_is_named_as_such(page: Page, server: RunningServer) -> None:
    _log_in(page, server)
    answer = page.request.get(f"{server.url}/models/none")
    assert answer.status == 404
    assert "there is no such model" in answer.text()
