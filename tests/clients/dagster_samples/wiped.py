"""An asset whose history somebody deletes."""

from dagster import AssetKey, Definitions, StaticPartitionsDefinition, asset
from playing import Playing


@asset(code_version="1")
def visitors() -> None:
    """Who came."""


@asset(code_version="1", deps=[visitors])
def letters() -> None:
    """Written to them."""


@asset(code_version="1", deps=[visitors], partitions_def=StaticPartitionsDefinition(["a", "b"]))
def badges() -> None:
    """Handed to them."""


defs = Definitions([visitors, letters, badges])


def story(shop: Playing) -> None:
    """Make all, then delete letters; badges stand."""
    shop.run("visitors")
    shop.run("letters")
    for partition in ("a", "b"):
        shop.run("badges", partition=partition)
    shop.instance.wipe_assets([AssetKey("letters")])
