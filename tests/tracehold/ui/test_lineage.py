"""The picture of a lineage: it opens on click, goes back in time, and needs no mouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from demo_workspace import act
from load import LoadSpec, events
from openlineage_events import NS, at, dataset, run_event
from playwright.sync_api import Locator, Page, expect
from running_server import RunningServer, make_workspace, run, serving
from web_estate import (
    DAY,
    HOSTILE,
    browsing,
    estate_events,
    fill,
    log_in,
    page_of,
    ref,
    star_event,
)

from lineage.clock import format_millis

pytestmark = pytest.mark.browser

ODD = '.box:has(.name[title^="<img"])'
LARGE = LoadSpec(
    jobs=780, levels=6, fan_in=6, reach=0, columns=2, runs=780, with_start=False, namespace="large"
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, int]]:
    """A server with the small estate and a large one, and how many facts told of the first days."""
    first, *later = estate_events()
    with serving(make_workspace(tmp_path_factory.mktemp("lineage") / "shop")) as running:
        fill(running, [first, later.pop(0)])
        client = running.client()
        early = client.json("/api/v1/trace", ref=ref("mart"))["known_at"]
        client.close()
        fill(running, [*later, star_event(350), *events(LARGE)])
        mail = {"amount": {"entity": "EMAIL_ADDRESS", "tier": "confirmed"}}
        act(
            running, "olga", "privacy-officer", "pii.record", dataset=ref("orders"), columns=mail,
            engine="test", config_digest="c", rows=10,
        )  # fmt: skip
        yield running, early


@pytest.fixture(scope="module")
def server(filled: tuple[RunningServer, int]) -> RunningServer:
    """The server."""
    return filled[0]


@pytest.fixture(scope="module")
def opened(server: RunningServer) -> Iterator[Page]:
    """A browser in which an auditor is logged in."""
    with browsing() as page:
        log_in(page, server)
        yield page


@pytest.fixture
def page(opened: Page, server: RunningServer) -> Page:
    """The page of ``mart``, with its picture."""
    return show(opened, page_of(server, "mart"))


def show(page: Page, address: str) -> Page:
    """Open a page and wait for its picture."""
    page.goto(address)
    expect(page.locator(".box.focus")).to_be_visible()
    return page


def names(page: Page) -> set[str]:
    """Names of the boxes that are shown."""
    return set(page.locator(".box .name strong").all_inner_texts())


def box(page: Page, name: str) -> Locator:
    """The box of a thing."""
    return page.locator(".box").filter(has=page.locator(f'.name strong:text-is("{name}")'))


def press(page: Page, name: str, label: str) -> None:
    """Press the button of a box that begins with a label."""
    box(page, name).get_by_role("button", name=label).click()


def test_it_begins_one_hop_each_way_and_says_how_much_more_there_is(page: Page) -> None:
    expect(page.locator(".box")).to_have_count(4)
    assert names(page) == {"orders", "mart", "report", "wide"}
    expect(box(page, "orders").locator(".handle.up")).to_have_text("+1")
    expect(box(page, "wide").locator(".handle.down")).to_have_count(0)
    expect(page.locator("#standing")).to_contain_text("more can be opened")


def test_a_click_opens_what_feeds_a_box_and_another_closes_it(page: Page) -> None:
    press(page, "orders", "Show what feeds")
    expect(box(page, "landing")).to_be_visible()
    expect(page.locator("#said")).to_have_text("1 more before orders")
    press(page, "orders", "Hide what feeds")
    expect(box(page, "landing")).to_have_count(0)


def test_what_stands_does_not_move_when_more_is_shown(page: Page) -> None:
    stands = "one => one.style.left + one.style.top"
    before = {name: box(page, name).evaluate(stands) for name in names(page)}
    press(page, "orders", "Show what feeds")
    expect(box(page, "landing")).to_be_visible()
    assert {name: box(page, name).evaluate(stands) for name in before} == before


def test_the_date_takes_the_picture_back_and_keeps_what_was_opened(page: Page) -> None:
    press(page, "orders", "Show what feeds")
    expect(box(page, "landing")).to_be_visible()
    page.get_by_label("As of").fill(format_millis(at(5 * DAY))[:16])
    expect(box(page, "legacy")).to_be_visible()
    assert names(page) == {"landing", "legacy", "orders", "mart"}
    assert "as_of=2026-01-06" in page.url
    page.reload()
    expect(box(page, "legacy")).to_be_visible()
    assert names(page) == {"legacy", "orders", "mart"}


def test_the_content_view_shows_whose_data_may_still_be_inside(page: Page) -> None:
    assert "legacy" not in names(page)
    page.get_by_label("View").select_option("content")
    expect(box(page, "legacy")).to_be_visible()


def test_what_was_known_at_a_fact_is_shown(page: Page, filled: tuple[RunningServer, int]) -> None:
    server, early = filled
    show(page, f"{page_of(server, 'mart')}?known_at={early}")
    expect(page.locator("#standing")).to_contain_text(f"known at fact {early}")
    assert names(page) == {"legacy", "orders", "mart"}


def test_columns_are_followed_column_by_column(page: Page) -> None:
    page.get_by_role("combobox", name="Shown").select_option("columns")
    expect(box(page, "mart").locator(".row")).to_have_text(["amount", "day"])
    expect(box(page, "report").locator(".row")).to_have_text(["total"])
    box(page, "report").get_by_role("button", name="total").click()
    expect(box(page, "mart").locator(".row.lit")).to_have_text(["amount"])
    expect(box(page, "orders").locator(".row.lit")).to_contain_text(["amount"])
    expect(page.locator("#hop")).to_contain_text("mart.amount")
    expect(box(page, "wide").locator(".row").last).to_have_text("8 more columns")
    box(page, "wide").get_by_role("button", name="8 more columns").click()
    expect(box(page, "wide").locator(".row")).to_have_count(21)


def test_personal_data_is_marked_at_tables_and_columns(page: Page) -> None:
    expect(box(page, "orders").locator(".marks")).to_have_text("personal data")
    box(page, "orders").locator(".name").click()
    expect(page.locator("#hop")).to_contain_text("EMAIL_ADDRESS")
    page.get_by_role("combobox", name="Shown").select_option("columns")
    rows = box(page, "orders").locator(".row")
    expect(rows).to_have_text(["amount · EMAIL_ADDRESS", "day"])


def test_a_column_has_a_page_with_its_own_lineage(page: Page) -> None:
    page.get_by_role("table", name="Columns").get_by_role("link", name="day").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("#day")
    expect(box(page, "orders").locator(".row")).to_have_text(["day"])
    assert names(page) == {"orders", "mart"}


def test_choosing_a_box_lights_the_way_from_where_it_began(page: Page) -> None:
    press(page, "report", "Show what is made from")
    odd = page.locator(ODD)
    odd.locator(".name").click()
    expect(page.locator(".link.lit")).to_have_count(2)
    expect(box(page, "orders")).not_to_have_class("lit")
    page.keyboard.press("Escape")
    expect(page.locator(".link.lit")).to_have_count(0)


def test_the_way_to_a_thing_is_found_and_lit(page: Page, server: RunningServer) -> None:
    show(page, page_of(server, "landing"))
    page.get_by_label("Way to").fill("report")
    page.get_by_role("button", name="Show the way").click()
    expect(box(page, "report")).to_be_visible()
    assert names(page) == {"landing", "orders", "mart", "report"}
    expect(page.locator(".link.lit")).to_have_count(3)
    page.get_by_label("Way to").fill("legacy")
    page.get_by_role("button", name="Show the way").click()
    expect(page.locator("#said")).to_contain_text("no way leads from here")


def test_a_moment_that_cannot_be_read_is_named_and_the_picture_stays(page: Page) -> None:
    page.get_by_label("Known at").fill("yesterday")
    page.get_by_label("Known at").press("Tab")
    expect(page.locator("#said")).to_contain_text("this is no moment")
    assert names(page) == {"orders", "mart", "report", "wide"}
    press(page, "orders", "Show what feeds")
    expect(page.locator("#said")).to_contain_text("this is no moment")
    page.get_by_label("Known at").fill("")
    page.get_by_label("Known at").press("Tab")
    expect(page.locator("#said")).to_be_empty()


def test_the_jobs_of_a_table_stand_there_with_their_newest_runs(page: Page) -> None:
    read = page.get_by_role("table", name="Read by").get_by_role("row")
    expect(read.filter(has_text="tell")).to_contain_text("fail")
    expect(read.filter(has_text="spread")).to_contain_text("complete")
    written = page.get_by_role("table", name="Written by").get_by_role("row")
    expect(written.filter(has_text="build")).to_contain_text("2026-01-31")


def test_before_it_failed_a_job_is_not_marked(page: Page) -> None:
    expect(page.locator(".link.failed")).to_have_count(1)
    page.get_by_label("As of").fill(format_millis(at(30.5 * DAY))[:16])
    expect(box(page, "wide")).to_have_count(0)
    expect(page.locator(".link.failed")).to_have_count(0)


def test_a_failed_run_is_marked_and_named(page: Page) -> None:
    expect(page.locator(".link.failed .sign")).to_have_text(["✗"])
    box(page, "report").locator(".name").click()
    expect(page.locator("#hop")).to_contain_text("✗ failed")
    page.locator("#hop").get_by_role("link", name="tell").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("tell")
    runs = page.get_by_role("table", name="Runs")
    expect(runs.get_by_role("row")).to_have_count(3)
    runs.get_by_role("link").first.click()
    expect(page.locator("dl.facts")).to_contain_text("fail")
    expect(page.get_by_role("table", name="Wrote").get_by_role("link")).to_contain_text("report")


def test_names_are_shown_as_text_whatever_they_say(page: Page, server: RunningServer) -> None:
    show(page, page_of(server, "report"))
    expect(page.locator(ODD)).to_contain_text(r"\u{202e}txt")
    assert page.locator("#trace img, #trace-table img").count() == 0
    page.goto(f"{server.url}/datasets?text={HOSTILE[:4]}")
    page.get_by_role("link", name="<img").click()
    expect(page.locator(f".focus{ODD}")).to_be_visible()


def test_it_can_be_walked_with_the_keyboard_alone(page: Page) -> None:
    assert page.locator('#trace [tabindex="0"]').count() == 1
    page.locator("#trace [tabindex='0']").focus()
    page.keyboard.press("ArrowLeft")
    expect(box(page, "orders").locator(".name")).to_be_focused()
    page.keyboard.press("Shift+ArrowLeft")
    expect(box(page, "landing")).to_be_visible()
    expect(box(page, "orders").locator(".name")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(box(page, "landing").locator(".name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box(page, "landing").locator(".name")).to_have_attribute("aria-pressed", "true")
    expect(box(page, "landing").locator(".name")).to_be_focused()
    expect(page.locator("#hop")).to_contain_text("landing")
    page.keyboard.press("Home")
    expect(box(page, "mart").locator(".name")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    here = page.evaluate("document.activeElement.querySelector('strong').textContent")
    assert here in {"report", "wide"}


def test_everything_that_can_be_pressed_has_a_name_and_states_are_told(page: Page) -> None:
    told = page.locator("main").aria_snapshot()
    assert "- button\n" not in told
    assert "- link\n" not in told
    assert 'button "Show what feeds orders (1)"' in told
    assert 'group "Graph of the lineage; data flows to the right"' in told
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button")]
             .filter((one) => !one.labels?.length && !one.ariaLabel && !one.textContent.trim()
                              && one.type !== "hidden")
             .map((one) => one.outerHTML)"""
    )
    assert unnamed == []


def test_the_tables_say_the_same_as_the_picture(page: Page) -> None:
    press(page, "orders", "Show what feeds")
    expect(box(page, "landing")).to_be_visible()
    things = page.get_by_role("table", name="Things in the picture")
    listed = things.locator("tbody tr td:first-child button").all_inner_texts()
    assert set(listed) == names(page)
    links = page.get_by_role("table", name="Links in the picture").locator("tbody tr")
    expect(links).to_have_count(page.locator(".links .link").count())
    things.get_by_role("button", name="Hide what feeds orders").click()
    expect(things.locator("tbody tr")).to_have_count(4)


def test_nothing_moves_for_those_who_want_no_motion(page: Page, server: RunningServer) -> None:
    page.emulate_media(reduced_motion="reduce")
    show(page, page_of(server, "mart"))
    press(page, "orders", "Show what feeds")
    expect(box(page, "landing")).to_be_visible()
    moving = "document.getAnimations().length"
    assert page.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(
    page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    box(page, "report").locator(".name").click()
    low = page.evaluate(CONTRAST)
    assert low == []
    page.emulate_media(color_scheme="light")


CONTRAST = """() => {
  const luminance = ([r, g, b]) => {
    const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const color = numbers(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || one.closest("svg, script, option") || !one.checkVisibility()) continue;
    const [a, b] = [luminance(numbers(getComputedStyle(one).color)), luminance(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${one.className} ${one.textContent.trim().slice(0, 30)} ${ratio}`);
  }
  return low;
}"""
"""Text whose contrast is below 4.5:1 (WCAG 2.2, 1.4.3)."""


def test_five_hundred_boxes_can_be_used(page: Page, server: RunningServer) -> None:
    client = server.client()
    [wide] = client.json("/api/v1/datasets", text="level_06", limit=1)["items"]
    client.close()
    show(page, f"{server.url}/datasets/{wide['key']}")
    page.get_by_role("button", name="Everything it comes from").click()
    expect(page.locator("#said")).to_contain_text("the nearest 500 of")
    count = page.locator(".box").count()
    assert count == 500
    places = page.evaluate(
        "[...document.querySelectorAll('.box')].map((b) => [b.style.left, b.style.top].join())"
    )
    assert len(set(places)) == count
    page.locator(".box .name").last.dispatch_event("click")
    expect(page.locator(".link.lit")).not_to_have_count(0)
    page.get_by_role("button", name="Fit").click()
    assert page.locator(".box").first.evaluate("(box) => box.getBoundingClientRect().width") < 100
    page.get_by_label("As of (UTC)").fill("2000-01-01T00:00")
    page.get_by_label("As of (UTC)").press("Enter")
    expect(page.locator(".box")).to_have_count(1)
    left = page.locator(".box").evaluate("(box) => box.getBoundingClientRect().width")
    assert left > 200, "what is left can be read"


def test_of_a_long_name_the_end_is_seen(page: Page, server: RunningServer) -> None:
    long = f"{'a_very_long_beginning.' * 3}the_end"
    fill(server, [run_event("COMPLETE", 0, job="long", run="long", outputs=[long])])
    show(page, page_of(server, long))
    title = box(page, long).locator(".title")
    assert title.evaluate("(one) => one.scrollWidth > one.clientWidth")
    seen = title.evaluate(
        """(one) => {
             const [room, name] = [one, one.firstChild].map((n) => n.getBoundingClientRect());
             return name.right <= room.right + 1 && name.left < room.left;
           }"""
    )
    assert seen


def test_very_many_neighbors_come_page_by_page(page: Page, server: RunningServer) -> None:
    show(page, page_of(server, "hub"))
    expect(page.locator(".box")).to_have_count(200)
    press(page, "hub", "Show what is made from")
    expect(page.locator("#said")).to_have_text("151 more behind hub")
    expect(page.locator(".box")).to_have_count(351)
    press(page, "hub", "Hide what is made from")
    expect(page.locator(".box")).to_have_count(1)


def test_a_trace_as_one_file_opens_without_a_server(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    made = run("trace", "report", "--format", "html", workspace=server.workspace)
    assert made.returncode == 0, made.stderr
    file = tmp_path / "trace.html"
    file.write_text(made.stdout)
    show(page, file.as_uri())
    assert names(page) == {"landing", "orders", "mart", "report"}
    expect(page.locator("#standing")).to_contain_text("complete")
    box(page, "landing").locator(".name").click()
    expect(page.locator(".link.lit")).to_have_count(3)
    expect(page.locator("#hop").get_by_role("link")).to_have_count(0)
    show(page, page_of(server, "mart"))


def test_what_may_not_be_seen_stands_there_as_hidden(opened: Page, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "closed")
    with (workspace / "tracehold.toml").open("a") as settings:
        settings.write(f'\n[access]\nopen = ["{NS}"]\n')
    closed = {**dataset("salaries"), "namespace": "hr"}
    browser = opened.context.browser
    assert browser is not None
    with serving(workspace) as server, browser.new_page() as page:
        fill(server, [
            run_event("COMPLETE", 0, job="pay", run="1", inputs=[closed], outputs=["costs"]),
            run_event("COMPLETE", 1, job="sum", run="2", inputs=["costs"], outputs=["totals"]),
        ])  # fmt: skip
        log_in(page, server, "erin", "engineer")
        show(page, page_of(server, "costs"))
        assert names(page) == {"hidden", "costs", "totals"}
        expect(box(page, "hidden").locator(".handle")).to_have_count(0)
        expect(page.locator("#standing")).to_contain_text("incomplete")
        box(page, "hidden").locator(".name").click()
        expect(page.locator("#hop")).to_contain_text("you may not see it")
        assert "salaries" not in page.content()


def test_a_search_from_any_page_finds_and_leads_there(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/retention")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type("repor")
    found = page.locator("#found").get_by_role("link")
    expect(found.first).to_have_text(ref("report"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("report")
    page.goto(f"{server.url}/search?text=nothing-of-the-kind")
    expect(page.locator("#results")).to_contain_text("0 found")


def test_a_half_remembered_column_leads_to_its_page(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/search?text=amonut")
    expect(page.locator("#results")).to_contain_text("come near")
    page.locator("#results").get_by_role("link", name="#amount").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("#amount")


def test_the_picture_carries_only_what_it_needs(page: Page) -> None:
    carried = json.loads(page.locator("#trace-data").text_content() or "")
    assert carried["ref"] == ref("mart")
    assert carried["answer"] is None
