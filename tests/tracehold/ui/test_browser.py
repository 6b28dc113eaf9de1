"""A person logs in and goes from the model to a source, with a real browser on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from demo_workspace import make_small_workspace, materialize
from playwright.sync_api import Page, expect
from running_server import RunningServer, serving
from web_estate import browsing, log_in

pytestmark = pytest.mark.browser


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
    """A page of a fresh browser profile."""
    with browsing() as opened:
        yield opened


def test_from_the_model_to_a_source(page: Page, server: RunningServer) -> None:
    log_in(page, server)
    page.get_by_role("navigation").get_by_role("link", name="Models").click()
    page.get_by_role("link", name="late@2").click()
    expect(page.get_by_text("license: allowed")).to_be_visible()
    expect(page.locator(".box.focus")).to_contain_text("late@2")
    page.get_by_role("button", name="Everything it comes from").click()
    expect(page.locator("#standing")).to_contain_text("as of")
    page.locator(".box .name", has_text="trips.csv").click()
    expect(page.locator("#hop")).to_contain_text("CC0-1.0")
    expect(page.locator(".links .lit")).not_to_have_count(0)
    page.locator("#hop").get_by_role("link", name="Open its page").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("trips.csv")
    expect(page.locator("dl.facts").first).to_contain_text("CC0-1.0")


def test_every_page_opens(page: Page, server: RunningServer) -> None:
    log_in(page, server)
    names = (
        "Datasets", "Models", "Jobs", "Environments", "Personal data", "Retention", "Deletions",
        "Home",
    )  # fmt: skip
    for name in names:
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(page.get_by_role("navigation").locator("[aria-current]")).to_have_text(name)
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_list_narrows_while_typing(page: Page, server: RunningServer) -> None:
    log_in(page, server)
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
    log_in(page, server)
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{server.url}/models")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_an_unknown_model_is_named_as_such(page: Page, server: RunningServer) -> None:
    log_in(page, server)
    answer = page.request.get(f"{server.url}/models/none")
    assert answer.status == 404
    assert "there is no such model" in answer.text()
