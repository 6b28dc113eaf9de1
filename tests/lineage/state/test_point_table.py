"""Points that are derived anew: what stays, what is cited otherwise, what goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from quick_states import memory_state

from lineage.facts import Json
from lineage.state.digest import RollingDigest
from lineage.state.point_table import PointTable, read_points
from lineage.state.resolve import StoredPoint
from lineage.state.store import SqlState
from lineage.state.words import said_of, saying

POINT = StoredPoint("", "facet", 5, "rank:schema", "fact-2", 2, "sender", {"a": 1})


@pytest.fixture
def state() -> Iterator[SqlState]:
    made = memory_state()
    yield made
    made.close()


def test_the_same_again_changes_nothing_and_another_citation_is_taken_over(
    state: SqlState,
) -> None:
    digest = RollingDigest()
    points = PointTable(state.writer(), digest)
    earlier = replace(POINT, fact_id="fact-1", position=1)
    assert points.replace_derived("e", {("schema", "schema"): [POINT]}) == {"schema"}
    total = digest.total
    assert points.replace_derived("e", {("schema", "schema"): [POINT]}) == set()
    assert points.replace_derived("e", {("schema", "schema"): [earlier]}) == {"schema"}
    assert read_points(state.writer(), "e", "schema") == [earlier]
    assert digest.total == total != 0


@pytest.mark.parametrize("wanted", [{"value": {"a": 2}}, {"time": 6}, {"source": "import"}])
def test_what_is_not_derived_any_more_goes_with_its_share_of_the_digest(
    state: SqlState, wanted: dict[str, Json]
) -> None:
    digest = RollingDigest()
    points = PointTable(state.writer(), digest)
    other = replace(POINT, **wanted)
    points.replace_derived("e", {("schema", "schema"): [POINT]})
    assert points.replace_derived("e", {("schema", "schema"): [other]}) == {"schema"}
    assert read_points(state.writer(), "e", "schema") == [other]
    assert points.replace_derived("e", {}) == {"schema"}
    assert (read_points(state.writer(), "e", "schema"), digest.total) == ([], 0)


def test_a_word_is_found_in_what_was_said_whatever_its_case(state: SqlState) -> None:
    points, db = PointTable(state.writer(), RollingDigest()), state.writer()
    points.put("e", "tags", replace(POINT, value=["Health"]))
    points.put("f", "tags", replace(POINT, value=["health", "Public"]))
    points.put("f", "terms", replace(POINT, value=["health"]))
    assert saying(db, "tags", ["HEALTH"]) == {"e", "f"}
    assert saying(db, "tags", ["none", "public"]) == {"f"}
    assert saying(db, "tags", ["health"], unless="Public") == {"e"}
    assert saying(db, "tags", []) == set()
    assert said_of(db, ["terms", "tags", "license"]) == (("tags", 2), ("terms", 1))
