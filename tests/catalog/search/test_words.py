from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.search.words import LONGEST, edits, similarity, words

NAMES = st.text(st.characters(codec="utf-8"), max_size=60)
WORDS = st.text("abcdefgh0123", min_size=2, max_size=9)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("customer_email", ["customer", "email"]),
        ("customerEmailAddress", ["customer", "email", "address"]),
        ("HTTPServerLog", ["http", "server", "log"]),
        ("crm.customer-orders", ["crm", "customer", "orders"]),
        ("s3://bucket/päth/Größe.parquet", ["s3", "bucket", "path", "grosse", "parquet"]),
        ("md5_2024", ["md5", "2024"]),
        ("顧客_メール", ["顧客", "メール"]),
        ("___", []),
    ],
)
def test_a_name_falls_apart_at_its_seams(name: str, parts: list[str]) -> None:
    assert list(words(name).parts) == parts


def test_behind_its_parts_stands_the_whole_name_in_one_word() -> None:
    assert words("crm.customerEmail").line == "crm customer email customeremail"


@given(NAMES)
def test_words_hold_nothing_that_a_query_could_end_at(name: str) -> None:
    for word in words(name).line.split(" "):
        assert all(char not in word for char in '"*:(){}^+- \n\t\0')
        assert len(word) <= LONGEST or not word.isascii()
        assert word == word.casefold()


@given(NAMES)
def test_taking_words_apart_again_changes_nothing(name: str) -> None:
    assert words(" ".join(words(name).parts)).parts == words(name).parts


@given(WORDS, st.data())
def test_one_slip_is_among_the_edits_either_way(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    char = data.draw(st.sampled_from("abcxyz9"))
    slips = {
        word[:place] + word[place + 1 :],
        word[:place] + char + word[place:],
        word[:place] + char + word[place + 1 :],
        word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
    } - {word}
    for slip in slips:
        assert slip in edits(word)
        assert word in edits(slip)


def test_words_that_look_alike_are_similar_and_others_are_not() -> None:
    assert similarity("customer", "customer") == 1.0
    assert similarity("custommer", "customer") > 0.6
    assert similarity("customer", "shipment") < 0.2
