"""A DAG of three queries on SQLite, the last of which fails."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG

with DAG("shop", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    make = SQLExecuteQueryOperator(
        task_id="make",
        conn_id="shop",
        sql=[
            "CREATE TABLE IF NOT EXISTS orders (customer INTEGER, amount REAL)",
            "INSERT INTO orders VALUES (1, 12.5)",
        ],
    )
    total = SQLExecuteQueryOperator(
        task_id="total",
        conn_id="shop",
        sql="CREATE TABLE totals AS SELECT customer, sum(amount) AS amount FROM orders GROUP BY 1",
    )
    fail = SQLExecuteQueryOperator(
        task_id="fail", conn_id="shop", sql="INSERT INTO nowhere SELECT customer FROM totals"
    )
    make >> total >> fail
