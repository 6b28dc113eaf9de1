"""Short names: what fits one thing is that thing; what fits several lists them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_world import IDENTITY, Estate, churn_estate

from lineage.errors import InvalidInput, NotFound
from lineage.trace.resolve import resolve


def named(estate: Estate, text: str) -> str:
    ref, key = resolve(estate.state, IDENTITY, text)
    assert key == ref.key(IDENTITY)
    return str(ref)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("dataset:[demo]flights", "dataset:[demo]flights"),
        ("dataset:[demo]flights@v7", "dataset:[demo]flights@v7"),
        (" flights ", "dataset:[demo]flights"),
        ("dataset:flights", "dataset:[demo]flights"),
        ("flights.csv", "dataset:[file]/work/sources/flights.csv"),
        ("model:churn@1", "model:churn@1"),
        ("churn@1", "model:churn@1"),
        ("churn", "model:churn@1"),
        ("model:churn", "model:churn@1"),
        ("make_training_set", "job:[demo]make_training_set"),
        ("job:train_churn", "job:[demo]train_churn"),
        ("bookings#email", "column:[demo]bookings#email"),
        ("column:bookings#email", "column:[demo]bookings#email"),
        ("column:[demo]bookings#email", "column:[demo]bookings#email"),
    ],
)
def test_one_thing_fits(text: str, ref: str) -> None:
    assert named(churn_estate()[0], text) == ref


def test_several_that_fit_are_listed() -> None:
    estate, _ = churn_estate()
    estate.dataset("flights", "other")
    estate.model("churn", "2")
    with pytest.raises(InvalidInput, match="fits 2 things") as caught:
        named(estate, "flights")
    assert "dataset:[demo]flights, dataset:[other]flights" in caught.value.advice
    with pytest.raises(InvalidInput) as caught:
        named(estate, "model:churn")
    assert "model:churn@1, model:churn@2" in caught.value.advice
    for number in range(20):
        estate.dataset("flights", f"ns{number:02}")
    with pytest.raises(InvalidInput) as caught:
        named(estate, "flights")
    assert caught.value.advice.endswith("and 14 more")


def test_the_whole_name_wins_over_the_end_of_another() -> None:
    estate = Estate()
    estate.dataset("db.schema.orders")
    assert named(estate, "orders") == "dataset:[demo]db.schema.orders"
    estate.dataset("orders")
    assert named(estate, "orders") == "dataset:[demo]orders"
    assert named(estate, "schema.orders") == "dataset:[demo]db.schema.orders"


def test_a_table_wins_over_the_job_that_is_called_after_it() -> None:
    estate = Estate()
    estate.feed(estate.dataset("raw"), estate.dataset("orders"), "orders")
    assert named(estate, "orders") == "dataset:[demo]orders"
    assert named(estate, "job:orders") == "job:[demo]orders"


@pytest.mark.parametrize(
    "text", ["nothing", "dataset:[demo]gone", "model:churn@9", "run:[demo]x/1", "flight", "a#b"]
)
def test_what_nobody_knows_is_not_found(text: str) -> None:
    with pytest.raises(NotFound, match="nothing is known"):
        named(churn_estate()[0], text)


@pytest.mark.parametrize("text", ["", "dataset:", "column:[demo]bookings", "model:@"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        named(churn_estate()[0], text)


def test_many_similar_names_do_not_hide_the_exact_one() -> None:
    estate = Estate()
    for number in range(1_200):
        estate.dataset(f"a_table_{number}")
    estate.dataset("table_1")
    assert named(estate, "table_1") == "dataset:[demo]table_1"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_the_written_reference_of_any_dataset_leads_back_to_it(name: str) -> None:
    estate = Estate()
    ref = estate.dataset(name, namespace=f"ns{name}")
    assert resolve(estate.state, IDENTITY, str(ref)) == (ref, ref.key(IDENTITY))
