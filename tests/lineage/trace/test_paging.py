"""Pages: they fit together or are refused; what is too large for one is cut, and says so."""

from __future__ import annotations

from typing import Any

import pytest
from trace_world import IDENTITY, Estate, churn_estate

from lineage.errors import InvalidInput
from lineage.graph.port import Limits
from lineage.refs import DatasetRef
from lineage.trace.model import Trace
from lineage.trace.paging import Cursor, Page, StaleCursor
from lineage.trace.render import mermaid, text
from lineage.trace.walk import trace

NOW = 1_388_534_400_000


def ask(estate: Estate, ref: Any, **options: Any) -> Trace:
    asked: dict[str, Any] = {"direction": "up", "as_of": NOW, "limits": Limits(seconds=60)}
    return trace(estate.graph, estate.state, IDENTITY, ref, **{**asked, **options})


def following(page: Trace) -> Cursor:
    assert page.next is not None
    return Cursor.read(page.next)


def test_a_page_that_no_longer_fits_is_refused() -> None:
    estate, model = churn_estate()
    after = following(ask(estate, model, page=Page(3)))
    estate.feed(estate.dataset("new"), DatasetRef("demo", "training_set"), "late")
    with pytest.raises(StaleCursor) as refused:
        ask(estate, model, page=Page(3, after))
    assert (refused.value.exit_code, refused.value.http_status) == (4, 409)


def test_facts_that_do_not_concern_the_answer_leave_its_pages_as_they_are() -> None:
    estate, model = churn_estate()
    first = ask(estate, model, page=Page(3))
    estate.dataset("elsewhere")
    second = ask(estate, model, page=Page(3, following(first)))
    assert not {n.key for n in first.nodes} & {n.key for n in second.nodes}
    assert following(second).known_at == first.known_at


@pytest.mark.parametrize(
    "other",
    [
        {"direction": "down"},
        {"view": "content"},
        {"columns": True},
        {"as_of": NOW + 1},
        {"to": DatasetRef("demo", "bookings")},
        {"limits": Limits(depth=2, seconds=60)},
    ],
)
def test_a_cursor_serves_the_question_that_it_was_given_for_alone(other: dict[str, Any]) -> None:
    estate, model = churn_estate()
    after = following(ask(estate, model, page=Page(1)))
    with pytest.raises(StaleCursor):
        ask(estate, model, page=Page(1, after), **other)


@pytest.mark.parametrize(
    "odd", ["x", "?", "AAAA", "é", "a" * 500, str(Cursor(1, 2, "d", 3, "up"))[:-4]]
)
def test_what_is_no_cursor_is_refused(odd: str) -> None:
    with pytest.raises(InvalidInput, match="no cursor"):
        Cursor.read(odd)


@pytest.mark.parametrize("seen", [-1, 0, 9, 1000])
def test_a_cursor_that_points_nowhere_is_stale(seen: int) -> None:
    estate, model = churn_estate()
    after = following(ask(estate, model, page=Page(1)))
    bent = Cursor(after.as_of, after.known_at, after.digest, seen, after.direction)
    with pytest.raises(StaleCursor):
        ask(estate, model, page=Page(1, bent))


def test_an_answer_too_large_for_one_page_goes_on() -> None:
    estate, model = churn_estate()
    whole = ask(estate, model)
    nodes, pages, after = [], 0, None
    while True:
        page = ask(estate, model, page=Page(after=after, most_bytes=1500))
        nodes += page.nodes
        pages += 1
        if page.next is None:
            break
        assert [r.code for r in page.reasons if r.missing] == ["bytes"]
        assert not page.complete
        after = following(page)
    assert (tuple(nodes), pages > 2) == (whole.nodes, True)


def test_one_node_larger_than_a_page_still_comes() -> None:
    estate, model = churn_estate()
    page = ask(estate, model, page=Page(most_bytes=1))
    assert len(page.nodes) == 1


def test_the_total_is_unknown_where_a_limit_ended_the_walk() -> None:
    estate, model = churn_estate()
    page = ask(estate, model, page=Page(1), limits=Limits(depth=2, seconds=60))
    assert (page.total, page.complete) == (None, False)
    assert ask(estate, model, page=Page(1)).total == 9


def test_further_pages_are_drawn_by_themselves() -> None:
    estate, model = churn_estate()
    page = ask(estate, model, page=Page(4, following(ask(estate, model, page=Page(4)))))
    drawn = text(page)
    for node in page.nodes:
        assert node.ref in drawn
    assert "4 of 9 nodes" in drawn
    assert "on a page before" in mermaid(page)
