"""Checks that pass, warn and fail; one that keeps what comes after from running."""

from collections.abc import Iterable

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    Definitions,
    MaterializeResult,
    asset,
    asset_check,
    multi_asset_check,
)
from playing import Playing


@asset(check_specs=[AssetCheckSpec("has_rows", asset="orders")])
def orders() -> MaterializeResult:
    """With a check of its own."""
    return MaterializeResult(check_results=[AssetCheckResult(passed=True, metadata={"rows": 3})])


@asset_check(asset=orders, blocking=True, description="Nobody pays less than nothing.")
def amounts_are_positive() -> AssetCheckResult:
    """Fails."""
    return AssetCheckResult(
        passed=False, severity=AssetCheckSeverity.ERROR, metadata={"column": "amount"}
    )


@asset_check(asset=orders)
def mostly_recent() -> AssetCheckResult:
    """Warns."""
    return AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN)


@asset(deps=[orders])
def revenue() -> None:
    """Does not run after a failed blocking check."""


@multi_asset_check(
    specs=[AssetCheckSpec("unique", asset="orders"), AssetCheckSpec("summed", asset="orders")]
)
def audit() -> Iterable[AssetCheckResult]:
    """One step, two checks."""
    yield AssetCheckResult(asset_key="orders", check_name="unique", passed=True)
    yield AssetCheckResult(asset_key="orders", check_name="summed", passed=True)


defs = Definitions([orders, revenue], asset_checks=[amounts_are_positive, mostly_recent, audit])


def story(shop: Playing) -> None:
    """All at once, which fails before revenue; then revenue alone."""
    shop.run(fails=True)
    shop.run("revenue")
