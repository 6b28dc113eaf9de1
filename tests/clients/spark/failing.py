"""A job whose function fails on the first row; run by ``spark-submit failing.py FOLDER``."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

FOLDER = sys.argv[1]
spark = SparkSession.builder.appName("failing").getOrCreate()


@f.udf("double")
def broken(amount: float) -> float:
    """Fail."""
    raise ValueError(f"cannot use {amount}")


orders = spark.read.csv(
    f"{FOLDER}/orders.csv", header=True, schema="order_id INT, customer_id INT, amount DOUBLE"
)
orders.select(broken("amount").alias("amount")).write.mode("overwrite").parquet(f"{FOLDER}/broken")
