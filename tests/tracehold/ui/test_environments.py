"""The page on environments, in a browser: compare, read the differences, go on to a dataset."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from environment_events import TABLES, written
from playwright.sync_api import Page, expect
from running_server import RunningServer, make_workspace, serving
from web_estate import browsing, fill, log_in

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two environments that differ in a column, a figure and a table."""
    with serving(make_workspace(tmp_path_factory.mktemp("environments") / "shop")) as running:
        fill(
            running,
            [
                *(written(name, place) for name in TABLES[1:] for place in ("dev", "prod")),
                written("customers", "dev", columns=("id", "email", "<b>age</b>")),
                written("customers", "prod", rows=200_000),
                written("prices", "prod"),
            ],
        )
        yield running


@pytest.fixture
def page(server: RunningServer) -> Iterator[Page]:
    """A page of a person who is logged in."""
    with browsing() as opened:
        log_in(opened, server)
        yield opened


def test_two_environments_are_compared_by_keyboard_and_every_difference_is_shown(
    page: Page,
) -> None:
    page.get_by_role("navigation").get_by_role("link", name="Environments").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    expect(page.get_by_text("dev: 3 datasets")).to_be_visible()
    page.get_by_label("Environment or namespace").fill("dev")
    page.keyboard.press("Tab")
    page.keyboard.type("prod")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("2 of 4 datasets differ")
    listed = page.get_by_role("table", name="Datasets that differ")
    expect(listed.get_by_role("row", name="customers")).to_contain_text("schema statistics")
    expect(listed.get_by_role("row", name="prices")).to_contain_text("presence")
    told = page.get_by_role("table", name="customers")
    expect(told.get_by_role("row", name="<b>age</b>")).to_contain_text("not there")
    expect(told.get_by_role("row", name="figure rows 100 200,000")).to_be_visible()
    listed.get_by_role("link", name="dataset:[shop-dev]customers").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("customers")


def test_a_dataset_leads_to_its_comparison(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/open?ref=dataset:[shop-prod]customers")
    facts = page.locator("dl.facts").first
    expect(facts).to_contain_text("prod compare")
    facts.get_by_role("link", name="compare").click()
    expect(page.get_by_label("Environment or namespace")).to_have_value("prod")
    expect(page.get_by_label("Name contains")).to_have_value("customers")
    page.get_by_label("Compared with").fill("dev")
    page.get_by_label("Look at").select_option("schema")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("status")).to_contain_text("1 of 1 datasets differ")
    expect(page.get_by_text("200,000")).to_have_count(0)


def test_an_environment_that_nobody_knows_is_named(page: Page, server: RunningServer) -> None:
    answer = page.request.get(f"{server.url}/skew?one=dev&other=moon")
    assert answer.status == 404
    assert "there is no such environment" in answer.text()
