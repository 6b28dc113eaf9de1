"""What is found, and what stands before what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openlineage_events import NS, dataset, run_event
from rounds import rounds
from search_world import SearchWorld, described

from catalog.search import searching

COLUMNS = ["customer_email", "orderTotal", "shipping_zip", "iban"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SearchWorld]:
    found = SearchWorld(tmp_path)
    found.has(
        described(
            "crm.customers", COLUMNS, text="Who buys from us, one row each", owner="team-sales",
            tag="gold", notes={"iban": "bank account for refunds"},
        ),
        described("crm.orders", ["order_id", "placed_at"]),
        described("logs.requests", ["url", "took_ms"]),
        job="load_crm",
    )  # fmt: skip
    yield found
    found.close()


@pytest.mark.parametrize(
    "remembered",
    [
        "customer_email", "customerEmail", "customer email", "email customer", "CUSTOMEREMAIL",
        "custEmail", "cust_em", "mail", "custmer", "emial", "ordertotal", "total order", "zip",
        "shiping zip", "ibann",
        "team-sales", "sales", "gold", "buys", "refunds", "bank account",
    ],
)  # fmt: skip
def test_half_of_a_name_finds_the_table(shop: SearchWorld, remembered: str) -> None:
    assert shop.names(remembered, "Dataset")[0] == "crm.customers"


def test_the_columns_that_fit_are_named_the_best_first(shop: SearchWorld) -> None:
    [hit] = shop.hits("email", "Dataset")
    assert hit.fields == ("customer_email",)
    assert hit.where == ("columns",)
    [hit] = shop.hits("refunds")
    assert (hit.fields, hit.where) == ((), ("notes",))


def test_a_name_that_is_meant_stands_before_one_that_only_begins_so(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path)
    found.has(*(dataset(name) for name in ("orders_archive_2019", "orders", "reordersheet")))
    assert found.names("orders", "Dataset") == ["orders", "orders_archive_2019", "reordersheet"]
    found.close()


def test_a_name_counts_more_than_a_column_and_that_more_than_a_description(
    tmp_path: Path,
) -> None:
    found = SearchWorld(tmp_path)
    found.has(
        described("a", ["other"], text="about invoices"),
        described("b", ["invoices"]),
        described("invoices", ["other"]),
    )
    assert found.names("invoices", "Dataset") == ["invoices", "b", "a"]
    found.close()


def test_words_of_one_column_stand_before_words_of_two(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path)
    found.has(
        described("apart", ["supplier", "country"]),
        described("together", ["supplier_country", "other"]),
    )
    assert found.names("supplier country", "Dataset") == ["together", "apart"]
    found.close()


def test_what_is_used_more_stands_before_what_is_used_less(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path)
    found.has(described("a_rates"), described("b_rates"), described("c_rates"), job="load")
    for reader in range(6):
        found.world.send(
            run_event("COMPLETE", 1, job=f"reader_{reader}", run=f"reader-{reader}",
                      inputs=["b_rates"], outputs=[f"report_{reader}"])
        )  # fmt: skip
    found.world.send(
        run_event("COMPLETE", 1, job="one", run="one", inputs=["c_rates"], outputs=["copy"])
    )
    assert found.names("rates", "Dataset") == ["b_rates", "c_rates", "a_rates"]
    found.close()


def test_what_was_used_lately_stands_before_what_was_used_long_ago(tmp_path: Path) -> None:
    found = SearchWorld(tmp_path)
    found.has(described("a_rates"), job="old", minutes=0)
    found.has(described("b_rates"), job="new", minutes=39 * 24 * 60)
    new, old = found.hits("rates", "Dataset")
    assert found.names("rates", "Dataset") == ["b_rates", "a_rates"]
    assert new.last_used is not None
    assert old.last_used is not None
    assert new.last_used > old.last_used
    found.close()


def test_jobs_are_found_by_name(shop: SearchWorld) -> None:
    assert shop.names("crm load", "Job") == ["load_crm"]
    assert shop.names("load crm", "Model") == []


def test_a_namespace_narrows_a_search_down(shop: SearchWorld) -> None:
    assert len(shop.outcome("customers", None, NS).hits) == 1
    assert len(shop.outcome("customers", None, "elsewhere").hits) == 0


def test_a_word_that_nothing_has_is_named_and_the_others_still_find(shop: SearchWorld) -> None:
    outcome = shop.outcome("customer xylophone email")
    assert outcome.left_out == ("xylophone",)
    assert [hit.fields for hit in outcome.hits] == [("customer_email",)]


def test_where_no_thing_has_all_words_those_that_have_some_are_found(shop: SearchWorld) -> None:
    assert set(shop.names("iban url", "Dataset")) == {"crm.customers", "logs.requests"}


@pytest.mark.parametrize(
    "text", ["", "   ", "*", '"', "AND", "NEAR(", "a OR", "name:", "\0", "^", "{"]
)
def test_nothing_that_is_typed_is_taken_for_a_query_language(shop: SearchWorld, text: str) -> None:
    assert shop.hits(text) is not None


@settings(
    max_examples=rounds(usual=60, campaign=5_000), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.text(max_size=40))
def test_any_text_is_answered(shop: SearchWorld, text: str) -> None:
    assert len(shop.hits(text)) <= 4


def test_further_candidates_follow_where_a_word_is_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "CANDIDATES", 4)
    found = SearchWorld(tmp_path)
    found.has(*(described(f"t{number}", ["id"]) for number in range(10)))
    with found.index.opened() as (index, _):
        outcomes = list(searching.search(index, "id", now=0, last_used=lambda _: {}))
    assert [len(outcome.hits) for outcome in outcomes] == [4, 4, 2]
    assert [outcome.more for outcome in outcomes] == [True, True, False]
    assert len({hit.key for outcome in outcomes for hit in outcome.hits}) == 10
    found.close()


@pytest.mark.parametrize("remembered", ["customer_email", "customer email", "customerEmail"])
def test_a_name_is_found_behind_more_used_things_that_have_its_words_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remembered: str
) -> None:
    monkeypatch.setattr(searching, "CANDIDATES", 4)
    found = SearchWorld(tmp_path)
    found.has(*(described(f"t{n}", ["customer", "email"]) for n in range(10)), job="load")
    found.has(described("meant", ["main_customer_email"]), job="other")
    found.world.send(
        run_event("COMPLETE", 1, job="reader", inputs=[f"t{n}" for n in range(10)], outputs=["x"])
    )
    assert found.names(remembered)[0] == "meant"
    found.close()
