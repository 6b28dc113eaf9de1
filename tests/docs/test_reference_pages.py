"""The pages on configuration, HTTP and errors say what the product says."""

from __future__ import annotations

import pytest
from reference_pages import PAGES, REFERENCE, error_classes


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_what_the_product_says_of_itself(name: str) -> None:
    advice = "PYTHONPATH=.:tests/support .venv/bin/python tests/support/reference_pages.py"
    assert (REFERENCE / name).read_text("utf-8") == PAGES[name](), f"renew it: {advice}"


def test_every_error_class_says_what_it_means_and_has_a_status_that_fits_its_exit_code() -> None:
    fits = {1: {422}, 2: {400, 404, 405, 408, 413, 415}, 3: {401, 403, 503}, 4: {409}, 70: {500}}
    for kind in error_classes():
        assert (kind.__doc__ or "").strip(), kind
        assert kind.http_status in fits[kind.exit_code], kind
