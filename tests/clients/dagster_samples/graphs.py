"""Assets that are graphs of ops, and a graph that writes two assets."""

from dagster import (
    AssetOut,
    Definitions,
    asset,
    graph_asset,
    graph_multi_asset,
    op,
)
from playing import Playing


@asset(code_version="1")
def measured() -> list[int]:
    """Numbers."""
    return [1, 2, 3]


@op
def doubled(numbers: list[int]) -> list[int]:
    """Each twice."""
    return [2 * one for one in numbers]


@op
def summed(numbers: list[int]) -> int:
    """All of them."""
    return sum(numbers)


@op
def highest(numbers: list[int]) -> int:
    """The last of them in order."""
    return max(numbers)


@graph_asset
def total(measured: list[int]) -> int:
    """The sum of the doubled numbers."""
    return summed(doubled(measured))


@graph_multi_asset(outs={"height": AssetOut(), "weight": AssetOut()})
def body(measured: list[int]) -> dict[str, int]:
    """Two figures of the same numbers."""
    twice = doubled(measured)
    return {"height": highest(twice), "weight": summed(twice)}


@asset
def index(height: int, weight: int) -> float:
    """Of both figures."""
    return weight / height


defs = Definitions([measured, total, body, index])


def story(shop: Playing) -> None:
    """All at once; then the last two again."""
    shop.run()
    shop.run("height", "weight")
    shop.run("index")
