"""Steps whose number is known only while they run."""

from collections.abc import Iterator

from dagster import (
    AssetMaterialization,
    Definitions,
    DynamicOut,
    DynamicOutput,
    OpExecutionContext,
    asset,
    graph_asset,
    job,
    op,
)
from playing import Playing


@asset(code_version="1")
def folder() -> list[str]:
    """What lies there."""
    return ["a", "b", "c"]


@op(out=DynamicOut())
def each(folder: list[str]) -> Iterator[DynamicOutput[str]]:
    """One output per file."""
    for name in folder:
        yield DynamicOutput(name, mapping_key=name)


@op
def size(name: str) -> int:
    """Of one file."""
    return len(name)


@op
def added(sizes: list[int]) -> int:
    """Of all."""
    return sum(sizes)


@op
def files() -> list[str]:
    """What lies there."""
    return ["x", "y"]


@op
def keep(context: OpExecutionContext, name: str) -> None:
    """Write one file."""
    context.log_event(AssetMaterialization(["kept", name]))


@graph_asset
def weight(folder: list[str]) -> int:
    """Of all files together."""
    return added(each(folder).map(size).collect())


@job
def archive() -> None:
    """Keep every file."""
    each(files()).map(keep)


defs = Definitions([folder, weight], jobs=[archive])


def story(shop: Playing) -> None:
    """The assets, then the job."""
    shop.run()
    shop.run(job="archive")
