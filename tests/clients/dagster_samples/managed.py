"""Values that an IO manager stores and loads; it tells where."""

from dagster import (
    AssetIn,
    AssetKey,
    Definitions,
    InputContext,
    IOManager,
    MetadataValue,
    OutputContext,
    SourceAsset,
    StaticPartitionsDefinition,
    asset,
    io_manager,
)
from playing import Playing

REGIONS = StaticPartitionsDefinition(["north", "south"])
_KEPT: dict[tuple[str, ...], int] = {}


class Shelf(IOManager):
    """Keeps values under the asset's key and partition."""

    def handle_output(self, context: OutputContext, obj: int) -> None:
        """Keep one."""
        partitions = context.asset_partition_keys if context.has_asset_partitions else ()
        _KEPT[(*context.asset_key.path, *partitions)] = obj
        context.add_output_metadata(
            {"dagster/uri": MetadataValue.text(f"s3://shelf/{context.asset_key.path[0]}")}
        )

    def load_input(self, context: InputContext) -> int:
        """Load one, or those of all partitions."""
        name = context.asset_key.path[0]
        return sum(value for key, value in _KEPT.items() if key[0] == name)


@io_manager
def shelf() -> Shelf:
    """The one shelf."""
    return Shelf()


prices = SourceAsset(AssetKey("prices"), io_manager_key="shelf")


@asset(partitions_def=REGIONS, io_manager_key="shelf", code_version="1")
def stock(prices: int) -> int:
    """Of a region."""
    return 3 + prices


@asset(
    io_manager_key="shelf",
    code_version="1",
    ins={"parts": AssetIn("stock"), "rate": AssetIn("rate")},
)
def value(parts: int, rate: int) -> int:
    """Of all regions."""
    return parts * rate


@asset(io_manager_key="shelf", code_version="1")
def rate() -> int:
    """One number."""
    return 2


defs = Definitions([prices, stock, value, rate], resources={"shelf": shelf})


def story(shop: Playing) -> None:
    """Two regions, the rate and the value; the rate again; the value again."""
    for region in ("north", "south"):
        shop.run("stock", partition=region)
    shop.run("rate", "value")
    shop.run("rate")
    shop.run("value")
