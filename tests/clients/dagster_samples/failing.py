"""Steps that fail, are tried again, are skipped, and a run that is taken up where it failed."""

import itertools
from collections.abc import Iterator

from dagster import (
    AssetOut,
    Definitions,
    Output,
    RetryPolicy,
    asset,
    multi_asset,
)
from playing import Playing

_ASKED = itertools.count(1)
_BUILT = itertools.count(1)


@asset(code_version="1", retry_policy=RetryPolicy(max_retries=2))
def quotes() -> None:
    """Works at the second try."""
    if next(_ASKED) == 1:
        raise ConnectionError("nobody is there, says jane@example.org")


@asset(code_version="1", deps=[quotes])
def curve() -> None:
    """Works, fails, works."""
    if next(_BUILT) == 2:
        raise ValueError("jane@example.org has no rate")


@asset(code_version="1", deps=[curve])
def risk() -> None:
    """Comes after it."""


@multi_asset(
    outs={
        "kept": AssetOut(is_required=False, code_version="1"),
        "empty": AssetOut(is_required=False, code_version="1"),
    }
)
def sift() -> Iterator[Output[int]]:
    """Has nothing for one of its outputs."""
    yield Output(1, "kept")


@asset(code_version="1")
def after_empty(empty: int) -> int:
    """Is skipped, for it has nothing to read."""
    return empty


defs = Definitions([quotes, curve, risk, sift, after_empty])


def story(shop: Playing) -> None:
    """All well but for one retry; the curve fails; the rest is taken up; a step is skipped."""
    shop.run("quotes", "curve", "risk")
    failed = shop.run("quotes", "curve", "risk", fails=True)
    again = {"dagster/parent_run_id": failed, "dagster/root_run_id": failed}
    shop.run("curve", "risk", tags=again)
    shop.run("kept", "empty", "after_empty")
