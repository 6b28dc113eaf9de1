"""Where boxes stand: asked of the script itself, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page
from web_estate import browsing

import tracehold.ui

pytestmark = pytest.mark.browser

SCRIPT = Path(tracehold.ui.__file__).parent / "static" / "layout.js"
Links = Sequence[tuple[str, str]]
Places = dict[str, dict[str, float]]

keys = st.integers(0, 12).map(str)
graphs = st.lists(st.tuples(keys, keys), min_size=1, max_size=40)
few = settings(max_examples=60)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page with nothing but the script."""
    with browsing() as opened:
        opened.add_script_tag(path=SCRIPT)
        yield opened


def arrange(page: Page, links: Links, *, focus: str, before: Places | None = None) -> Places:
    """Places of everything that the links name, the focus at 0."""
    names = sorted({name for link in links for name in link} | {focus})
    boxes = [{"id": name, "name": name, "height": 46 + 24 * (len(name) % 3)} for name in names]
    given_: dict[str, Any] = {
        "boxes": boxes, "links": [list(link) for link in links], "focus": focus,
        "before": before or {},
    }  # fmt: skip
    found: Places = page.evaluate(
        """({boxes, links, focus, before}) => Object.fromEntries(
             Lineage.arrange(boxes, links, focus, new Map(Object.entries(before))))""",
        given_,
    )
    return found


def test_data_flows_to_the_right(page: Page) -> None:
    at = arrange(page, [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")], focus="c")
    assert at["a"]["x"] < at["b"]["x"] < at["c"]["x"] < at["d"]["x"]
    assert (at["c"]["x"], at["c"]["y"]) == (0, 0)


def test_neighbors_stand_beside_each_other(page: Page) -> None:
    links = [("a", "y"), ("b", "x"), ("x", "end"), ("y", "end")]
    at = arrange(page, links, focus="end")
    assert (at["a"]["y"] < at["b"]["y"]) == (at["y"]["y"] < at["x"]["y"])


@few
@given(graphs)
def test_no_box_covers_another_whatever_the_graph(page: Page, links: Links) -> None:
    at = arrange(page, links, focus=links[0][0])
    assert set(at) == {name for link in links for name in link}
    for one, other in combinations(at, 2):
        if at[one]["layer"] == at[other]["layer"]:
            least = (92 + 24 * (len(one) % 3 + len(other) % 3)) / 2
            assert abs(at[one]["y"] - at[other]["y"]) >= least - 1e-6


@few
@given(graphs, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(page: Page, links: Links, random: Any) -> None:
    shuffled = list(links)
    random.shuffle(shuffled)
    assert arrange(page, links, focus="0") == arrange(page, shuffled, focus="0")


@few
@given(graphs, st.lists(keys, min_size=1, max_size=4, unique=True), keys)
def test_what_stands_keeps_its_place_when_sources_of_something_are_shown(
    page: Page, links: Links, sources: list[str], opened: str
) -> None:
    focus = links[0][0]
    links = [*links, (opened, focus)]
    before = arrange(page, links, focus=focus)
    more = [*links, *((f"new {name}", opened) for name in sources)]
    after = arrange(page, more, focus=focus, before=before)
    assert (after[focus]["x"], after[focus]["y"]) == (0, 0)
    for one, other in combinations(before, 2):
        # New sources have no place in a chain that stood before: layers and order stay.
        assert after[one]["layer"] == before[one]["layer"]
        if before[one]["layer"] == before[other]["layer"]:
            order = before[one]["y"] < before[other]["y"]
            assert (after[one]["y"] < after[other]["y"]) == order
