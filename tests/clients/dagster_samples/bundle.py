"""One step that writes several assets: not every output comes of every input."""

from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Definitions,
    MaterializeResult,
    MultiPartitionsDefinition,
    StaticPartitionsDefinition,
    asset,
    multi_asset,
)
from playing import Playing

PLACES = MultiPartitionsDefinition(
    {
        "country": StaticPartitionsDefinition(["de", "fr"]),
        "channel": StaticPartitionsDefinition(["web", "store"]),
    }
)


@asset(code_version="1")
def people() -> None:
    """Who buys."""


@asset(code_version="1")
def goods() -> None:
    """What is bought."""


@multi_asset(
    specs=[
        AssetSpec("buyers", deps=[people], code_version="1"),
        AssetSpec("items", deps=[goods], code_version="1"),
        AssetSpec("sales", deps=["buyers", "items"], code_version="1", skippable=True),
    ],
    can_subset=True,
)
def load(context: AssetExecutionContext) -> Iterator[MaterializeResult]:
    """Buyers of people, items of goods, sales of both."""
    for name in ("buyers", "items", "sales"):
        if AssetKey(name) in context.selected_asset_keys:
            yield MaterializeResult(asset_key=name, metadata={"dagster/row_count": len(name)})


@multi_asset(
    specs=[AssetSpec("visits", deps=["buyers"]), AssetSpec("baskets", deps=["items"])],
    partitions_def=PLACES,
)
def count() -> Iterator[MaterializeResult]:
    """Per country and channel."""
    yield MaterializeResult(asset_key="visits")
    yield MaterializeResult(asset_key="baskets")


defs = Definitions([people, goods, load, count])


def story(shop: Playing) -> None:
    """All of it; then one output alone; then one of four partitions."""
    shop.run("people", "goods", "buyers", "items", "sales")
    shop.run("items")
    shop.run("visits", "baskets", partition="web|fr")
