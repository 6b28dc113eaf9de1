"""Two assets and a check, materialized once; run with DAGSTER_HOME set to a folder."""

from __future__ import annotations

from dagster import AssetCheckResult, DagsterInstance, asset, asset_check, materialize


@asset
def orders() -> list[float]:
    """What was ordered."""
    return [12.5, 7.5]


@asset
def revenue(orders: list[float]) -> float:
    """Their sum."""
    return sum(orders)


@asset_check(asset=revenue)
def revenue_is_positive(revenue: float) -> AssetCheckResult:
    """There is some."""
    return AssetCheckResult(passed=revenue > 0)


if __name__ == "__main__":
    done = materialize([orders, revenue, revenue_is_positive], instance=DagsterInstance.get())
    raise SystemExit(0 if done.success else 1)
