"""Jobs without assets in the graph: what they write is told while they run."""

from dagster import (
    AssetMaterialization,
    AssetObservation,
    Definitions,
    In,
    Nothing,
    OpExecutionContext,
    graph,
    job,
    op,
)
from playing import Playing


@op
def extract() -> int:
    """Fetch a file."""
    return 7


@op
def clean(rows: int) -> int:
    """Drop what is empty."""
    return rows - 1


@op
def store(context: OpExecutionContext, rows: int) -> None:
    """Write a table that no asset definition names."""
    context.log_event(AssetObservation("inbox", metadata={"files": 1}))
    context.log_event(AssetMaterialization(["lake", "rows"], metadata={"dagster/row_count": rows}))


@op(ins={"after": In(Nothing)})
def tell() -> None:
    """Write to somebody."""


@graph
def refine(rows: int) -> int:
    """A graph within the job."""
    return clean(clean(rows))


@job(tags={"team": "shop"})
def nightly() -> None:
    """Fetch, clean twice, store, tell."""
    tell(after=store(refine(extract())))


defs = Definitions(jobs=[nightly])


def story(shop: Playing) -> None:
    """Twice."""
    shop.run(job="nightly")
    shop.run(job="nightly")
