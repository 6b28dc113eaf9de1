"""A shop's tables in a file of SQLite: loaded, cleaned, summed and checked by Dagster."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

DATABASE = os.environ.get("SHOP_DATABASE", "shop.db")
ORDERS = [(1, "ada", 12.5), (2, "bob", 7.5), (3, "ada", 30.0)]
CUSTOMERS = [("ada", "ada@example.org", "GB"), ("bob", "bob@example.org", "US")]


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """The file, committed at the end."""
    connection = sqlite3.connect(DATABASE)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def described(table: str) -> dict[str, object]:
    """What Dagster shows of a table: its columns and how many rows it has."""
    with database() as shop:
        columns = [(row[1], row[2]) for row in shop.execute(f"PRAGMA table_info({table})")]
        [rows] = shop.execute(f"SELECT count(*) FROM {table}").fetchone()
    schema = dg.TableSchema([dg.TableColumn(name, type_.lower()) for name, type_ in columns])
    return {"dagster/column_schema": schema, "dagster/row_count": rows}


def column(source: dg.AssetsDefinition, name: str) -> list[dg.TableColumnDep]:
    """One column that another is made from."""
    return [dg.TableColumnDep(source.key, name)]


@dg.asset(kinds={"sqlite"}, owners=["team:shop"], metadata={"dagster/table_name": "main.orders"})
def orders() -> dg.MaterializeResult:
    """What was ordered, as it came in."""
    with database() as shop:
        shop.execute("DROP TABLE IF EXISTS orders")
        shop.execute("CREATE TABLE orders (id INTEGER, customer TEXT, amount REAL)")
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?)", ORDERS)
    return dg.MaterializeResult(metadata=described("orders"))


@dg.asset(kinds={"sqlite"}, owners=["team:crm"], metadata={"dagster/table_name": "main.customers"})
def customers() -> dg.MaterializeResult:
    """Who ordered."""
    with database() as shop:
        shop.execute("DROP TABLE IF EXISTS customers")
        shop.execute("CREATE TABLE customers (name TEXT, email TEXT, country TEXT)")
        shop.executemany("INSERT INTO customers VALUES (?, ?, ?)", CUSTOMERS)
    return dg.MaterializeResult(metadata=described("customers"))


@dg.asset(
    kinds={"sqlite"},
    owners=["team:shop"],
    deps=[orders, customers],
    metadata={"dagster/table_name": "main.revenue"},
)
def revenue() -> dg.MaterializeResult:
    """Revenue per country."""
    with database() as shop:
        shop.execute("DROP TABLE IF EXISTS revenue")
        shop.execute(
            "CREATE TABLE revenue AS SELECT country, sum(amount) AS amount"
            " FROM orders JOIN customers ON customer = name GROUP BY country"
        )
    lineage = dg.TableColumnLineage(
        {"country": column(customers, "country"), "amount": column(orders, "amount")}
    )
    return dg.MaterializeResult(
        metadata={**described("revenue"), "dagster/column_lineage": lineage}
    )


@dg.asset_check(asset=revenue, blocking=True)
def revenue_is_positive() -> dg.AssetCheckResult:
    """Every country pays more than nothing."""
    with database() as shop:
        [wrong] = shop.execute("SELECT count(*) FROM revenue WHERE amount <= 0").fetchone()
    return dg.AssetCheckResult(passed=wrong == 0, metadata={"rows": wrong})


@dg.asset(deps=[revenue], kinds={"csv"}, owners=["team:board"])
def board_report() -> None:
    """What the board reads."""


defs = dg.Definitions(
    assets=[orders, customers, revenue, board_report], asset_checks=[revenue_is_positive]
)
