"""A source that is watched, and an upstream that runs between two runs of its downstream."""

import itertools

from dagster import (
    AssetSpec,
    DataVersion,
    Definitions,
    MaterializeResult,
    asset,
    observable_source_asset,
)
from playing import Playing

_SEEN = itertools.count(1)
_MADE = itertools.count(1)


@observable_source_asset(description="A feed of a partner.")
def feed() -> DataVersion:
    """A version that changes each time."""
    return DataVersion(f"seen-{next(_SEEN)}")


rules = AssetSpec("rules", description="Written by hand.")


@asset(deps=[feed])
def events() -> MaterializeResult:
    """What the feed says; its version is the author's."""
    return MaterializeResult(data_version=DataVersion(f"made-{next(_MADE)}"))


@asset(deps=[events, rules])
def alerts() -> None:
    """Of events, by rules."""


defs = Definitions([feed, rules, events, alerts])


def story(shop: Playing) -> None:
    """Downstream twice, upstream again between; then downstream twice of the same."""
    shop.run("feed")
    shop.run("events")
    shop.run("alerts")
    shop.run("feed")
    shop.run("events")
    shop.run("alerts")
    shop.run("alerts")
