"""A chain of tables as dbt would make it: days are loaded, cleaned, summed per month, reported."""

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetSpec,
    DailyPartitionsDefinition,
    Definitions,
    MaterializeResult,
    MonthlyPartitionsDefinition,
    TableColumn,
    TableColumnDep,
    TableColumnLineage,
    TableConstraints,
    TableSchema,
    TimeWindowPartitionMapping,
    asset,
)
from playing import Playing

DAYS = DailyPartitionsDefinition("2026-01-30", end_date="2026-02-03")
MONTHS = MonthlyPartitionsDefinition("2026-01-01", end_date="2026-03-01")


def _schema(**columns: str) -> TableSchema:
    return TableSchema(
        [TableColumn(name, type_) for name, type_ in columns.items()],
        TableConstraints(other=["one row per order"]),
    )


landing = AssetSpec(
    ["landing", "orders"], description="Files of the shop.", owners=["team:shop"], kinds={"s3"}
)


@asset(
    key=["raw", "orders"],
    partitions_def=DAYS,
    deps=[landing],
    code_version="1",
    owners=["team:shop", "ada@example.org"],
    tags={"layer": "raw"},
    kinds={"duckdb"},
    metadata={"dagster/table_name": "shop.raw.orders"},
)
def raw_orders(context: AssetExecutionContext) -> MaterializeResult:
    """Orders as they came."""
    day = int(context.partition_key[-2:])
    return MaterializeResult(
        metadata={
            "dagster/column_schema": _schema(id="int", email="string", amount="double"),
            "dagster/partition_row_count": day,
        }
    )


@asset(
    key=["core", "orders"],
    partitions_def=DAYS,
    deps=[raw_orders],
    code_version="1",
    tags={"layer": "core"},
    kinds={"duckdb", "dbt"},
    metadata={"dagster/table_name": "shop.core.orders"},
)
def core_orders() -> MaterializeResult:
    """Orders without e-mail addresses."""
    raw = raw_orders.key
    lineage = TableColumnLineage(
        {
            "id": [TableColumnDep(raw, "id")],
            "customer": [TableColumnDep(raw, "email")],
            "amount": [TableColumnDep(raw, "amount")],
        }
    )
    return MaterializeResult(
        metadata={
            "dagster/column_schema": _schema(id="int", customer="string", amount="double"),
            "dagster/column_lineage": lineage,
        }
    )


@asset(
    key=["core", "revenue"],
    partitions_def=MONTHS,
    deps=[AssetDep(core_orders, partition_mapping=TimeWindowPartitionMapping())],
    code_version="2",
)
def revenue() -> MaterializeResult:
    """Revenue of a month."""
    lineage = TableColumnLineage({"amount": [TableColumnDep(core_orders.key, "amount")]})
    return MaterializeResult(
        metadata={
            "dagster/column_schema": _schema(amount="double"),
            "dagster/column_lineage": lineage,
            "dagster/row_count": 1,
        }
    )


@asset(deps=[revenue], code_version="1")
def report() -> None:
    """What the board reads."""


defs = Definitions([landing, raw_orders, core_orders, revenue, report])


def story(shop: Playing) -> None:
    """A backfill of three days by one run each, two months, a report; then one day again."""
    backfill = {"dagster/backfill": "nightly"}
    for day in ("2026-01-30", "2026-01-31", "2026-02-01"):
        shop.run("raw/orders", "core/orders", partition=day, tags=backfill)
    for month in ("2026-01-01", "2026-02-01"):
        shop.run("core/revenue", partition=month)
    shop.run("report")
    shop.run("raw/orders", partition="2026-01-31")
    shop.run("core/orders", partition="2026-01-31")
